"""Common ground of two runs: variants that are the same in both, so the machine's speed cancels.

A run's speed is in the values of all its variants. So the ratio of a variant to unchanged ones is
taken within each run, and the two ratios are compared: a ratio of ratios.

No record proves that a variant is unchanged. So each candidate is tested against the others, and
those that changed beyond doubt are left out, one by one, as long as more than half of them agree. A
change that two one-sided tests show to be within the margin is none for this purpose.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import msgspec

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.blocks import Estimate
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.ties import ALPHA
from harness.analysis.stats.verdicts import same_within
from harness.inputs.study import Condition


class Reference(msgspec.Struct, frozen=True):
    """The variants that others are compared with, under one condition.

    variants: those whose mean is the reference; of one of them, the mean of the others.
    changed: variants that should be the same in both runs, and are not: their ratio to the
        reference in B, over that in A.
    missing: why there is no reference, as a clause; None if there is one.
    """

    condition: Condition
    variants: tuple[str, ...]
    changed: dict[str, Interval]
    missing: str | None


class BothRuns(msgspec.Struct, frozen=True):
    """One condition by one measure, as run A and run B measured it."""

    measure: Measure
    before: MeasuredCondition
    after: MeasuredCondition

    @property
    def runs(self) -> tuple[MeasuredCondition, MeasuredCondition]:
        """Run A, then run B."""
        return self.before, self.after

    def change(self, variant: str, others: Collection[str]) -> Estimate | None:
        """The logarithm of a variant's ratio to the geometric mean of others, in B less in A.

        None where a run has no block with all of them.
        """
        found = [
            measured.contrast(self.measure, _weights(self.measure, measured, variant, others))
            for measured in self.runs
        ]
        before, after = found
        return None if before is None or after is None else after.minus(before)

    def blocks(self, variant: str) -> tuple[int, int]:
        """How many have a value of it, in A and in B."""
        before, after = (len(m.means(self.measure).get(variant, {})) for m in self.runs)
        return before, after


def _weights(
    measure: Measure, measured: MeasuredCondition, variant: str, others: Collection[str]
) -> dict[str, float]:
    weights = _readings(measure, measured, variant)
    for other in others:
        for entry, share in _readings(measure, measured, other).items():
            weights[entry] = -share / len(others)
    return weights


def _readings(measure: Measure, measured: MeasuredCondition, variant: str) -> dict[str, float]:
    """Its entries and their shares: the baseline's duplicate counts where it lacks no block."""
    means = measured.means(measure)
    own, twin = means.get(variant, {}), means.get(measured.duplicate, {})
    if variant == measured.baseline and twin.keys() >= own.keys():
        return {variant: 0.5, measured.duplicate: 0.5}
    return {variant: 1.0}


def find_reference(
    both: BothRuns, condition: Condition, candidates: Sequence[str], tests: int, margin: float
) -> Reference:
    """The candidates that agree with each other.

    Args:
        both: runs under the condition.
        condition: without its group.
        candidates: with figures in both runs, and the same in both as far as is known; one or more.
        tests: conditions in which this is asked; the chance to leave out even one unchanged
            candidate is kept over all of them (Bonferroni).
        margin: see `verdicts.decide`.
    """
    kept = _complete(both, candidates)
    number = len(kept)
    changed: list[str] = []
    while len(kept) > 1:
        worst, p = _worst(both, kept, margin)
        family = tests * (len(kept) if len(kept) > 2 else 1)  # two have one difference
        if p * family > ALPHA:
            break
        kept.remove(worst)
        changed.append(worst)
        if 2 * len(kept) <= number:
            return Reference(condition, (), {}, _disagreement(both, [*kept, *changed]))
    ratios = {name: both.change(name, kept) for name in changed}
    return Reference(
        condition,
        tuple(kept),
        {name: ratio.interval().exp() for name, ratio in ratios.items() if ratio is not None},
        None,
    )


def _complete(both: BothRuns, candidates: Sequence[str]) -> list[str]:
    """Those with the most blocks: a block that lacks one of the reference is lost for all."""
    counts = {name: both.blocks(name) for name in candidates}
    most = tuple(max(count[run] for count in counts.values()) for run in (0, 1))
    complete = [name for name in candidates if counts[name] == most]
    return complete or [max(candidates, key=lambda name: (min(counts[name]), sum(counts[name])))]


def _worst(both: BothRuns, candidates: Sequence[str], margin: float) -> tuple[str, float]:
    """The candidate that changed most clearly relative to the others, and the test's p value."""
    p_values = dict.fromkeys(candidates, 1.0)
    for name in candidates:
        change = both.change(name, [other for other in candidates if other != name])
        if change is not None and not same_within(change, margin):
            p_values[name] = change.p
    worst = min(p_values, key=p_values.__getitem__)
    return worst, p_values[worst]


def _disagreement(both: BothRuns, candidates: Sequence[str]) -> str:
    """That no majority agrees, with the two that differ most, as one clause."""
    changes = {
        (one, other): change.mean
        for one in candidates
        for other in candidates
        if one != other and (change := both.change(one, [other])) is not None
    }
    one, other = max(changes, key=changes.__getitem__)
    return (
        f"{one} and {other} changed by {100 * math.expm1(changes[one, other]):.2g} % relative to "
        "each other, though the runs record no change of either"
    )


def no_candidates(reasons: Mapping[str, str]) -> str:
    """Why there is no reference where no variant can be one, as a clause.

    Args:
        reasons: by variant, one or more.
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    if len(by_reason) == 1 and len(reasons) > 1:
        return f"of every variant, {next(iter(by_reason))}"
    return "; ".join(f"{reason} ({', '.join(names)})" for reason, names in by_reason.items())
