"""A gate on regressions: did any variant of run B become slower by more than is allowed?

Error rates of its answers (pairs are variants under conditions):

- *Passed* is wrong in at most 5 % of comparisons: if some pair became slower by more than allowed.
  Each pair must rule that out at 5 %, one-sided, and all must, so no adjustment for their number
  is needed (intersection-union test; Berger 1982, Technometrics 24:295). Variants of the reference
  are exempt: they are the same in both runs, and that was tested. Where there are no others, all
  must pass.
- *Regressed* is wrong in at most 5 %: if no pair became slower at all. It needs a verdict *slower*,
  with all pairs allowed for (Holm), and an estimate beyond what is allowed. A variant that is
  slower by exactly what is allowed is therefore never passed beyond that 5 %, and is called a
  regression in at most half of comparisons.
- *Undecided* is everything else. Without a reference nothing is passed or regressed, because the
  machine's change is in the ratio and no test allows for it. Memory needs none.
"""

import math
from enum import StrEnum

import msgspec
import scipy

from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict
from harness.analysis.stats.ties import ALPHA
from harness.inputs.conditions import condition_title

MOST_BLOCKS = 200
"""More are no advice."""


class GateAnswer(StrEnum):
    """What two runs say of regressions."""

    PASSED = "passed"
    REGRESSED = "regressed"
    UNDECIDED = "undecided"
    NOT_COMPARABLE = "not comparable"


class Gate(msgspec.Struct, frozen=True, rename={"allowed": "allowed_share"}):
    """The answer, and what it rests on.

    judged: how many pairs must pass.
    regressed: pairs that became slower by more than allowed.
    missing: variants that A measured and B did not, or not in enough blocks, with the reason.
    unrelated: pairs without a reference, whose ratio contains the machine's change.
    undecided: pairs that may have become slower by more than allowed.
    blocks: of each run, after which a comparison would about decide those; None if there are none,
        or if more than MOST_BLOCKS would be needed.
    """

    allowed: float
    answer: GateAnswer
    judged: int
    regressed: tuple[ComparedVariant, ...]
    missing: dict[str, str]
    unrelated: tuple[ComparedVariant, ...]
    undecided: tuple[ComparedVariant, ...]
    blocks: int | None


def gate(comparison: RunComparison, allowed: float) -> Gate:
    """Judge a comparison.

    Args:
        comparison: of two runs.
        allowed: as a share: 0.05 allows a cost of 1.05 times the former, and a throughput of
            1 / 1.05 times.
    """
    unrelated = tuple(p for p in comparison.comparable if not p.reference and comparison.speed)
    worse = [
        _Worse(pair, comparison.measure.lower_is_better)
        for pair in comparison.comparable
        if pair not in unrelated
    ]
    most = math.log1p(allowed)
    regressed = tuple(w.pair for w in worse if w.regressed(most))
    same = {(r.condition, variant) for r in comparison.references for variant in r.variants}
    judged = [w for w in worse if (w.pair.condition, w.pair.variant) not in same] or worse
    open_ = [w for w in judged if not w.regressed(most) and not w.passed(most)]
    missing = _missing(comparison)
    return Gate(
        allowed=allowed,
        answer=_answer(
            comparison, regressed=bool(regressed), undecided=bool(open_ or missing or unrelated)
        ),
        judged=len(judged),
        regressed=regressed,
        missing=missing,
        unrelated=unrelated,
        undecided=tuple(w.pair for w in open_),
        blocks=_blocks(open_, most, len(worse)),
    )


def _answer(comparison: RunComparison, *, regressed: bool, undecided: bool) -> GateAnswer:
    if regressed:
        return GateAnswer.REGRESSED
    if not comparison.pairs:
        return GateAnswer.NOT_COMPARABLE
    if undecided:
        return GateAnswer.UNDECIDED
    return GateAnswer.PASSED if comparison.comparable else GateAnswer.NOT_COMPARABLE


def _missing(comparison: RunComparison) -> dict[str, str]:
    absent = {
        place.variant: f"B did not measure it under {condition_title(place.condition)}"
        for place in reversed(comparison.only_in_a)
    }
    silent = {
        pair.variant: pair.reason
        for pair in reversed(comparison.pairs)
        if pair.reason is not None
        and pair.verdict is RunVerdict.NOT_COMPARABLE
        and (pair.unfit == "B" or pair.ratio_b_to_a is not None)  # of one block, it has an estimate
    }
    return absent | silent


class _Worse:
    """A pair's change for the worse: a logarithm, above 0 where B is slower."""

    def __init__(self, pair: ComparedVariant, lower_is_better: bool) -> None:
        self.pair = pair
        ratio, freedom = pair.ratio_b_to_a, pair.degrees_of_freedom
        assert ratio is not None
        assert ratio.se is not None
        assert freedom is not None
        self.mean = math.log(ratio.mean) if lower_is_better else -math.log(ratio.mean)
        self.se, self.freedom, self.blocks = ratio.se, freedom, ratio.blocks

    def regressed(self, most: float) -> bool:
        """Slower beyond doubt, and by more than `most`."""
        return self.pair.verdict is RunVerdict.SLOWER and self.mean > most

    def passed(self, most: float) -> bool:
        """Whether a one-sided test rules out that it is slower by more than `most`."""
        return self.mean + self._critical(ALPHA) * self.se <= most

    def blocks_needed(self, most: float, tests: int) -> float:
        """Of each run, to decide: the standard error falls with the root of the blocks.

        Args:
            most: see `passed`.
            tests: pairs that a verdict allows for.
        """
        if self.mean > most:  # it lacks a verdict
            wanted = self.mean / self._critical(ALPHA / (2 * tests))
        else:
            wanted = (most - self.mean) / self._critical(ALPHA)
        if wanted <= 0:
            return math.inf
        return self.blocks / 2 * (self.se / wanted) ** 2

    def _critical(self, alpha: float) -> float:
        return float(scipy.special.stdtrit(self.freedom, 1 - alpha))


def _blocks(undecided: list[_Worse], most: float, tests: int) -> int | None:
    needed = max((worse.blocks_needed(most, tests) for worse in undecided), default=math.inf)
    return math.ceil(needed) if needed <= MOST_BLOCKS else None
