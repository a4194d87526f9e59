"""A server's turn: a slice or a window of load, with every clock read at both of its edges."""

import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np

from harness.inputs.settings import LoadSettings
from harness.inputs.study import Condition
from harness.lab.postgres.database import Database
from harness.load.generator import Edge
from harness.load.protocol import Arrivals, Tally
from harness.records.trial import BesideRecord, SliceRecord, WindowRecord
from harness.runner.gauges import Reading
from harness.runner.instruments import Instruments
from harness.runner.trial_builder import Gathering, Turn

_SETTLE_S = 0.005
"""Between a slice's last response and the reading of the clocks: what a server does after it has
answered (Django ends the request's thread then) belongs to the request that caused it."""
_SECOND_NS = 1_000_000_000
_DRAWS = 1_000_003
"""Between the seeds of one turn's windows; more than there are rounds."""


class _Edges(msgspec.Struct):
    """Readings at the edges of a window, with the database's counters."""

    readings: list[Reading]
    counters: list[dict[str, int]]


class Window(msgspec.Struct, frozen=True):
    """A window as it is kept, and its raw tally."""

    record: SliceRecord
    tally: Tally


class Turns:
    """Gives one server after the other its turn, under one condition.

    seed: of arrivals.
    writes: whether the table grows. Slices go round, so that all find it alike; before a window it
        is brought back, or the last one would be measured on what the others have written.
    """

    def __init__(
        self,
        condition: Condition,
        load: LoadSettings,
        instruments: Instruments,
        database: Database,
        *,
        writes: bool,
        seed: int,
    ) -> None:
        self._seed = seed
        self._writes = writes
        self._condition = condition
        self._settings = load
        self._with = instruments
        self._database = database

    def slice(self, gathering: Gathering, turn: Turn, seconds: float) -> SliceRecord:
        """A closed loop for some seconds, and its drain."""
        clock = gathering.server.running.clock
        before = self._with.gauges.read(clock)
        tally = self.warm_up(gathering, seconds)
        time.sleep(_SETTLE_S)
        used = self._with.gauges.read(clock) - before
        gathering.turn(turn, tally, used.server_ns, used.at_ns)
        return self._record(gathering, turn, tally, used, None)

    def window(
        self, gathering: Gathering, turn: Turn, rate_per_s: float | None, draw: int = 0
    ) -> Window:
        """Unbroken load: a closed loop, or an open one at a rate; the warm-up runs into it.

        draw: of arrivals, where one turn has several windows, lest all see one pattern.
        """
        clock = gathering.server.running.clock
        edges, injector = _Edges([], []), self._with.injector
        far = injector is not None and injector.delays_harness

        def at_edge(edge: Edge) -> None:
            # Closing, the clocks come first; opening, last: what the reading costs lies outside.
            # Unless PostgreSQL is far from the harness too: then its answer is waited for within.
            first = far or not edge.open
            if first:
                edges.readings.append(self._with.gauges.read(clock))
            edges.counters.append(self._database.counters())
            if not first:
                edges.readings.append(self._with.gauges.read(clock))

        condition, settings = self._condition, self._settings
        assert gathering.exchange is not None
        assert condition.window_s is not None
        if self._writes:
            self._database.reset(condition.rows)
        self._watch(gathering)
        began_ns, before_ns = time.monotonic_ns(), clock.read_ns()
        threads = ThreadPoolExecutor(1)
        try:
            beside = threads.submit(self._beside, gathering)
            tally = self._with.generator.window(
                gathering.server.entry.name, gathering.exchange, warmup_s=settings.warmup_s,
                seconds=condition.window_s, timeout_s=settings.timeout_s, at_edge=at_edge,
                arrivals=None if rate_per_s is None else self._arrivals(rate_per_s, turn, draw),
            )  # fmt: skip
            second = beside.result()  # its drain is no idle time either
        except Exception:
            threads.shutdown(wait=True)  # the next turn uses the same processes
            raise
        finally:
            # Interrupted, nobody waits for the second load; its process is ended with the others.
            threads.shutdown(wait=False)
        self._with.sampler.watch(None)
        # Warm-up and drain lie outside the edges, but are no idle time either.
        time.sleep(_SETTLE_S)
        used_ns = clock.read_ns() - before_ns
        gathering.turn(turn, tally, used_ns, time.monotonic_ns() - began_ns)
        opened, closed = edges.readings
        grown = {key: value - edges.counters[0][key] for key, value in edges.counters[1].items()}
        details = _details(tally, rate_per_s is not None, grown, second)
        return Window(self._record(gathering, turn, tally, closed - opened, details), tally)

    def _beside(self, gathering: Gathering) -> BesideRecord | None:
        """The second load, through the same warm-up and window; in a thread of its own."""
        background, condition = self._with.background, self._condition
        if background is None or gathering.beside is None or condition.window_s is None:
            return None
        tally = background.window(
            gathering.server.entry.name, gathering.beside, warmup_s=self._settings.warmup_s,
            seconds=condition.window_s, timeout_s=self._settings.timeout_s,
        )  # fmt: skip
        latencies = np.frombuffer(tally.latencies, dtype=np.int64)
        return BesideRecord(
            correct=tally.completed,
            errors=tally.errors,
            latency_p50_ns=_percentile(latencies, 50),
            latency_p99_ns=_percentile(latencies, 99),
        )

    def warm_up(self, gathering: Gathering, seconds: float) -> Tally:
        """The load of a slice, without reading any clock."""
        assert gathering.exchange is not None
        self._watch(gathering)
        tally = self._with.generator.slice(
            gathering.server.entry.name, gathering.exchange, seconds, self._settings.timeout_s
        )
        self._with.sampler.watch(None)
        return tally

    def _watch(self, gathering: Gathering) -> None:
        self._with.sampler.watch(self._database.role(gathering.server.entry.name))

    def _arrivals(self, rate_per_s: float, turn: Turn, draw: int) -> Arrivals:
        """The same schedule for every variant of a round: who comes when is not left to luck."""
        seed = self._seed + turn.round + _DRAWS * draw
        return Arrivals(self._condition.arrivals, rate_per_s, seed=seed)

    def _record(
        self,
        gathering: Gathering,
        turn: Turn,
        tally: Tally,
        used: Reading,
        window: WindowRecord | None,
    ) -> SliceRecord:
        kept = gathering.latencies.add(tally)
        speed = self._with.speed
        return SliceRecord(
            round=turn.round,
            position=turn.position,
            start_ns=tally.start_ns,
            elapsed_ns=tally.end_ns - tally.start_ns,
            window_ns=used.at_ns,
            correct=tally.completed,
            errors=tally.errors,
            reconnects=tally.reconnects,
            server_cpu_ns=used.server_ns,
            database_cpu_ns=used.database_ns,
            generator_cpu_ns=used.generator_ns,
            harness_cpu_ns=used.harness_ns,
            machine_busy_ns=used.machine_busy_ns,
            steal_ns=used.steal_ns,
            latency_p50_ns=kept.p50_ns,
            latency_p99_ns=kept.p99_ns,
            probe_ns=speed.mean_ns(tally.start_ns, tally.end_ns) if speed else None,
            run_delay_ns=used.run_delay_ns,
            relay_cpu_ns=used.relay_ns,
            window=window,
        )


