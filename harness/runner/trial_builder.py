"""A trial in the making: turns come in raw, and the trial that is kept comes out."""

import io
import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from harness.lab.clocks import Usage
from harness.lab.postgres.waits import Samples
from harness.lab.workers import WorkerState
from harness.load.protocol import Tally
from harness.records.histogram import DIGITS, HIGHEST_NS, LOWEST_NS, sample_percentile
from harness.records.plan import Entry, Phase
from harness.records.run import SCHEMA
from harness.records.trial import (
    BesideRecord,
    Event,
    OpeningRecord,
    Resource,
    RoundTrips,
    ServerSize,
    SliceRecord,
    Statements,
    Trial,
    Try,
    Waits,
    WindowRecord,
    WorkerRecord,
)
from harness.runner.gauges import Reading
from harness.runner.lookout import stalled, stalls

_ERROR_SAMPLES = 5
_SECOND_NS = 1_000_000_000


class Turn(msgspec.Struct, frozen=True):
    """Which round, and the place in its order."""

    round: int
    position: int


class _Gap(msgspec.Struct, frozen=True):
    """The longest time without an answer in a turn, where it may be a stall."""

    turn: Turn
    longest_s: float
    repeated: bool


class WindowExtras(msgspec.Struct, frozen=True):
    """What a window has beyond a slice.

    open_loop: whether arrivals were scheduled.
    database: by how much PostgreSQL's counters grew between the edges.
    beside: the second load; None without one.
    opening, at_rest, at_close: see `WindowRecord`.
    """

    open_loop: bool
    database: dict[str, int]
    beside: BesideRecord | None
    opening: OpeningRecord | None = None
    at_rest: ServerSize | None = None
    at_close: ServerSize | None = None


class Measurement(msgspec.Struct, frozen=True):
    """One turn, raw. Times in nanoseconds.

    tally: of the generator.
    used: by every role, from one reading of the clocks to the other.
    turn_cpu_ns, turn_ns: the server's CPU time and the time that passed in the whole turn; a
        window's warm-up and drain lie outside its edges, but within its turn.
    probe_ns: mean time of the speed probe's arithmetic meanwhile; None without probe.
    window: None for a slice.
    events: what befell it, stalls apart: those are found when the trial is known.
    """

    tally: Tally
    used: Reading
    turn_cpu_ns: int
    turn_ns: int
    probe_ns: int | None
    window: WindowExtras | None = None
    events: tuple[Event, ...] = ()


class Ending(msgspec.Struct, frozen=True):
    """What is known of a server only when its phase has ended.

    problem: why the trial is incomplete, or None. cpu_ns, at_ns: the server's clock, and when.
    usage: None of a server that failed. workers: by process id; none of one that failed.
    exhausted: what the system refused to it.
    """

    problem: str | None
    cpu_ns: int
    at_ns: int
    usage: Usage | None
    waits: Samples | None
    statements: Statements | None
    round_trips: RoundTrips | None
    workers: Mapping[int, WorkerState] = {}
    exhausted: tuple[Resource, ...] = ()


