"""Two runs, compared: by how much each variant of the second differs from itself in the first."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from harness.analysis.condition import Piece, pieces_of
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Difference, Interval, block_interval, welch
from harness.analysis.stats.ties import ALPHA, exceedance_p, holm
from harness.inputs.study import Condition, Study
from harness.records.run import Run
from harness.records.trial import Trial

MEASURES: dict[str, Measure] = {
    "cpu": Measure.CPU,
    "throughput": Measure.THROUGHPUT,
    "p99": Measure.P99,
    "memory": Measure.MEMORY,
    "sustained": Measure.SUSTAINED,
}
"""By the names that the command line has for them."""
LEAST_BLOCKS = 2
"""In each run; one alone does not tell how much blocks differ."""


class Verdict(StrEnum):
    """How run B stands to run A."""

    FASTER = "faster"
    SLOWER = "slower"
    TIE = "tie"
    NOT_COMPARABLE = "not comparable"


class Measured(msgspec.Struct, frozen=True):
    """A run with its trials, in any order and with all attempts."""

    run: Run
    trials: Sequence[Trial]


class Place(msgspec.Struct, frozen=True):
    """What two runs may have in common: a variant under a condition, whose group is left out."""

    variant: str
    condition: Condition


class Pair(msgspec.Struct, frozen=True):
    """One variant under one condition, in run A and in run B.

    a, b: by the measure, geometric means over good blocks with intervals; empty without any.
    ratio_b_to_a: with Welch's 95 % interval; its standard error is that of the logarithm, and its
        blocks are those of both runs. None where the pair is not comparable, as all that follows.
    degrees_of_freedom: of that interval.
    noise_floor_share: what two identical servers may differ by, as a ratio minus one; the larger of
        the two runs'.
    p_adjusted: of the hypothesis that the true difference is within the floor (Holm 1979).
    reason: why it is not comparable; None where it is.
    unfit: the run that this is due to; None where it is the condition, or no run.
    """

    variant: str
    condition: Condition
    verdict: Verdict
    a: dict[Measure, Interval]
    b: dict[Measure, Interval]
    ratio_b_to_a: Interval | None
    degrees_of_freedom: float | None
    noise_floor_share: float | None
    p_adjusted: float | None
    reason: str | None
    unfit: Literal["A", "B"] | None = None


class RunComparison(msgspec.Struct, frozen=True):
    """Run B against run A, by one measure.

    pairs: whatever was measured in both, in the order of run A's study.
    only_in_a, only_in_b: whatever was measured in one of them alone.
    """

    run_a: str
    run_b: str
    measure: Measure
    pairs: tuple[Pair, ...]
    only_in_a: tuple[Place, ...]
    only_in_b: tuple[Place, ...]

    @property
    def comparable(self) -> tuple[Pair, ...]:
        """The pairs of which something is said."""
        return tuple(p for p in self.pairs if p.verdict is not Verdict.NOT_COMPARABLE)


def compare(a: Measured, b: Measured, measure: Measure) -> RunComparison:
    """Hold each variant under each condition of run B against the same of run A.

    The blocks of two runs are independent samples, so the interval is Welch's, of the logarithms of
    whole blocks. Within a run neighbouring slices cancel the machine's drift; between runs nothing
    does: what the machine did from one to the other is in every ratio, and intervals know of it
    only what the blocks of one run show. A study that has both versions as variants, interleaved,
    is the stronger design.

    All pairs are one family of tests. Each asks, as `results` does within a run, for a difference
    that exceeds the noise floor beyond doubt.

    Args:
        a, b: what was measured; loaded by our own generator, not in Locust's cells.
        measure: one of `MEASURES`.
    """
    before, after = _by_condition(a), _by_condition(b)
    ours, theirs = _places(before), _places(after)
    tested = {
        place: _tested(measure, before[place.condition], after[place.condition], place.variant)
        for place in ours
        if place in theirs
    }
    known = {place: test.p for place, test in tested.items() if test.p is not None}
    adjusted = holm(known)
    return RunComparison(
        run_a=a.run.id,
        run_b=b.run.id,
        measure=measure,
        pairs=tuple(_pair(measure, p, test, adjusted.get(p)) for p, test in tested.items()),
        only_in_a=tuple(place for place in ours if place not in theirs),
        only_in_b=tuple(place for place in theirs if place not in ours),
    )


def undecided(comparison: RunComparison, allowed: float) -> tuple[Pair, ...]:
    """The comparable pairs that may have become worse by more than is allowed, for all one knows.

    Args:
        comparison: of two runs.
        allowed: as of `regressions`.
    """
    most, lower = math.log1p(allowed), comparison.measure.lower_is_better
    found: list[Pair] = []
    for pair in comparison.comparable:
        ratio = pair.ratio_b_to_a
        worst = None if ratio is None else ratio.high if lower else ratio.low
        if worst is None or worst <= 0 or (math.log(worst) if lower else -math.log(worst)) > most:
            found.append(pair)
    return tuple(found)


def regressions(comparison: RunComparison, allowed: float) -> tuple[Pair, ...]:
    """The pairs that are called slower, and by more than is allowed.

    Args:
        comparison: of two runs.
        allowed: as a share: 0.05 allows a cost of 1.05 times what it was, and a throughput of
            1 / 1.05 times.
    """
    most = math.log1p(allowed)
    return tuple(
        pair
        for pair in comparison.pairs
        if pair.verdict is Verdict.SLOWER
        and pair.ratio_b_to_a is not None
        and abs(math.log(pair.ratio_b_to_a.mean)) > most
    )


class _Test(msgspec.Struct, frozen=True):
    """What a pair's verdict is made from; without a difference there is a reason.

    a, b, difference: of logarithms. floor: likewise, of the noisier run. unfit: as of a pair.
    """

    a: Interval | None
    b: Interval | None
    difference: Difference | None = None
    floor: float | None = None
    reason: str | None = None
    unfit: Literal["A", "B"] | None = None

    @property
    def p(self) -> float | None:
        """Before adjustment."""
        if self.difference is None or self.floor is None:
            return None
        return exceedance_p(self.difference.effect, self.floor, self.difference.freedom)


def _by_condition(measured: Measured) -> dict[Condition, Piece]:
    """Without groups: who else was measured under a condition is no part of what it is."""
    return {
        msgspec.structs.replace(piece.condition, group=None): piece
        for piece in pieces_of(measured.run, measured.trials)
    }


def _places(pieces: Mapping[Condition, Piece]) -> list[Place]:
    """Everything that has trials, good or not; the hidden duplicates serve the floor alone."""
    return [
        Place(variant, condition)
        for condition, piece in pieces.items()
        for variant in piece.run.study.everyone
        if variant in piece.blocks
    ]


def _tested(measure: Measure, one: Piece, other: Piece, variant: str) -> _Test:
    before, after = (_logs(measure, piece, variant) for piece in (one, other))
    a, b = block_interval(before), block_interval(after)
    doubt = _unfit(measure, one, other, variant)
    if doubt is not None:
        return _Test(a, b, reason=doubt.reason, unfit=doubt.run)
    floors = [floor for piece in (one, other) if (floor := piece.floor(measure)) is not None]
    return _Test(a, b, welch(after, before), max(floors))


def _logs(measure: Measure, piece: Piece, variant: str) -> list[float]:
    """One logarithm per good block."""
    return [math.log(value) for value in piece.points(measure, variant).values() if value > 0]


class _Doubt(msgspec.Struct, frozen=True):
    """Why nothing may be said of a pair, and due to which run."""

    reason: str
    run: Literal["A", "B"] | None = None


def _unfit(measure: Measure, one: Piece, other: Piece, variant: str) -> _Doubt | None:
    """Why nothing may be said of a variant under the two pieces' condition, or None."""
    if (why := _meaningless(measure, (one, other))) is not None:
        return _Doubt(why)
    runs: tuple[tuple[Literal["A", "B"], Piece], ...] = (("A", one), ("B", other))
    for run, piece in runs:
        count = len(_logs(measure, piece, variant))
        if count < LEAST_BLOCKS:
            blocks = "block" if count == 1 else "blocks"
            why = f"{count} good {blocks} in {run}, and {LEAST_BLOCKS} are needed in each run"
            return _Doubt(why, run)
    for run, piece in runs:
        if (why := piece.unsaid(measure, {variant})) is not None:
            return _Doubt(f"in {run}, {why}", run)
    return None


