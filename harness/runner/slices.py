"""A server's turn: a slice or a window of load, with every clock read at both of its edges."""

from concurrent.futures import ThreadPoolExecutor

import msgspec

from harness.lab.postgres.database import Database
from harness.load.generator import Edge
from harness.load.protocol import Arrivals, Exchange, Tally
from harness.records.histogram import sample_percentile
from harness.records.plan import Phase
from harness.records.trial import BesideRecord
from harness.runner.gauges import Reading
from harness.runner.instruments import Instruments
from harness.runner.servers import LiveEntry
from harness.runner.session import Session
from harness.runner.trial_builder import Measurement, Turn, WindowExtras

_SETTLE_S = 0.005
"""Between a slice's last response and the reading of the clocks: what a server does after it has
answered (Django ends the request's thread then) belongs to the request that caused it."""
_SEEDS_PER_BLOCK = 100_000
"""Every round of every block has arrivals of its own."""
_SEEDS_PER_WINDOW = 1_000_003
"""Between the seeds of one turn's windows; more than there are rounds."""


class LoadTarget(msgspec.Struct, frozen=True):
    """A server under one condition, with its connections open.

    exchange: what is sent, and what a correct answer is. beside: of the second load; None without.
    """

    live: LiveEntry
    exchange: Exchange
    beside: Exchange | None


class Loader:
    """Loads one target at a time under one condition.

    Args:
        session, instruments: of the run.
        phase: the condition, and the block, which seeds the arrivals.
    """

    def __init__(self, session: Session, instruments: Instruments, phase: Phase) -> None:
        self._instruments = instruments
        self._database: Database = session.database
        self._load = session.run.study.load
        self._condition = phase.condition
        self._seed = session.run.study.seed + _SEEDS_PER_BLOCK * phase.block
        # Slices go round, so that all find the growing table alike. Before a window it is brought
        # back, or the last one would be measured on what the others have written.
        operation = session.contract.operations[phase.condition.endpoint]
        self._resets = operation.method == "POST"

    def load(self, target: LoadTarget, seconds: float) -> Tally:
        """Load with a closed loop for some seconds, and drain; no clock is read."""
        self._watch(target)
        tally = self._instruments.generator.slice(
            target.live.name, target.exchange, seconds, self._load.timeout_s
        )
        self._instruments.sampler.watch(None)
        return tally

    def slice(self, target: LoadTarget) -> Measurement:
        """A closed loop for as long as the study's slices are, and its drain."""
        server, watch = target.live.server, self._instruments.watch
        watch.ready()
        before = watch.before(server)
        tally = self.load(target, self._load.slice_s)
        self._instruments.clock.sleep(_SETTLE_S)
        seen = watch.after(server, tally.paused_ns)
        used = seen.reading - before
        return Measurement(
            tally, used, used.server_ns, used.at_ns, seen.probe_ns, events=seen.events
        )

    def window(
        self, target: LoadTarget, turn: Turn, rate_per_s: float | None, draw: int = 0
    ) -> Measurement:
        """Unbroken load: a closed loop, or an open one at a rate; the warm-up runs into it.

        Args:
            target: the server.
            turn: whose round seeds the arrivals.
            rate_per_s: of an open loop; a closed loop if None.
            draw: of arrivals, where one turn has several windows, so that their patterns differ.
        """
        condition, load, tools = self._condition, self._load, self._instruments
        assert condition.window_s is not None
        if self._resets:
            self._database.reset(condition.rows)
        self._watch(target)
        edges = _Edges(target, tools, self._database)
        tools.watch.ready()
        before = tools.watch.before(target.live.server)
        threads = ThreadPoolExecutor(1)
        try:
            second = threads.submit(self._load_beside, target)
            tally = tools.generator.window(
                target.live.name, target.exchange, warmup_s=load.warmup_s,
                seconds=condition.window_s, timeout_s=load.timeout_s, at_edge=edges.read,
                arrivals=None if rate_per_s is None else self._arrivals(rate_per_s, turn, draw),
            )  # fmt: skip
            beside = second.result()  # its drain is no idle time either
        except Exception:
            threads.shutdown(wait=True)  # the next turn uses the same processes
            raise
        finally:
            # After Ctrl-C the second load is not waited for; its process ends with the others.
            threads.shutdown(wait=False)
        tools.sampler.watch(None)
        tools.clock.sleep(_SETTLE_S)
        seen = tools.watch.after(target.live.server, tally.paused_ns, edges.period)
        whole = seen.reading - before
        return Measurement(
            tally=tally,
            used=edges.used,
            turn_cpu_ns=whole.server_ns,
            turn_ns=whole.at_ns,
            probe_ns=seen.probe_ns,
            window=WindowExtras(rate_per_s is not None, edges.counted, beside),
            events=seen.events,
        )

    def _load_beside(self, target: LoadTarget) -> BesideRecord | None:
        """The second load, through the same warm-up and window; in a thread of its own."""
        background, condition = self._instruments.background, self._condition
        if background is None or target.beside is None or condition.window_s is None:
            return None
        tally = background.window(
            target.live.name, target.beside, warmup_s=self._load.warmup_s,
            seconds=condition.window_s, timeout_s=self._load.timeout_s,
        )  # fmt: skip
        latencies = tally.latencies_ns
        return BesideRecord(
            correct=tally.completed,
            errors=tally.errors,
            latency_p50_ns=sample_percentile(latencies, 50),
            latency_p99_ns=sample_percentile(latencies, 99),
        )

    def _watch(self, target: LoadTarget) -> None:
        self._instruments.sampler.watch(self._database.role(target.live.name))

    def _arrivals(self, rate_per_s: float, turn: Turn, draw: int) -> Arrivals:
        """The same schedule for every variant of a round, so that luck favours none."""
        seed = self._seed + turn.round + _SEEDS_PER_WINDOW * draw
        return Arrivals(self._condition.arrivals, rate_per_s, seed=seed)


class _Edges:
    """Readings of the clocks, and of the database's counters, at the edges of a window."""

    def __init__(self, target: LoadTarget, instruments: Instruments, database: Database) -> None:
        self._server = target.live.server
        self._watch = instruments.watch
        self._database = database
        self._distant = instruments.legs.delays_harness
        self._readings: list[Reading] = []
        self._counters: list[dict[str, int]] = []

    def read(self, edge: Edge) -> None:
        """Read everything now.

        Closing, the clocks come first; opening, last: what the reading costs lies outside. Unless
        PostgreSQL is far from the harness too: then its answer is waited for within.
        """
        clocks_first = self._distant or not edge.open
        if clocks_first:
            self._readings.append(self._watch.read(self._server))
        self._counters.append(self._database.counters())
        if not clocks_first:
            self._readings.append(self._watch.read(self._server))

    @property
    def used(self) -> Reading:
        """CPU time between the edges."""
        opened, closed = self._readings
        return closed - opened

    @property
    def period(self) -> tuple[int, int]:
        """Both edges, on the clock of the readings."""
        opened, closed = self._readings
        return opened.at_ns, closed.at_ns

    @property
    def counted(self) -> dict[str, int]:
        """By how much the counters grew between the edges."""
        opened, closed = self._counters
        return {key: value - opened[key] for key, value in closed.items()}
