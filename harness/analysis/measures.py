"""The quantities that are compared, and how a trial or a slice yields them."""

from collections.abc import Sequence
from enum import StrEnum

from harness.inputs.study import Condition
from harness.records.histogram import of_answered, percentile_ns
from harness.records.trial import SliceRecord, Trial


class Measure(StrEnum):
    """What is compared. Server CPU per request comes first: it does not need saturation."""

    CPU = "server_cpu_us_per_request"
    THROUGHPUT = "throughput_per_s"
    DATABASE_CPU = "database_cpu_us_per_request"
    P50 = "latency_p50_ms"
    P99 = "latency_p99_ms"
    MEMORY = "memory_peak_mib"
    SUSTAINED = "sustained_rate_per_s"
    SECOND = "second_load_per_s"

    @property
    def heading(self) -> str:
        """As a heading, with its unit."""
        return _HEADINGS[self]

    @property
    def short(self) -> str:
        """As the heading of a column, with its unit."""
        return _SHORT[self]

    @property
    def lower_is_better(self) -> bool:
        """Whether less is better."""
        return self not in (Measure.THROUGHPUT, Measure.SUSTAINED, Measure.SECOND)


_HEADINGS = {
    Measure.CPU: "server CPU per request (µs)",
    Measure.THROUGHPUT: "throughput (requests/s)",
    Measure.DATABASE_CPU: "PostgreSQL CPU per request (µs)",
    Measure.P50: "median latency (ms)",
    Measure.P99: "99th percentile of latency (ms)",
    Measure.MEMORY: "peak memory since the server's start (MiB)",
    Measure.SUSTAINED: "highest rate that meets the objective (requests/s)",
    Measure.SECOND: "throughput of the second load (requests/s)",
}


_SHORT = {
    Measure.CPU: "CPU (µs)",
    Measure.THROUGHPUT: "requests/s",
    Measure.DATABASE_CPU: "PostgreSQL CPU (µs)",
    Measure.P50: "median (ms)",
    Measure.P99: "p99 (ms)",
    Measure.MEMORY: "memory (MiB)",
    Measure.SUSTAINED: "sustained/s",
    Measure.SECOND: "second load/s",
}


COSTS = (Measure.CPU, Measure.DATABASE_CPU)
"""Of one request; unknown where two loads share the time."""
PERCENTILES: dict[Measure, float] = {Measure.P50: 50.0, Measure.P99: 99.0}
"""Those that are taken from all latencies of a trial."""


def slice_value(measure: Measure, piece: SliceRecord) -> float | None:
    """The measure in one slice, or None where the slice cannot tell (latencies: never)."""
    if piece.correct == 0 or piece.elapsed_ns <= 0:
        return None
    if piece.window is not None and piece.window.beside is not None and measure in COSTS:
        return None  # the CPU time is that of two loads
    match measure:
        case Measure.CPU:
            return piece.server_cpu_ns / piece.correct / 1e3
        case Measure.THROUGHPUT:
            return piece.correct / piece.elapsed_ns * 1e9
        case Measure.DATABASE_CPU if piece.database_cpu_ns is not None:
            return piece.database_cpu_ns / piece.correct / 1e3
        case _:
            return None


def trial_value(measure: Measure, trial: Trial) -> float | None:
    """The measure over a whole trial: sums over sums, or a percentile of all latencies."""
    if measure is Measure.SUSTAINED:
        return trial.sustained_per_s
    if measure is Measure.MEMORY:
        return None if trial.rss_peak_kib is None else trial.rss_peak_kib / 1024
    if measure is Measure.SECOND:
        return _second(trial)
    if trial.condition.objective is not None:
        return None  # its windows were at all sorts of rates
    if trial.condition.beside is not None and measure in COSTS:
        return None  # the CPU time is that of two loads
    if measure in PERCENTILES:
        asked = of_answered(PERCENTILES[measure], answered_share([trial]))
        value = percentile_ns(trial.latency_hdr, asked)
        return None if value is None else value / 1e6
    pieces = [s for s in trial.slices if s.correct > 0 and s.elapsed_ns > 0]
    if not pieces:
        return None
    correct = sum(s.correct for s in pieces)
    if measure is Measure.THROUGHPUT:
        return correct / sum(s.elapsed_ns for s in pieces) * 1e9
    used = [s.server_cpu_ns if measure is Measure.CPU else s.database_cpu_ns for s in pieces]
    known = [u for u in used if u is not None]
    return sum(known) / correct / 1e3 if len(known) == len(used) else None


def answered_share(trials: Sequence[Trial]) -> float:
    """Of an open loop's arrivals, over these trials together; 1 of a closed loop, which has none.

    Those that were dropped, or failed, count as later than all that were answered.
    """
    offered = lost = 0
    for trial in trials:
        windows = [s.window for s in trial.slices if s.window is not None and s.window.offered]
        if not windows:
            continue
        offered += sum(window.offered or 0 for window in windows)
        lost += sum(window.dropped for window in windows)
        lost += sum(sum(s.errors.values()) for s in trial.slices)
    return max(offered - lost, 0) / offered if offered else 1.0


def _second(trial: Trial) -> float | None:
    """Correct responses to the second load per second, over all windows; None without one."""
    windows = [
        (piece.elapsed_ns, piece.window.beside.correct)
        for piece in trial.slices
        if piece.window is not None and piece.window.beside is not None
    ]
    elapsed, answered = sum(ns for ns, _ in windows), sum(correct for _, correct in windows)
    return answered / elapsed * 1e9 if elapsed and answered else None


def ranked(condition: Condition) -> tuple[Measure, ...]:
    """The measures by which variants are ranked under a condition.

    In a saturated closed loop latency is the number of connections divided by the throughput, and
    would rank the same thing twice; under arrivals at one rate for all, throughput is that rate,
    and latency is what differs. Where each variant has a rate of its own, only its cost compares.
    With a second load beside, what a request costs cannot be told apart from what that costs. Where
    latency is added, what is asked first is how much is kept under way.
    """
    if condition.objective is not None:
        return (Measure.SUSTAINED,)
    if condition.beside is not None:
        return (Measure.P99, Measure.P50)
    if condition.rate is not None:
        return (Measure.CPU, Measure.P99)
    if condition.share is not None:
        return (Measure.CPU,)
    if condition.latency is not None and any(condition.latency.legs.values()):
        return (Measure.THROUGHPUT, Measure.CPU)
    return (Measure.CPU, Measure.THROUGHPUT)
