"""The quantities that are compared, and how a trial or a slice yields them."""

import math
from collections.abc import Iterable
from enum import StrEnum

from harness.experiment.records import SliceRecord, Trial


class Measure(StrEnum):
    """What is compared. Server CPU per request comes first: it does not need saturation."""

    CPU = "server_cpu_us_per_request"
    THROUGHPUT = "throughput_per_s"
    DATABASE_CPU = "database_cpu_us_per_request"
    P50 = "latency_p50_ms"
    P99 = "latency_p99_ms"

    @property
    def heading(self) -> str:
        """As a heading, with its unit."""
        return _HEADINGS[self]

    @property
    def lower_is_better(self) -> bool:
        """Whether less is better."""
        return self is not Measure.THROUGHPUT


_HEADINGS = {
    Measure.CPU: "server CPU per request (µs)",
    Measure.THROUGHPUT: "throughput (requests/s)",
    Measure.DATABASE_CPU: "PostgreSQL CPU per request (µs)",
    Measure.P50: "median latency (ms)",
    Measure.P99: "99th percentile of latency (ms)",
}


def slice_value(measure: Measure, piece: SliceRecord) -> float | None:
    """The measure in one slice, or None where the slice cannot tell."""
    if piece.correct == 0 or piece.elapsed_ns <= 0:
        return None
    match measure:
        case Measure.CPU:
            return piece.server_cpu_ns / piece.correct / 1e3
        case Measure.THROUGHPUT:
            return piece.correct / piece.elapsed_ns * 1e9
        case Measure.DATABASE_CPU:
            return (
                None
                if piece.database_cpu_ns is None
                else piece.database_cpu_ns / piece.correct / 1e3
            )
        case Measure.P50:
            return None if piece.latency_p50_ns is None else piece.latency_p50_ns / 1e6
        case Measure.P99:
            return None if piece.latency_p99_ns is None else piece.latency_p99_ns / 1e6


def trial_value(measure: Measure, trial: Trial) -> float | None:
    """The measure over a whole trial.

    CPU times and throughput are sums over sums. Latencies are the median of the slices'
    percentiles, which one disturbed slice does not move.
    """
    pieces = [s for s in trial.slices if s.correct > 0 and s.elapsed_ns > 0]
    if not pieces:
        return None
    correct = sum(s.correct for s in pieces)
    match measure:
        case Measure.CPU:
            return sum(s.server_cpu_ns for s in pieces) / correct / 1e3
        case Measure.THROUGHPUT:
            return correct / sum(s.elapsed_ns for s in pieces) * 1e9
        case Measure.DATABASE_CPU:
            used = [s.database_cpu_ns for s in pieces]
            known = [u for u in used if u is not None]
            return sum(known) / correct / 1e3 if len(known) == len(used) else None
        case Measure.P50 | Measure.P99:
            return _median(v for s in pieces if (v := slice_value(measure, s)) is not None)


def block_effect(measure: Measure, one: Trial, other: Trial) -> float | None:
    """Log ratio of two trials of the same block, from the rounds that both took part in.

    In a round the two slices stand within a second or two of each other, so that the machine's
    slower changes cancel in each difference before they are averaged.
    """
    values = {s.round: slice_value(measure, s) for s in one.slices}
    others = {s.round: slice_value(measure, s) for s in other.slices}
    logs = [
        math.log(mine / theirs)
        for number, mine in values.items()
        if mine and mine > 0 and (theirs := others.get(number)) and theirs > 0
    ]
    return sum(logs) / len(logs) if logs else None


def _median(values: Iterable[float]) -> float | None:
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