class TrialBuilder:
    """Gathers one entry's trial, turn by turn.

    Args:
        entry, phase: whose, and of which condition and block.
        keep_requests: whether each request's start and latency are kept.
    """

    def __init__(self, entry: Entry, phase: Phase, *, keep_requests: bool = False) -> None:
        condition = phase.condition
        self.entry = entry
        self.requests = Requests() if keep_requests else None
        self.slices: list[SliceRecord] = []
        self.capacity_per_s: float | None = None
        self.sent = 0
        self._events: list[Event] = []
        self._gaps: list[_Gap] = []
        self._typical_s: list[float] = []
        self._phase = phase
        self._latencies = Latencies(condition.connections, window=bool(condition.window_s))
        self._lags = Latencies(0, window=True)
        self._error_samples: list[str] = []
        self._errors_before: Counter[str] = Counter()
        self._samples_before: list[str] = []
        self.tries: list[Try] = []
        self._sustained_per_s: list[float | None] = []
        self._started_at = datetime.now(UTC)
        self._cpu_at_begin_ns = 0
        self._workers_at_begin: Mapping[int, WorkerState] = {}
        self._began_ns = 0
        self._turns_cpu_ns = 0
        self._turns_ns = 0

    def begin(
        self, cpu_ns: int, now_ns: int, workers: Mapping[int, WorkerState] | None = None
    ) -> None:
        """Warm-up is over: from here on CPU time outside of the server's turns is idle work.

        Args:
            cpu_ns, now_ns: the server's clock, and the time.
            workers: its worker processes.
        """
        self._cpu_at_begin_ns = cpu_ns
        self._workers_at_begin = workers or {}
        self._began_ns = now_ns

    def note_aside(self, cpu_ns: int, ns: int) -> None:
        """Take the server's CPU time and the time for what belongs to its turns beside the load."""
        self._turns_cpu_ns += cpu_ns
        self._turns_ns += ns

    def note_before(self, tally: Tally) -> None:
        """Keep the errors of load that no turn measures: they may say why none can be."""
        self._errors_before.update(tally.errors)
        self._samples_before += tally.samples[: _ERROR_SAMPLES - len(self._samples_before)]

    def add(self, turn: Turn, measured: Measurement, *, repeated: bool = False) -> None:
        """Take a turn: its slice or window, its requests, and the server's CPU time in it.

        repeated: an event spoilt this window, and it is measured again.
        """
        tally = measured.tally
        for event in measured.events:
            self._note(turn, event, repeated)
        if longest := max(stalls(tally), default=0.0):
            self._gaps.append(_Gap(turn, longest, repeated))
        if tally.latencies:
            self._typical_s.append(float(np.median(tally.latencies_ns)) / 1e9)
        if self.requests is not None:
            self.requests.add(turn.round, tally)
        self.sent += tally.sent
        self._error_samples += tally.samples[: _ERROR_SAMPLES - len(self._error_samples)]
        self._turns_cpu_ns += measured.turn_cpu_ns
        self._turns_ns += measured.turn_ns
        self._lags.record(tally.lags_ns)
        self.slices.append(_slice_record(turn, measured, self._latencies.add(tally)))

    def add_search(self, tries: tuple[Try, ...], sustained_per_s: float | None) -> None:
        """Take the outcome of a search for the highest rate; its windows come by `add`."""
        self.tries += tries
        self._sustained_per_s.append(sustained_per_s)

    def befell(self, measured: Measurement) -> tuple[Event, ...]:
        """What befell a turn that is not taken yet, its stall included, as far as one can tell."""
        own = measured.tally.latencies_ns
        typical = [*self._typical_s, float(np.median(own)) / 1e9] if own.size else self._typical_s
        longest = max(stalls(measured.tally), default=0.0)
        stall = stalled(longest, min(typical, default=math.inf))
        return measured.events if stall is None else (*measured.events, stall)

    def _note(self, turn: Turn, event: Event, repeated: bool) -> None:
        """Keep an event with its place; a loss of the probe is told once, not at every turn."""
        if event.kind == "probe-lost" and any(e.detail == event.detail for e in self._events):
            return
        placed = msgspec.structs.replace(
            event, round=turn.round, position=turn.position, repeated=repeated
        )
        self._events.append(placed)

    def _all_events(self) -> tuple[Event, ...]:
        """In the order of turns. Whether a gap is a stall depends on the other turns' latencies."""
        # Where no request of a turn was answered, nothing is typical, and no gap can be a stall.
        typical_s = float(np.median(self._typical_s)) if self._typical_s else math.inf
        for gap in self._gaps:
            if (event := stalled(gap.longest_s, typical_s)) is not None:
                self._note(gap.turn, event, gap.repeated)
        self._gaps.clear()
        return tuple(sorted(self._events, key=lambda e: (e.round or 0, e.position or 0)))

    def trial(
        self, run: str, attempt: int, ending: Ending, machine_set: str | None = None
    ) -> Trial:
        """The trial that is kept."""
        usage = ending.usage
        return Trial(
            schema=SCHEMA,
            run=run,
            block=self._phase.block,
            attempt=attempt,
            condition=self._phase.condition,
            entry=self.entry.name,
            variant=self.entry.variant,
            started_at=self._started_at.isoformat(timespec="seconds"),
            slices=tuple(self.slices),
            latency_hdr=self._latencies.encoded(),
            error_samples=tuple(self._error_samples or self._samples_before),
            rss_peak_kib=usage.rss_peak_kib if usage else None,
            threads=usage.threads if usage else None,
            processes=usage.processes if usage else None,
            idle_cpu_share=self._idle_share(ending) if usage else None,
            problem=ending.problem,
            lag_hdr=self._lags.encoded(),
            waits=None if ending.waits is None else waits_record(ending.waits),
            statements=ending.statements,
            capacity_per_s=self.capacity_per_s,
            search=tuple(self.tries),
            sustained_per_s=self._sustained(),
            round_trips=ending.round_trips,
            errors_before=dict(sorted(self._errors_before.items())),
            events=self._all_events(),
            workers=worker_records(self._workers_at_begin, ending.workers),
            exhausted=ending.exhausted,
            machine_set=machine_set,
        )

    def _sustained(self) -> float | None:
        """The mean of the searches, where every one of them found a rate."""
        rates = [rate for rate in self._sustained_per_s if rate is not None]
        if not rates or len(rates) < len(self._sustained_per_s):
            return None
        return sum(rates) / len(rates)

    def _idle_share(self, ending: Ending) -> float | None:
        waited_ns = ending.at_ns - self._began_ns - self._turns_ns
        used_ns = ending.cpu_ns - self._cpu_at_begin_ns - self._turns_cpu_ns
        return used_ns / waited_ns if waited_ns > 0 else None


