"""Verdicts on differences: they differ, they are the same within a margin, or it is undecided.

The family of a question is what its reader looks at together: all pairs under one condition by one
measure (Tukey), or all ratios to the baseline there (Dunnett). A verdict *differs* allows for its
whole family.

*The same* is shown by two one-sided tests at 5 % each (Schuirmann 1987, Journal of Pharmacokinetics
and Biopharmaceutics 15:657): the 90 % interval lies within the margin. At the margin itself, each
pair is called the same in at most 5 % of runs.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

import msgspec
from scipy import special

from harness.analysis.stats.blocks import BlockModel, LogContrast
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.simultaneous import (
    dunnett_critical,
    dunnett_p,
    tukey_critical,
    tukey_p,
)
from harness.analysis.stats.ties import ALPHA


class Verdict(StrEnum):
    """On the true ratio of two variants."""

    DIFFERS = "differs"
    SAME = "the same"
    UNDECIDED = "undecided"


class Family(StrEnum):
    """The differences that a test allows for together, by its usual name."""

    TUKEY = "Tukey"
    DUNNETT = "Dunnett"


class Decision(msgspec.Struct, frozen=True):
    """A verdict with its grounds.

    p: adjusted for the family; None with one block.
    interval: of the logarithm, simultaneous over the family.
    at_most: the largest |logarithm| of this interval; None with one block.
    """

    verdict: Verdict
    p: float | None
    interval: Interval
    at_most: float | None


def decide(effect: LogContrast, family: Family, size: int, margin: float) -> Decision:
    """Judge one difference of a family.

    Args:
        effect: of logarithms.
        family: which.
        size: of Tukey's, the means; of Dunnett's, the means beside the common one.
        margin: ratios up to 1 + margin, and down to 1 / (1 + margin), are the same for practice.
    """
    if effect.se is None:
        return Decision(Verdict.UNDECIDED, None, effect.interval(), None)
    p_of, critical_of = _FUNCTIONS[family]
    p = p_of(effect.t, size, effect.freedom)
    interval = effect.interval(critical_of(size, effect.freedom, ALPHA))
    assert interval.low is not None
    assert interval.high is not None
    most = max(abs(interval.low), abs(interval.high))
    if p <= ALPHA:
        return Decision(Verdict.DIFFERS, p, interval, most)
    same = same_within(effect, margin)
    return Decision(Verdict.SAME if same else Verdict.UNDECIDED, p, interval, most)


def same_within(effect: LogContrast, margin: float) -> bool:
    """Whether two one-sided tests show that the true ratio lies within the margin."""
    if effect.se is None:
        return False
    reach = float(special.stdtrit(effect.freedom, 1 - ALPHA)) * effect.se
    return abs(effect.mean) + reach < math.log1p(margin)


def all_pairs(
    model: BlockModel, entries: Sequence[str], margin: float
) -> dict[frozenset[str], Decision]:
    """Judge every pair; one that has no block in common is left out."""
    return {
        frozenset((one, other)): decide(effect, Family.TUKEY, len(entries), margin)
        for one, other in combinations(entries, 2)
        if (effect := model.difference(one, other)) is not None
    }


def to_baseline(
    model: BlockModel, baseline: str, others: Sequence[str], margin: float
) -> dict[str, Decision]:
    """Judge the ratio of each to the baseline; one without a block in common is left out."""
    return {
        name: decide(effect, Family.DUNNETT, len(others), margin)
        for name in others
        if (effect := model.difference(name, baseline)) is not None
    }


_FUNCTIONS = {
    Family.TUKEY: (tukey_p, tukey_critical),
    Family.DUNNETT: (dunnett_p, dunnett_critical),
}
