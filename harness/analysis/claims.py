"""Published claims, held against a run: supported, refuted, depends, or not tested here."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from harness.analysis.intervals import Interval
from harness.analysis.measures import Measure
from harness.analysis.pieces import Piece
from harness.analysis.prices import PriceList
from harness.claims import Claim, Criterion
from harness.records import Run
from harness.study import Condition

_MEASURES = {"cpu": Measure.CPU, "throughput": Measure.THROUGHPUT, "p99": Measure.P99}


class Verdict(StrEnum):
    """What a run says of a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    DEPENDS = "depends"
    UNDECIDED = "undecided"
    NOT_TESTED = "not tested here"


class Evidence(msgspec.Struct, frozen=True):
    """One value that a criterion looked at.

    where: the condition, or the concurrency. what: which value. holds: whether the claim holds
    there; None where the interval reaches over its threshold.
    """

    where: str
    what: str
    value: Interval
    holds: bool | None


class Judgement(msgspec.Struct, frozen=True):
    """A claim with what was found."""

    claim: Claim
    verdict: Verdict
    evidence: tuple[Evidence, ...]


def judge(
    claims: Sequence[Claim], run: Run, pieces: Sequence[Piece], prices: Sequence[PriceList]
) -> tuple[Judgement, ...]:
    """Hold every claim against one run."""
    found: list[Judgement] = []
    for claim in claims:
        evidence = tuple(
            item
            for criterion in claim.criteria
            if criterion.study in (None, run.study_name)
            for item in _evidence(criterion, run, pieces, prices)
        )
        found.append(Judgement(claim, verdict_of(evidence), evidence))
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


def _evidence(
    criterion: Criterion, run: Run, pieces: Sequence[Piece], prices: Sequence[PriceList]
) -> Iterable[Evidence]:
    if criterion.price is not None:
        return _prices(criterion, criterion.price, prices)
    if criterion.count is not None:
        return _counts(criterion, criterion.count, run)
    return _ratios(criterion, pieces)


def _ratios(criterion: Criterion, pieces: Sequence[Piece]) -> Iterable[Evidence]:
    assert criterion.of is not None
    assert criterion.to is not None
    measure = _MEASURES[criterion.measure]
    for piece in pieces:
        if not _fits(criterion, piece.condition) or piece.unsaid(measure) not in (None, _NO_TWIN):
            continue
        effect = piece.effect(measure, criterion.of, criterion.to)
        if effect is not None:
            ratio = effect.exp()
            what = f"{criterion.measure} of {criterion.of} / {criterion.to}"
            yield Evidence(piece.condition.name, what, ratio, holds(criterion, ratio))


_NO_TWIN = "the two identical variants have not both been measured in two blocks or more"


def _prices(criterion: Criterion, name: str, prices: Sequence[PriceList]) -> Iterable[Evidence]:
    for found in prices:
        price = found.price(name)
        fits = found.connections in (criterion.connections or (found.connections,))
        if price is not None and fits:
            where, what = f"{found.connections} connections", f"µs of a {price.name}"
            yield Evidence(where, what, price.value, holds(criterion, price.value))


def _counts(criterion: Criterion, quantity: str, run: Run) -> Iterable[Evidence]:
    for audit in run.audits:
        for toll in audit.tolls if audit.variant == criterion.of else ():
            if toll.endpoint in (criterion.endpoints or (toll.endpoint,)):
                count = toll.counted.get(quantity, 0.0)
                value = Interval(mean=count, low=count, high=count, se=0.0, blocks=1)
                what = f"{quantity.replace('_', ' ')} per request of {audit.variant}"
                yield Evidence(toll.endpoint, what, value, holds(criterion, value))


def _fits(criterion: Criterion, condition: Condition) -> bool:
    latency = condition.latency
    added = 0.0 if latency is None else latency.database_ms + latency.client_ms
    return (
        condition.endpoint in (criterion.endpoints or (condition.endpoint,))
        and condition.connections in (criterion.connections or (condition.connections,))
        and added in (criterion.latency_ms or (added,))
    )


def holds(criterion: Criterion, value: Interval) -> bool | None:
    """Whether all of the interval lies where the claim says, all of it elsewhere, or neither."""
    if value.low is None or value.high is None:
        return None
    least = criterion.at_least if criterion.at_least is not None else float("-inf")
    most = criterion.at_most if criterion.at_most is not None else float("inf")
    if least <= value.low and value.high <= most:
        return True
    if value.high < least or value.low > most:
        return False
    return None
