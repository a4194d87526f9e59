"""Compare two runs: how much each variant of the second differs from itself in the first."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.labels.trials import label_trials
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
"""The measures by which runs can be compared, by their names on the command line."""
LEAST_BLOCKS = 2
"""In each run; a single block does not show how much blocks differ."""


class Verdict(StrEnum):
    """How run B compares with run A."""

    FASTER = "faster"
    SLOWER = "slower"
    TIE = "tie"
    NOT_COMPARABLE = "not comparable"


class RunTrials(msgspec.Struct, frozen=True):
    """A run with its trials, in any order and with all attempts."""

    run: Run
    trials: Sequence[Trial]


class VariantCondition(msgspec.Struct, frozen=True):
    """A variant under a condition without its group: two runs may have it in common."""

    variant: str
    condition: Condition


class ComparedVariant(msgspec.Struct, frozen=True):
    """One variant under one condition, in run A and in run B.

    a, b: geometric means over good blocks with intervals, by the measure; empty without good
        blocks.
    ratio_b_to_a: with Welch's 95 % interval. Its standard error is that of the logarithm, and its
        blocks are those of both runs. None if the two are not comparable, like the next three.
    degrees_of_freedom: of that interval.
    noise_floor_share: how far two identical servers may differ, as a ratio minus one; the larger of
        the two runs' floors.
    p_adjusted: p value of a true difference within the floor (Holm 1979).
    reason: why the two are not comparable, or None.
    unfit: the run that is the reason; None if it is the condition, or neither run.
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
    """Run B compared with run A, by one measure.

    pairs: every variant and condition that both runs measured, in the order of run A's study.
    only_in_a, only_in_b: those that only one of them measured.
    """

    run_a: str
    run_b: str
    measure: Measure
    pairs: tuple[ComparedVariant, ...]
    only_in_a: tuple[VariantCondition, ...]
    only_in_b: tuple[VariantCondition, ...]

    @property
    def comparable(self) -> tuple[ComparedVariant, ...]:
        """The pairs that have a verdict."""
        return tuple(p for p in self.pairs if p.verdict is not Verdict.NOT_COMPARABLE)


def compare(a: RunTrials, b: RunTrials, measure: Measure) -> RunComparison:
    """Compare each variant under each condition of run B with the same of run A.

    The blocks of two runs are independent samples, so the interval is Welch's, of the logarithms of
    whole blocks. Within a run, neighbouring slices cancel the machine's drift; between runs nothing
    does. A change of the machine from one run to the other is in every ratio, and the intervals
    include it only as far as the blocks of one run show it. A study with both versions as variants,
    interleaved, is the stronger design.

    All pairs are one family of tests. Each tests for a difference that exceeds the noise floor
    beyond doubt, as `analyse` does within a run.

    Args:
        a, b: loaded by our own generator, not by Locust.
        measure: one of `MEASURES`.
    """
    before, after = _by_condition(a), _by_condition(b)
    ours, theirs = _variants(before), _variants(after)
    tests = {
        pair: _test(measure, before[pair.condition], after[pair.condition], pair.variant)
        for pair in ours
        if pair in theirs
    }
    adjusted = holm({pair: test.p for pair, test in tests.items() if test.p is not None})
    return RunComparison(
        run_a=a.run.id,
        run_b=b.run.id,
        measure=measure,
        pairs=tuple(_compared(measure, p, test, adjusted.get(p)) for p, test in tests.items()),
        only_in_a=tuple(pair for pair in ours if pair not in theirs),
        only_in_b=tuple(pair for pair in theirs if pair not in ours),
    )


def undecided(comparison: RunComparison, allowed: float) -> tuple[ComparedVariant, ...]:
    """The comparable pairs whose interval reaches beyond the allowed change for the worse.

    Args:
        comparison: of two runs.
        allowed: as for `regressions`.
    """
    most, lower = math.log1p(allowed), comparison.measure.lower_is_better
    pairs: list[ComparedVariant] = []
    for pair in comparison.comparable:
        ratio = pair.ratio_b_to_a
        worst = None if ratio is None else ratio.high if lower else ratio.low
        if worst is None or worst <= 0 or (math.log(worst) if lower else -math.log(worst)) > most:
            pairs.append(pair)
    return tuple(pairs)


