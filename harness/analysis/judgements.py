"""Verdicts on published claims, and the evidence that they rest on.

This module imports nothing that takes time, so that kept judgements are soon shown.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from harness.analysis.stats.interval import Interval
from harness.inputs.claims import Claim
from harness.inputs.study import Condition


class ClaimVerdict(StrEnum):
    """The verdict of runs on a claim."""

    SUPPORTED = "supported"
    SUPPORTED_IN_PART = "supported in part"
    REFUTED = "refuted"
    REFUTED_IN_PART = "refuted in part"
    DEPENDS = "depends"
    UNDECIDED = "undecided"
    NOT_TESTED = "not tested here"


_PARTIAL = {
    ClaimVerdict.SUPPORTED: ClaimVerdict.SUPPORTED_IN_PART,
    ClaimVerdict.REFUTED: ClaimVerdict.REFUTED_IN_PART,
}


class Kind(StrEnum):
    """The kind of a value: a ratio of two variants, or an amount."""

    RATIO = "ratio"
    MICROSECONDS = "microseconds"
    COUNT = "count"
    MEMORY = "memory"
    SHARE = "share of the ideal"


class Quantity(msgspec.Struct, frozen=True):
    """What a value is of.

    kind: of value. measure: of a ratio, and what is counted, as the criterion names it.
    of, to: the variants; `to` of a ratio only.
    endpoint: of the requests; None of a price, which is of all of them.
    connections: of the closed loop, where there is one.
    condition: None of an amount, which concerns several, or none.
    held: connections to PostgreSQL that each variant holds at most, where the study sets both.
    """

    kind: Kind = Kind.RATIO
    measure: str = ""
    of: str | None = None
    to: str | None = None
    endpoint: str | None = None
    connections: int | None = None
    condition: Condition | None = None
    held: tuple[int, int] | None = None


class Evidence(msgspec.Struct, frozen=True):
    """One value that a criterion concerns.

    where: the condition's name, or the concurrency. what: the name of the value.
    least, most: the range in which the claim holds.
    part: the part of the claim that it concerns.
    holds: whether it lies in the range; None if its interval contains a threshold.
    subject: what it is a value of.
    """

    run: str
    where: str
    what: str
    value: Interval
    least: float | None
    most: float | None
    holds: bool | None
    part: str = ""
    subject: Quantity = Quantity()


class Judgement(msgspec.Struct, frozen=True):
    """A claim with its verdict and evidence. open: its parts that no evidence decides."""

    claim: Claim
    verdict: ClaimVerdict
    evidence: tuple[Evidence, ...]
    open: tuple[str, ...] = ()


def judgement_of(claim: Claim, evidence: tuple[Evidence, ...]) -> Judgement:
    """The verdict on a claim by all evidence on it, part by part."""
    decided = {item.part for item in evidence if item.holds is not None}
    parts = dict.fromkeys(criterion.part for criterion in claim.criteria)
    missing = tuple(part for part in parts if part not in decided)
    verdict = verdict_of(evidence)
    if missing or any(_mostly_open(evidence, part) for part in parts):
        verdict = _PARTIAL.get(verdict, verdict)
    return Judgement(claim, verdict, evidence, missing)


def _mostly_open(evidence: Sequence[Evidence], part: str) -> bool:
    """Whether fewer than half of a part's values decide; of many values, one decides by chance."""
    decided = [item.holds is not None for item in evidence if item.part == part]
    return sum(decided) * 2 < len(decided)


def merged(judgements: Sequence[Sequence[Judgement]]) -> tuple[Judgement, ...]:
    """Merge the judgements of several runs on the same claims, by all of their evidence."""
    together: list[Judgement] = []
    for same in zip(*judgements, strict=True):
        evidence = tuple(item for judgement in same for item in judgement.evidence)
        together.append(judgement_of(same[0].claim, evidence))
    return tuple(together)


def verdict_of(evidence: Sequence[Evidence]) -> ClaimVerdict:
    """Supported or refuted if all evidence that decides agrees; depends if it does not."""
    if not evidence:
        return ClaimVerdict.NOT_TESTED
    decided = {item.holds for item in evidence} - {None}
    if not decided:
        return ClaimVerdict.UNDECIDED
    if len(decided) == 2:
        return ClaimVerdict.DEPENDS
    return ClaimVerdict.SUPPORTED if True in decided else ClaimVerdict.REFUTED
