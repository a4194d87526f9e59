"""The answer of an A/B: is B faster, slower or the same, and may it pass a gate?

Error rates of the gate (pairs are Bs under conditions):

- *Passed* needs the upper bound of every pair's 95 % interval within what is allowed: for one pair
  that is wrong in at most 2.5 %, and all must pass (intersection-union test; Berger 1982,
  Technometrics 24:295).
- *Regressed* needs a verdict *differs*, which allows for all Bs of a condition (Dunnett, or Tukey
  with several As), and an estimate beyond what is allowed.
- *Undecided* is everything else.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from harness.analysis.analyse import Analysis
from harness.analysis.gate import GateAnswer
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import AgainstOrigin
from harness.inputs.study import Condition


class AbVerdict(StrEnum):
    """What became of A in B."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "the same"
    UNDECIDED = "undecided"


class AbPair(msgspec.Struct, frozen=True):
    """One B against its A under one condition, by the measure that it ranks by first.

    variant: B. origin: A, the variant that it changes.
    cost: the ratio B / A, turned so that more is worse. at_most: how far from 1 it may be where it
        is undecided; None otherwise, and with one block.
    """

    variant: str
    origin: str
    condition: Condition
    measure: Measure
    verdict: AbVerdict
    cost: Interval
    at_most: float | None


def ab_pairs(analysis: Analysis) -> tuple[AbPair, ...]:
    """Every B under every condition in which both have figures."""
    return tuple(
        _pair(result.condition, measure, name, against, against.decision)
        for result in analysis.conditions
        for measure in ranked(result.condition)[:1]
        for name, against in result.comparisons[measure].to_origin.items()
        if against.decision is not None
    )


def _pair(
    condition: Condition, measure: Measure, name: str, against: AgainstOrigin, decision: Decision
) -> AbPair:
    ratio = against.ratio
    cost = ratio if measure.lower_is_better else ratio.inverse()
    match decision.verdict:
        case Verdict.SAME:
            verdict = AbVerdict.SAME
        case Verdict.UNDECIDED:
            verdict = AbVerdict.UNDECIDED
        case Verdict.DIFFERS:
            verdict = AbVerdict.SLOWER if cost.mean > 1 else AbVerdict.FASTER
    return AbPair(name, against.origin, condition, measure, verdict, cost, decision.at_most)


def ab_gate(pairs: Sequence[AbPair], allowed: float) -> GateAnswer:
    """Whether every B costs at most so much more than A.

    Args:
        pairs: see `ab_pairs`.
        allowed: as a share; 0.03 allows a ratio of 1.03.
    """
    if any(p.verdict is AbVerdict.SLOWER and p.cost.mean > 1 + allowed for p in pairs):
        return GateAnswer.REGRESSED
    bounds = [pair.cost.high for pair in pairs]
    if bounds and all(bound is not None and bound <= 1 + allowed for bound in bounds):
        return GateAnswer.PASSED
    return GateAnswer.UNDECIDED
