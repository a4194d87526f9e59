"""Compare two runs: how much each variant of the second differs from itself in the first.

The ratios are those to variants that are the same in both runs (see `reference`), because the
machine's speed is in every absolute value and cancels in a ratio within one run. Without such
variants, absolute values are compared, and what the machine did is part of every ratio. Memory does
not depend on speed, and is always compared as it is.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec
import scipy

from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.labels.labels import Label
from harness.analysis.labels.trials import label_trials
from harness.analysis.measures import Measure, ranked
from harness.analysis.reference import BothRuns, Reference, find_reference, no_candidates
from harness.analysis.stats.blocks import Estimate, mean_of
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.stats.ties import ALPHA, holm
from harness.analysis.stats.verdicts import most_apart, same_within
from harness.base.errors import UnknownName
from harness.inputs.study import Condition, Study
from harness.records.comparability import unlike
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


class RunVerdict(StrEnum):
    """How a variant in run B compares with itself in run A.

    REFERENCE: the only variant that is the same in both runs; others are compared with it.
    """

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "the same"
    UNDECIDED = "undecided"
    REFERENCE = "reference"
    NOT_COMPARABLE = "not comparable"


_WITHOUT_JUDGEMENT = frozenset({RunVerdict.REFERENCE, RunVerdict.NOT_COMPARABLE})


class RunTrials(msgspec.Struct, frozen=True):
    """A run with its trials, in any order and with all attempts."""

    run: Run
    trials: Sequence[Trial]


class VariantCondition(msgspec.Struct, frozen=True):
    """A variant under a condition without its group: two runs may have it in common."""

    variant: str
    condition: Condition


class ComparedVariant(msgspec.Struct, frozen=True, rename={"at_most": "at_most_share"}):
    """One variant under one condition, in run A and in run B.

    reference: variants whose geometric mean it is compared with; empty where absolute values are
        compared, and for the reference itself.
    a, b: geometric means over good blocks with intervals, by the measure; empty without good
        blocks. The machine's speed is in them.
    ratio_b_to_a: with its own 95 % interval: the ratio to the reference in B over that in A, or the
        ratio of b to a where there is no reference. Its standard error is that of the logarithm,
        and its blocks are those of both runs. Without bounds if a run has one block; None if
        nothing can be compared, and for the reference.
    degrees_of_freedom: of that interval; None without one.
    absolute_b_to_a: b to a, with Welch's interval, in any case: how wide the answer would be
        without a reference.
    at_most: how far the ratio may be from 1, either way, as a share, all pairs allowed for
        (Bonferroni); None unless undecided.
    p_adjusted: p value of no difference (Student's, then Holm 1979 over all pairs).
    reason: why there is no verdict, or None.
    unfit: the run that is the reason; None if it is the condition, or neither run.
    """

    variant: str
    condition: Condition
    verdict: RunVerdict
    reference: tuple[str, ...]
    a: dict[Measure, Interval]
    b: dict[Measure, Interval]
    ratio_b_to_a: Interval | None
    degrees_of_freedom: float | None
    absolute_b_to_a: Interval | None
    at_most: float | None
    p_adjusted: float | None
    reason: str | None = None
    unfit: Literal["A", "B"] | None = None


class RunComparison(msgspec.Struct, frozen=True, rename={"margin": "margin_share"}):
    """Run B compared with run A, by one measure.

    named: variants that the user named as the reference; empty if their records chose it.
    margin: ratios up to 1 + margin, and down to 1 / (1 + margin), are the same for practice; the
        larger of both studies'.
    references: one for each condition that both runs measured, in the order of run A's study.
    pairs: every variant and condition that both runs measured, likewise.
    only_in_a, only_in_b: those that only one of them measured.
    busy_a, busy_b: under the conditions that both measured, the trials during which the machine was
        busy with something else, and all trials.
    """

    run_a: str
    run_b: str
    measure: Measure
    named: tuple[str, ...]
    margin: float
    references: tuple[Reference, ...]
    pairs: tuple[ComparedVariant, ...]
    only_in_a: tuple[VariantCondition, ...]
    only_in_b: tuple[VariantCondition, ...]
    busy_a: tuple[int, int] = (0, 0)
    busy_b: tuple[int, int] = (0, 0)

    @property
    def comparable(self) -> tuple[ComparedVariant, ...]:
        """The pairs that are judged."""
        return tuple(p for p in self.pairs if p.verdict not in _WITHOUT_JUDGEMENT)

    @property
    def speed(self) -> bool:
        """Whether the machine's speed is in the measure."""
        return self.measure is not Measure.MEMORY


def compare(
    a: RunTrials, b: RunTrials, measure: Measure, named: Sequence[str] = ()
) -> RunComparison:
    """Compare each variant under each condition of run B with the same of run A.

    Within each run, the block model gives a variant's ratio to the reference. The two ratios are
    independent, so the interval of their ratio is Welch's. Without a reference it is Welch's too,
    of the logarithms of whole blocks; a change of the machine between the runs is then in every
    ratio, and the intervals include it only as far as the blocks of one run show it. A study with
    both versions as variants, interleaved, is the stronger design.

    All pairs are one family of tests (Holm 1979).

    Args:
        a, b: loaded by our own generator, not by Locust.
        measure: one of `MEASURES`.
        named: variants that the user takes for unchanged; if empty, those that `unlike` finds so.

    Raises:
        UnknownName: of a named variant that not both runs measured.
    """
    before, after = _by_condition(a), _by_condition(b)
    ours, theirs = _variants(before), _variants(after)
    shared = [pair for pair in ours if pair in theirs]
    variants = list(dict.fromkeys(pair.variant for pair in shared))
    for name in named:
        if name not in variants:
            raise UnknownName("variant", name, variants, "both runs", listed=False)
    changed = _changed(a.run, b.run, variants, named)
    conditions = list(dict.fromkeys(pair.condition for pair in shared))
    references: list[Reference] = []
    tests: dict[VariantCondition, _Test] = {}
    for condition in conditions:
        both = BothRuns(measure, before[condition], after[condition])
        present = [pair.variant for pair in shared if pair.condition == condition]
        unfit = {name: _unfit(both, name) for name in present}
        references.append(_reference(both, condition, unfit, changed, len(conditions)))
        for name in present:
            pair = VariantCondition(name, condition)
            tests[pair] = _test(both, name, unfit[name], references[-1])
    adjusted = holm({pair: test.p for pair, test in tests.items() if test.p is not None})
    margin = max(a.run.study.margin, b.run.study.margin)
    return RunComparison(
        run_a=a.run.id,
        run_b=b.run.id,
        measure=measure,
        named=tuple(named),
        margin=margin,
        references=tuple(references),
        pairs=tuple(
            _compared(measure, pair, test, _Family(adjusted.get(pair), len(adjusted), margin))
            for pair, test in tests.items()
        ),
        only_in_a=tuple(pair for pair in ours if pair not in theirs),
        only_in_b=tuple(pair for pair in theirs if pair not in ours),
        busy_a=_busy([before[condition] for condition in conditions]),
        busy_b=_busy([after[condition] for condition in conditions]),
    )


def _busy(conditions: Sequence[MeasuredCondition]) -> tuple[int, int]:
    """How many trials bear the label noisy, and how many there are."""
    trials = [own for c in conditions for entry in c.findings.values() for own in entry]
    return sum(any(f.label is Label.NOISY for f in own) for own in trials), len(trials)


def _by_condition(run_trials: RunTrials) -> dict[Condition, MeasuredCondition]:
    """Without groups: which other variants were measured is no part of a condition."""
    labelled = label_trials(run_trials.run, run_trials.trials)
    return {
        msgspec.structs.replace(measured.condition, group=None): measured
        for measured in conditions_of(run_trials.run, labelled)
    }


def _variants(conditions: Mapping[Condition, MeasuredCondition]) -> list[VariantCondition]:
    """All that have trials, good or not, without the hidden duplicates."""
    return [
        VariantCondition(variant, condition)
        for condition, measured in conditions.items()
        for variant in measured.run.study.everyone
        if variant in measured.trials
    ]


def _changed(
    a: Run, b: Run, variants: Sequence[str], named: Sequence[str]
) -> dict[str, str | None]:
    """By variant that may be the reference, why it is not, by the runs' records; None if it is."""
    if named:
        return dict.fromkeys(named)
    return {name: unlike(a, b, name) for name in variants}


class _Unfit(msgspec.Struct, frozen=True):
    """Why a pair has no verdict, and because of which run; `estimate`: whether it has a ratio."""

    reason: str
    run: Literal["A", "B"] | None = None
    estimate: bool = False


def _reference(
    both: BothRuns,
    condition: Condition,
    unfit: Mapping[str, _Unfit | None],
    changed: Mapping[str, str | None],
    conditions: int,
) -> Reference:
    """Of the variants under a condition, those that are the same in both runs."""
    if both.measure is Measure.MEMORY:
        return Reference(condition, (), {}, "memory does not depend on the machine's speed")
    reasons = {name: why or _silent(unfit[name]) for name, why in changed.items() if name in unfit}
    if not reasons:
        why = f"not both runs measured {' and '.join(changed)} under this condition"
        return Reference(condition, (), {}, why)
    candidates = [name for name in unfit if reasons.get(name, "") is None]
    if not candidates:
        why = no_candidates({n: reason for n, reason in reasons.items() if reason is not None})
        return Reference(condition, (), {}, why)
    margin = max(measured.run.study.margin for measured in both.runs)
    reference = find_reference(both, condition, candidates, conditions, margin)
    others = [n for n, problem in unfit.items() if _silent(problem) is None]
    if reference.missing is None and others == list(reference.variants[:1]):
        why = f"no other variant than {others[0]} has figures in both runs"
        return Reference(condition, (), {}, why)
    return reference


def _silent(problem: _Unfit | None) -> str | None:
    """Why a variant has no ratio at all, or None."""
    return None if problem is None or problem.estimate else problem.reason


class _Test(msgspec.Struct, frozen=True):
    """The basis of a pair's verdict.

    a, b, absolute, effect: of logarithms. problem: as `_unfit` finds it. alone: whether it is the
    only variant of the reference.
    """

    a: Interval | None
    b: Interval | None
    problem: _Unfit | None
    absolute: Estimate | None = None
    effect: Estimate | None = None
    reference: tuple[str, ...] = ()
    alone: bool = False

    @property
    def p(self) -> float | None:
        """Before adjustment; None without a verdict."""
        if self.effect is None or self.effect.se is None or self.problem is not None:
            return None
        return self.effect.p


def _test(both: BothRuns, variant: str, problem: _Unfit | None, reference: Reference) -> _Test:
    old, new = (_logs(both.measure, measured, variant) for measured in both.runs)
    a, b = block_interval(old), block_interval(new)
    before, after = mean_of(old), mean_of(new)
    if before is None or after is None or _silent(problem) is not None:
        return _Test(a, b, problem)
    absolute = after.minus(before)
    if reference.missing is not None:
        return _Test(a, b, problem, absolute, absolute)
    others = tuple(name for name in reference.variants if name != variant)
    if not others:
        return _Test(a, b, problem, absolute, alone=True)
    effect = both.change(variant, others)
    if problem is None and (effect is None or effect.se is None):
        problem = _Unfit(f"it shares fewer than {LEAST_BLOCKS} blocks of a run with its reference")
    return _Test(a, b, problem, absolute, effect, others)


def _logs(measure: Measure, measured: MeasuredCondition, variant: str) -> list[float]:
    """One logarithm per good block."""
    return [math.log(value) for value in measured.points(measure, variant).values() if value > 0]


def _unfit(both: BothRuns, variant: str) -> _Unfit | None:
    """Why a variant cannot be compared under the condition that both have, or None."""
    if (why := _meaningless(both.measure, both.runs)) is not None:
        return _Unfit(why)
    runs: tuple[tuple[Literal["A", "B"], MeasuredCondition], ...] = (
        ("A", both.before),
        ("B", both.after),
    )
    counts = {run: len(_logs(both.measure, measured, variant)) for run, measured in runs}
    for run, measured in sorted(runs, key=lambda side: counts[side[0]]):
        if counts[run] < LEAST_BLOCKS:
            why = _too_few(counts[run], run, measured, variant)
            return _Unfit(why, run, estimate=all(counts.values()))
    for run, measured in runs:
        if (why := measured.why_unranked(both.measure, {variant})) is not None:
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
        return (
            "memory is the peak since a server's start, and other conditions came before this; "
            'the study needs `fresh = "condition"`'
        )
    fitting = ranked(conditions[0].condition)
    if measure in fitting:
        return None
    names = [f"`{name}`" for name, fits in MEASURES.items() if fits in fitting]
    return f"under this load nothing compares but {' and '.join(names)}"


def _fresh(study: Study) -> bool:
    """Whether every condition has servers that served no other condition before."""
    return study.fresh == "condition" or len(study.conditions) == 1


class _Family(msgspec.Struct, frozen=True):
    """What a verdict needs beside its pair: the adjusted p, the number of tests, the margin."""

    p: float | None
    size: int
    margin: float


def _compared(
    measure: Measure, pair: VariantCondition, test: _Test, family: _Family
) -> ComparedVariant:
    effect, absolute = test.effect, test.absolute
    verdict = _verdict(measure, test, family)
    undecided = verdict is RunVerdict.UNDECIDED
    return ComparedVariant(
        variant=pair.variant,
        condition=pair.condition,
        verdict=verdict,
        reference=test.reference,
        a=_values(measure, test.a),
        b=_values(measure, test.b),
        ratio_b_to_a=None if effect is None else effect.interval().exp(),
        degrees_of_freedom=None if effect is None or effect.se is None else effect.freedom,
        absolute_b_to_a=None if absolute is None else absolute.interval().exp(),
        at_most=_at_most(effect, family.size) if undecided and effect is not None else None,
        p_adjusted=family.p,
        reason=_reason(test),
        unfit=None if test.problem is None else test.problem.run,
    )


def _values(measure: Measure, logarithm: Interval | None) -> dict[Measure, Interval]:
    """By the measure's name, which ends in its unit."""
    return {} if logarithm is None else {measure: logarithm.exp()}


def _reason(test: _Test) -> str | None:
    if test.problem is not None:
        return test.problem.reason
    if test.alone:
        return "it is the only variant that is the same in both runs, so others are compared to it"
    return None


def _verdict(measure: Measure, test: _Test, family: _Family) -> RunVerdict:
    if test.alone and test.problem is None:
        return RunVerdict.REFERENCE
    if test.effect is None or family.p is None:
        return RunVerdict.NOT_COMPARABLE
    if family.p <= ALPHA:
        less = test.effect.mean < 0
        return RunVerdict.FASTER if less == measure.lower_is_better else RunVerdict.SLOWER
    return RunVerdict.SAME if same_within(test.effect, family.margin) else RunVerdict.UNDECIDED


def _at_most(effect: Estimate, tests: int) -> float | None:
    """By an interval that is simultaneous over all tests (Bonferroni)."""
    return most_apart(effect, float(scipy.special.stdtrit(effect.freedom, 1 - ALPHA / (2 * tests))))
