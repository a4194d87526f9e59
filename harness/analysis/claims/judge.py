"""Published claims, held against runs: supported, refuted, depends, or not tested here."""

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from harness.analysis.claims.values import Findings, values_of
from harness.analysis.stats.intervals import Interval
from harness.inputs.claims import Claim, Criterion


class Verdict(StrEnum):
    """What runs say of a claim."""

    SUPPORTED = "supported"
    SUPPORTED_IN_PART = "supported in part"
    REFUTED = "refuted"
    REFUTED_IN_PART = "refuted in part"
    DEPENDS = "depends"
    UNDECIDED = "undecided"
    NOT_TESTED = "not tested here"


_PARTIAL = {
    Verdict.SUPPORTED: Verdict.SUPPORTED_IN_PART,
    Verdict.REFUTED: Verdict.REFUTED_IN_PART,
}


class Evidence(msgspec.Struct, frozen=True):
    """One value that a criterion looked at.

    where: the condition's name, or the concurrency. what: which value.
    least, most: where the claim wants it. floor: what two identical servers may differ by, as a
        logarithm; a threshold must be exceeded by more. None where that is not known.
    part: which part of the claim it is about.
    holds: whether it is there; None where the interval reaches over a threshold, or the floor of a
        ratio is not known.
    """

    run: str
    where: str
    what: str
    value: Interval
    least: float | None
    most: float | None
    holds: bool | None
    floor: float | None = 0.0
    part: str = ""


class Judgement(msgspec.Struct, frozen=True):
    """A claim with what was found. open: parts of it on which nothing has been decided."""

    claim: Claim
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    open: tuple[str, ...] = ()


def judge(claims: Sequence[Claim], findings: Sequence[Findings]) -> tuple[Judgement, ...]:
    """Hold every claim against every run."""
    judged: list[Judgement] = []
    for claim in claims:
        evidence = tuple(
            item
            for found in findings
            for criterion in claim.criteria
            for item in _evidence(criterion, found)
        )
        judged.append(_judgement(claim, evidence))
    return tuple(judged)


def _judgement(claim: Claim, evidence: tuple[Evidence, ...]) -> Judgement:
    decided = {item.part for item in evidence if item.holds is not None}
    parts = dict.fromkeys(criterion.part for criterion in claim.criteria)
    missing = tuple(part for part in parts if part not in decided)
    verdict = verdict_of(evidence)
    if missing or any(_mostly_open(evidence, part) for part in parts):
        verdict = _PARTIAL.get(verdict, verdict)
    return Judgement(claim, verdict, evidence, missing)


def _mostly_open(evidence: Sequence[Evidence], part: str) -> bool:
    """Of many values one decides by chance: those that decide must be as many as the others."""
    said = [item.holds is not None for item in evidence if item.part == part]
    return sum(said) * 2 < len(said)


def merged(judgements: Sequence[Sequence[Judgement]]) -> tuple[Judgement, ...]:
    """Of the same claims, by several runs: the verdict is over all of their evidence."""
    found: list[Judgement] = []
    for same in zip(*judgements, strict=True):
        evidence = tuple(item for judgement in same for item in judgement.evidence)
        found.append(_judgement(same[0].claim, evidence))
    return tuple(found)


def verdict_of(evidence: Sequence[Evidence]) -> Verdict:
    """All on one side: that; on both: it depends; none on either: undecided."""
    if not evidence:
        return Verdict.NOT_TESTED
    said = {item.holds for item in evidence} - {None}
    if not said:
        return Verdict.UNDECIDED
    if len(said) == 2:
        return Verdict.DEPENDS
    return Verdict.SUPPORTED if True in said else Verdict.REFUTED


def holds(criterion: Criterion, value: Interval, floor: float | None = 0.0) -> bool | None:
    """Whether all of the interval lies where the claim says, all of it elsewhere, or neither.

    Args:
        criterion: has the thresholds.
        value: with its interval.
        floor: of a ratio, what two identical servers may differ by, as a logarithm: a threshold is
            passed only by more than that. None where nobody ran twice to tell.
    """
    if value.low is None or value.high is None or floor is None:
        return None
    least = criterion.at_least if criterion.at_least is not None else 0.0
    most = criterion.at_most if criterion.at_most is not None else float("inf")
    margin = math.exp(floor)
    if least * margin <= value.low and value.high * margin <= most:
        return True
    if value.high * margin < least or value.low > most * margin:
        return False
    return None


def _evidence(criterion: Criterion, found: Findings) -> Iterable[Evidence]:
    if found.run.rehearsal:
        return
    for where, what, value, floor in values_of(criterion, found):
        yield Evidence(
            run=found.run.id,
            where=where,
            what=what,
            value=value,
            least=criterion.at_least,
            most=criterion.at_most,
            holds=holds(criterion, value, floor),
            floor=floor,
            part=criterion.part,
        )