def worker_records(
    before: Mapping[int, WorkerState], after: Mapping[int, WorkerState]
) -> tuple[WorkerRecord, ...]:
    """The workers that lived all the while, busiest first."""
    lasting = [(before[pid], state) for pid, state in after.items() if pid in before]
    records = [
        WorkerRecord(
            cpu_ns=later.cpu_ns - earlier.cpu_ns,
            rss_peak_kib=later.rss_peak_kib,
            connections=later.connections,
        )
        for earlier, later in lasting
    ]
    return tuple(sorted(records, key=lambda record: -record.cpu_ns))


def waits_record(samples: Samples) -> Waits:
    """Samples of PostgreSQL's connections, as they are kept."""
    return Waits(busy=tuple(samples.busy), states=dict(sorted(samples.states.items())))


class SliceLatency(msgspec.Struct, frozen=True):
    """Percentiles of one slice or window, or None where too few responses are left."""

    p50_ns: int | None
    p99_ns: int | None


class Latencies:
    """Gathers the latencies of one trial into an HDR histogram.

    Args:
        connections: N. In a slice all N send at once at its start, and the last N answers come
            while nothing new is sent; both are left out, for they queued behind an edge of ours.
        window: a window has no such edges, and nothing is left out.
    """

    def __init__(self, connections: int, *, window: bool = False) -> None:
        self._edge = 0 if window else connections
        self._histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)

    def add(self, tally: Tally) -> SliceLatency:
        """Take a slice's or a window's latencies; return their percentiles."""
        latencies = tally.latencies_ns
        kept = (
            latencies[self._edge : latencies.size - self._edge]
            if latencies.size > 2 * self._edge
            else latencies[:0]
        )
        self.record(kept)
        return SliceLatency(sample_percentile(kept, 50), sample_percentile(kept, 99))

    def encoded(self) -> str | None:
        """The histogram in its standard base64 encoding; None if nothing was recorded."""
        if self._histogram.get_total_count() == 0:
            return None
        encoded: bytes = self._histogram.encode()
        return encoded.decode("ascii")

    def record(self, latencies: NDArray[np.int64]) -> None:
        """Take durations in nanoseconds."""
        # Rounded to the histogram's own precision first, so that each distinct value is recorded
        # once with its count: recording one by one would take longer than the slice.
        steps = np.maximum(10 ** (np.floor(np.log10(np.maximum(latencies, 1_000))) - 4), 1)
        values, counts = np.unique(np.rint(latencies / steps) * steps, return_counts=True)
        for value, count in zip(values.astype(np.int64), counts, strict=True):
            self._histogram.record_value(int(value), int(count))