def _details(
    tally: Tally, open_loop: bool, grown: dict[str, int], beside: BesideRecord | None
) -> WindowRecord:
    latencies = np.frombuffer(tally.latencies, dtype=np.int64)
    starts = np.frombuffer(tally.starts, dtype=np.int64)
    lags = np.frombuffer(tally.lags, dtype=np.int64)
    seconds = (tally.end_ns - tally.start_ns) // _SECOND_NS
    ends_before = np.frombuffer(tally.ends_before, dtype=np.int64)
    ends = np.concatenate((starts + latencies, ends_before))
    ended = (ends - tally.start_ns) // _SECOND_NS
    begun = (starts - tally.start_ns) // _SECOND_NS
    return WindowRecord(
        before=tally.before,
        in_flight=tally.in_flight,
        offered=lags.size + tally.dropped if open_loop else None,
        dropped=tally.dropped,
        latency_mean_ns=round(float(latencies.mean())) if latencies.size else None,
        lag_p50_ns=_percentile(lags, 50),
        lag_p99_ns=_percentile(lags, 99),
        per_second=tuple(int((ended == second).sum()) for second in range(seconds)),
        p50_per_second_ns=tuple(
            _percentile(latencies[begun == second], 50) for second in range(seconds)
        ),
        database=grown,
        beside=beside,
    )


def _percentile(values: np.ndarray[tuple[int], np.dtype[np.int64]], q: float) -> int | None:
    return int(np.percentile(values, q, method="inverted_cdf")) if values.size else None
