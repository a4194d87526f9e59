"""The quantities that are compared, and how a trial or a slice yields them."""

import math
from enum import StrEnum

from harness.analysis.histogram import percentile_ns
from harness.records import SliceRecord, Trial


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


_PERCENTILES = {Measure.P50: 50.0, Measure.P99: 99.0}


def slice_value(measure: Measure, piece: SliceRecord) -> float | None:
    """The measure in one slice, or None where the slice cannot tell (latencies: never)."""
    if piece.correct == 0 or piece.elapsed_ns <= 0:
        return None
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
    if measure in _PERCENTILES:
        value = percentile_ns(trial.latency_hdr, _PERCENTILES[measure])
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


def block_effect(measure: Measure, one: Trial, other: Trial) -> float | None:
    """Log ratio of two trials of the same block.

    Where slices tell the measure, from the rounds that both took part in: in a round the two slices
    stand within a second or two of each other, so that the machine's slower changes cancel in each
    difference before they are averaged. A percentile needs all latencies of the trial at once.
    """
    if measure in _PERCENTILES:
        mine, theirs = trial_value(measure, one), trial_value(measure, other)
        return math.log(mine / theirs) if mine and theirs else None
    values = {s.round: slice_value(measure, s) for s in one.slices}
    others = {s.round: slice_value(measure, s) for s in other.slices}
    logs = [
        math.log(own / its)
        for number, own in values.items()
        if own and own > 0 and (its := others.get(number)) and its > 0
    ]
    return sum(logs) / len(logs) if logs else None