def regressions(comparison: RunComparison, allowed: float) -> tuple[ComparedVariant, ...]:
    """The pairs with the verdict slower whose change is larger than allowed.

    Args:
        comparison: of two runs.
        allowed: as a share: 0.05 allows a cost of 1.05 times the former, and a throughput of
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
    """The basis of a pair's verdict: a difference with a noise floor, or a reason for none.

    a, b, difference: of logarithms. floor: likewise, of the noisier run.
    reason, unfit: as of `ComparedVariant`.
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


def _by_condition(run_trials: RunTrials) -> dict[Condition, MeasuredCondition]:
    """Without groups: which other variants were measured is no part of a condition."""
    labelled = label_trials(run_trials.run, run_trials.trials)
    return {
        msgspec.structs.replace(measured.condition, group=None): measured
        for measured in conditions_of(run_trials.run, labelled)
    }


def _variants(conditions: Mapping[Condition, MeasuredCondition]) -> list[VariantCondition]:
    """All that have trials, good or not; the hidden duplicates only give the noise floor."""
    return [
        VariantCondition(variant, condition)
        for condition, measured in conditions.items()
        for variant in measured.run.study.everyone
        if variant in measured.trials
    ]


def _test(
    measure: Measure, before: MeasuredCondition, after: MeasuredCondition, variant: str
) -> _Test:
    old, new = _logs(measure, before, variant), _logs(measure, after, variant)
    a, b = block_interval(old), block_interval(new)
    unfit = _unfit(measure, before, after, variant)
    if unfit is not None:
        return _Test(a, b, reason=unfit.reason, unfit=unfit.run)
    floors = [measured.floor(measure) for measured in (before, after)]
    return _Test(a, b, welch(new, old), max(floor for floor in floors if floor is not None))


def _logs(measure: Measure, measured: MeasuredCondition, variant: str) -> list[float]:
    """One logarithm per good block."""
    return [math.log(value) for value in measured.points(measure, variant).values() if value > 0]


class _Unfit(msgspec.Struct, frozen=True):
    """Why a pair has no verdict, and because of which run."""

    reason: str
    run: Literal["A", "B"] | None = None


def _unfit(
    measure: Measure, before: MeasuredCondition, after: MeasuredCondition, variant: str
) -> _Unfit | None:
    """Why a variant cannot be compared under the condition that both have, or None."""
    if (why := _meaningless(measure, (before, after))) is not None:
        return _Unfit(why)
    runs: tuple[tuple[Literal["A", "B"], MeasuredCondition], ...] = (("A", before), ("B", after))
    for run, measured in runs:
        count = len(_logs(measure, measured, variant))
        if count < LEAST_BLOCKS:
            why = _too_few(count, run, measured, variant)
            return _Unfit(why, run)
    for run, measured in runs:
        if (why := measured.why_unranked(measure, {variant})) is not None:
            return _Unfit(f"in {run}, {why}", run)
    return None


def _too_few(count: int, run: str, measured: MeasuredCondition, variant: str) -> str:
    """Why a variant has fewer good blocks than are needed."""
    reasons = [item.reason for item in measured.missing if item.entry == variant]
    if reasons:
        return f"in {run} it has no figures: {reasons[0]}"
    blocks = "block" if count == 1 else "blocks"
    return f"{count} good {blocks} in {run}, and {LEAST_BLOCKS} are needed in each run"


def _meaningless(measure: Measure, conditions: Sequence[MeasuredCondition]) -> str | None:
    """Why the measure compares no variants under the condition that both runs have, or None."""
    if measure is Measure.MEMORY:
        if all(_fresh(measured.run.study) for measured in conditions):
            return None
        return "memory is the peak since a server's start, and other conditions came before this"
    fitting = ranked(conditions[0].condition)
    if measure in fitting:
        return None
    return f"under this load nothing compares but {' and '.join(m.heading for m in fitting)}"


def _fresh(study: Study) -> bool:
    """Whether every condition has servers that served no other condition before."""
    return study.fresh == "condition" or len(study.conditions) == 1


def _compared(
    measure: Measure, pair: VariantCondition, test: _Test, p: float | None
) -> ComparedVariant:
    difference = test.difference
    return ComparedVariant(
        variant=pair.variant,
        condition=pair.condition,
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
    """By the measure's name, which ends in its unit."""
    return {} if logarithm is None else {measure: logarithm.exp()}


def _verdict(measure: Measure, difference: Difference | None, p: float | None) -> Verdict:
    if difference is None or p is None:
        return Verdict.NOT_COMPARABLE
    if p > ALPHA:
        return Verdict.TIE
    less = difference.effect.mean < 0
    return Verdict.FASTER if less == measure.lower_is_better else Verdict.SLOWER