class Requests:
    """Every correct request of a trial, where a study asks for them: raw, for other tools."""

    def __init__(self) -> None:
        self._rounds: list[NDArray[np.int32]] = []
        self._starts: list[NDArray[np.int64]] = []
        self._latencies: list[NDArray[np.int64]] = []

    def add(self, round_: int, tally: Tally) -> None:
        """Take the requests of a slice or a window, in order of completion."""
        starts = tally.starts_ns
        self._rounds.append(np.full(starts.size, round_, dtype=np.int32))
        self._starts.append(starts)
        self._latencies.append(tally.latencies_ns)

    def compressed(self) -> bytes:
        """A NumPy archive with three arrays of equal length.

        round: which round (int32). start_ns: when sent, or due, on the monotonic clock (int64).
        latency_ns: from then to the complete answer (int64).
        """
        archive = io.BytesIO()
        np.savez_compressed(
            archive,
            round=np.concatenate([np.zeros(0, np.int32), *self._rounds]),
            start_ns=np.concatenate([np.zeros(0, np.int64), *self._starts]),
            latency_ns=np.concatenate([np.zeros(0, np.int64), *self._latencies]),
        )
        return archive.getvalue()


def _slice_record(turn: Turn, measured: Measurement, latency: SliceLatency) -> SliceRecord:
    tally, used = measured.tally, measured.used
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
        latency_p50_ns=latency.p50_ns,
        latency_p99_ns=latency.p99_ns,
        probe_ns=measured.probe_ns,
        run_delay_ns=used.run_delay_ns,
        relay_cpu_ns=used.relay_ns,
        window=None if measured.window is None else _window_record(tally, measured.window),
    )


def _window_record(tally: Tally, extras: WindowExtras) -> WindowRecord:
    latencies = tally.latencies_ns
    starts = tally.starts_ns
    lags = tally.lags_ns
    seconds = (tally.end_ns - tally.start_ns) // _SECOND_NS
    ends_before = tally.ends_before_ns
    ends = np.concatenate((starts + latencies, ends_before))
    ended = (ends - tally.start_ns) // _SECOND_NS
    begun = (starts - tally.start_ns) // _SECOND_NS
    return WindowRecord(
        before=tally.before,
        in_flight=tally.in_flight,
        offered=lags.size + tally.dropped if extras.open_loop else None,
        dropped=tally.dropped,
        latency_mean_ns=round(float(latencies.mean())) if latencies.size else None,
        lag_p50_ns=sample_percentile(lags, 50),
        lag_p99_ns=sample_percentile(lags, 99),
        per_second=tuple(int((ended == second).sum()) for second in range(seconds)),
        p50_per_second_ns=tuple(
            sample_percentile(latencies[begun == second], 50) for second in range(seconds)
        ),
        database=extras.database,
        beside=extras.beside,
        opening=extras.opening,
        at_rest=extras.at_rest,
        at_close=extras.at_close,
        errors_early=tally.errors_early,
        drain_ns=tally.drain_ns,
    )
