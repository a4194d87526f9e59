"""Verdicts on ratios: they differ, they are the same within a margin, or it is undecided.

The family of a question is what its reader looks at together: all pairs under one condition by one
measure (Tukey), or all ratios to the baseline there (Dunnett). A verdict *differs* allows for its
whole family.

*The same* is shown by two one-sided tests at 5 % each (Schuirmann 1987, Journal of Pharmacokinetics
and Biopharmaceutics 15:657): the 90 % interval lies within the margin. At the margin itself, each
pair is called the same in at most 5 % of runs.

Both hold over all looks of a run that may end early, where each look has a stricter level.
"""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
import scipy

from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.sequential import ONCE, Looks
from harness.analysis.stats.simultaneous import dunnett_critical, tukey_critical

POWER = 0.8
"""The share of runs that would find a difference which is called detectable (Cohen 1988)."""


class Verdict(StrEnum):
    """On the true ratio of two variants."""

    DIFFERS = "differs"
    SAME = "the same"
    UNDECIDED = "undecided"


class Family(StrEnum):
    """The differences that a test allows for together, by the usual name of that test."""

    TUKEY = "Tukey"
    DUNNETT = "Dunnett"

    def tests(self, size: int) -> int:
        """How many differences it allows for; `size` as of `critical`."""
        return size if self is Family.DUNNETT else size * (size - 1) // 2

    def critical(self, size: int, freedom: float, looks: Looks = ONCE) -> float:
        """The t beyond which a difference is called.

        Args:
            size: of Tukey's, the means; of Dunnett's, the means beside the common one.
            freedom: degrees of freedom of the standard error.
            looks: at the run, so far.
        """
        return _CRITICAL[self](size, freedom, looks.level(max(1, self.tests(size))))


_CRITICAL: dict[Family, Callable[[int, float, float], float]] = {
    Family.TUKEY: tukey_critical,
    Family.DUNNETT: dunnett_critical,
}


class Decision(msgspec.Struct, frozen=True, rename={"at_most": "at_most_share"}):
    """A verdict on a ratio.

    interval: of the ratio, simultaneous over the family: it excludes 1 exactly where they differ.
    at_most: how far the ratio may be from 1, either way, by this interval, as a share; None unless
        it is undecided, and with one block.
    """

    verdict: Verdict
    interval: Interval
    at_most: float | None


def decide(
    effect: Estimate, family: Family, size: int, margin: float, looks: Looks = ONCE
) -> Decision:
    """Judge one ratio of a family.

    Args:
        effect: its logarithm.
        family, size, looks: see `Family.critical`.
        margin: ratios up to 1 + margin, and down to 1 / (1 + margin), are the same for practice.
    """
    if effect.se is None:
        return Decision(Verdict.UNDECIDED, effect.interval().exp(), None)
    critical = family.critical(size, effect.freedom, looks)
    interval = effect.interval(critical).exp()
    if effect.t > critical:
        return Decision(Verdict.DIFFERS, interval, None)
    if same_within(effect, margin, looks):
        return Decision(Verdict.SAME, interval, None)
    return Decision(Verdict.UNDECIDED, interval, most_apart(effect, critical))


def most_apart(effect: Estimate, critical: float) -> float | None:
    """How far a ratio may be from 1, either way, as a share; None with one block.

    Args:
        effect: its logarithm.
        critical: how many standard errors its interval reaches.
    """
    if effect.se is None:
        return None
    return math.expm1(min(abs(effect.mean) + critical * effect.se, _MOST))


_MOST = math.log(1e9)
"""As a ratio: nobody reads more."""


def same_within(effect: Estimate, margin: float, looks: Looks = ONCE) -> bool:
    """Whether two one-sided tests show that the true ratio lies within the margin."""
    if effect.se is None:
        return False
    reach = float(scipy.special.stdtrit(effect.freedom, 1 - looks.level())) * effect.se
    return abs(effect.mean) + reach < math.log1p(margin)


def to_baseline(
    model: BlockModel,
    baseline: str,
    others: Sequence[str],
    margin: float,
    looks: Looks = ONCE,
) -> dict[str, Decision]:
    """Judge the ratio of each to the baseline; one without a block in common is left out."""
    effects = {name: model.difference(name, baseline) for name in others}
    known = {name: effect for name, effect in effects.items() if effect is not None}
    return {
        name: decide(effect, Family.DUNNETT, len(known), margin, looks)
        for name, effect in known.items()
    }


def detectable(effect: Estimate, family: Family, size: int, looks: Looks = ONCE) -> float | None:
    """The smallest true |effect| that such data would call in four of five runs.

    The formula is that of Cohen 1988, chapter 2, with the t distribution in place of the noncentral
    one.

    Args:
        effect: of logarithms.
        family, size, looks: see `Family.critical`.
    """
    if effect.se is None:
        return None
    beta = float(scipy.special.stdtrit(effect.freedom, POWER))
    return (family.critical(size, effect.freedom, looks) + beta) * effect.se