def _meaningless(measure: Measure, pieces: Sequence[Piece]) -> str | None:
    """Why the measure compares nobody under the condition that the pieces share."""
    if measure is Measure.MEMORY:
        if all(_fresh(piece.run.study) for piece in pieces):
            return None
        return "memory is the peak since a server's start, and other conditions came before this"
    fitting = ranked(pieces[0].condition)
    if measure in fitting:
        return None
    return f"under this load nothing compares but {' and '.join(m.heading for m in fitting)}"


def _fresh(study: Study) -> bool:
    """Whether every condition finds servers that have served no other."""
    return study.fresh == "condition" or len(study.conditions) == 1


def _pair(measure: Measure, place: Place, test: _Test, p: float | None) -> Pair:
    difference = test.difference
    return Pair(
        variant=place.variant,
        condition=place.condition,
        verdict=_verdict(measure, difference, p),
        a=_values(measure, test.a),
        b=_values(measure, test.b),
        ratio_b_to_a=None if difference is None else difference.effect.exp(),
        degrees_of_freedom=None if difference is None else difference.freedom,
        noise_floor_share=None if test.floor is None else math.expm1(test.floor),
        p_adjusted=p,
        reason=test.reason,
        unfit=test.unfit,
    )


def _values(measure: Measure, logarithm: Interval | None) -> dict[Measure, Interval]:
    """Under the measure's name, which ends in its unit."""
    return {} if logarithm is None else {measure: logarithm.exp()}


def _verdict(measure: Measure, difference: Difference | None, p: float | None) -> Verdict:
    if difference is None or p is None:
        return Verdict.NOT_COMPARABLE
    if p > ALPHA:
        return Verdict.TIE
    less = difference.effect.mean < 0
    return Verdict.FASTER if less == measure.lower_is_better else Verdict.SLOWER
