"""Published claims, held against runs: supported, refuted, depends, or not tested here."""

import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec

from harness.analysis.intervals import Interval, block_interval
from harness.analysis.measures import PERCENTILES, Measure
from harness.analysis.pieces import Piece
from harness.analysis.prices import PriceList
from harness.analysis.ramp_cells import Cell
from harness.analysis.ramp_rates import log_ratio
from harness.analysis.ramps import NOT_THEIRS, Ramps
from harness.claims import Claim, Criterion
from harness.records import Run, Trial
from harness.study import Condition

_MEASURES = {
    "cpu": Measure.CPU,
    "throughput": Measure.THROUGHPUT,
    "p50": Measure.P50,
    "p99": Measure.P99,
}


_OF_RAMPS: dict[str, tuple[str, Callable[[Cell], dict[int, float]]]] = {
    "highest": ("highest rate", lambda cell: cell.highest_by_block),
    "successes": ("successes", lambda cell: cell.successes_by_block),
}


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
        logarithm; a threshold must be exceeded by more. part: which part of the claim it is about.
    holds: whether it is there; None where the interval reaches over a threshold.
    """

    run: str
    where: str
    what: str
    value: Interval
    least: float | None
    most: float | None
    holds: bool | None
    floor: float = 0.0
    part: str = ""


class Judgement(msgspec.Struct, frozen=True):
    """A claim with what was found. open: parts of it on which nothing has been decided."""

    claim: Claim
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    open: tuple[str, ...] = ()


class Findings(msgspec.Struct, frozen=True):
    """What of one run a claim may be held against."""

    run: Run
    pieces: tuple[Piece, ...]
    prices: tuple[PriceList, ...]
    ramps: Ramps | None


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
    if missing:
        verdict = _PARTIAL.get(verdict, verdict)
    return Judgement(claim, verdict, evidence, missing)


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


def holds(criterion: Criterion, value: Interval, floor: float = 0.0) -> bool | None:
    """Whether all of the interval lies where the claim says, all of it elsewhere, or neither.

    Args:
        criterion: has the thresholds.
        value: with its interval.
        floor: of a ratio, what two identical servers may differ by, as a logarithm: a threshold is
            passed only by more than that.
    """
    if value.low is None or value.high is None:
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
    if criterion.price is not None:
        values = _prices(criterion, criterion.price, found.prices)
    elif criterion.count is not None:
        values = _counts(criterion, criterion.count, found.run)
    elif criterion.memory_per is not None:
        values = _memory(criterion, found)
    elif criterion.measure in _OF_RAMPS:
        values = _gains(criterion, found.ramps)
    else:
        values = _ratios(criterion, found.pieces)
    for where, what, value, floor in values:
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


type _Values = Iterable[tuple[str, str, Interval, float]]
"""Where, which value, the value, and its noise floor as a logarithm."""


def _ratios(criterion: Criterion, pieces: Sequence[Piece]) -> _Values:
    assert criterion.of is not None
    assert criterion.to is not None
    measure = _MEASURES[criterion.measure]
    pair = {criterion.of, criterion.to}
    for piece in pieces:
        if not _fits(criterion, piece.condition):
            continue
        if measure is Measure.THROUGHPUT and piece.limited(pair) is not None:
            continue
        if measure in PERCENTILES and piece.unanswered(pair) is not None:
            continue
        effect = piece.effect(measure, criterion.of, criterion.to)
        if effect is not None:
            what = f"{criterion.measure} of {criterion.of} / {criterion.to}"
            yield piece.condition.name, what, effect.exp(), piece.floor(measure) or 0.0


def _gains(criterion: Criterion, ramps: Ramps | None) -> _Values:
    """Of any two setups, block by block."""
    if ramps is None or criterion.of is None or criterion.to is None:
        return
    cells = {(cell.setup, cell.condition): cell for cell in ramps.cells}
    for condition in dict.fromkeys(cell.condition for cell in ramps.cells):
        one, other = cells.get((criterion.of, condition)), cells.get((criterion.to, condition))
        if one is None or other is None or not _fits(criterion, condition):
            continue
        if any(f.label in NOT_THEIRS for cell in (one, other) for f in cell.found):
            continue
        named, by_block = _OF_RAMPS[criterion.measure]
        effect = log_ratio(by_block(one), by_block(other))
        if effect is not None:
            what = f"{named} of {criterion.of} / {criterion.to}"
            yield condition.name, what, effect.exp(), 0.0


def _prices(criterion: Criterion, name: str, prices: Sequence[PriceList]) -> _Values:
    for found in prices:
        price = found.price(name)
        fits = found.connections in (criterion.connections or (found.connections,))
        if price is not None and fits:
            many = "" if found.connections == 1 else "s"
            where = f"{found.connections} connection{many}"
            yield where, f"µs of a {price.name}", price.value, 0.0


def _counts(criterion: Criterion, quantity: str, run: Run) -> _Values:
    for audit in run.audits:
        for toll in audit.tolls if audit.variant == criterion.of else ():
            if toll.endpoint in (criterion.endpoints or (toll.endpoint,)):
                count = toll.counted.get(quantity, 0.0)
                value = Interval(mean=count, low=count, high=count, se=0.0, blocks=1)
                what = f"{quantity.replace('_', ' ')} per request of {audit.variant}"
                yield toll.endpoint, what, value, 0.0


def _memory(criterion: Criterion, found: Findings) -> _Values:
    """From the lowest concurrency to the highest of an endpoint, block by block."""
    if found.run.study.fresh != "condition":
        return
    pieces = [piece for piece in found.pieces if _fits(criterion, piece.condition)]
    for endpoint in dict.fromkeys(piece.condition.endpoint for piece in pieces):
        same = [piece for piece in pieces if piece.condition.endpoint == endpoint]
        ends = sorted(same, key=lambda piece: piece.condition.connections)
        assert criterion.of is not None
        low, high = (piece.good(criterion.of) for piece in (ends[0], ends[-1]))
        slopes = [
            slope
            for block in sorted(low.keys() & high.keys())
            if (slope := _slope(criterion, low[block], high[block])) is not None
        ]
        value = block_interval(slopes)
        if value is not None:
            reach = f"{ends[0].condition.connections} to {ends[-1].condition.connections}"
            what = f"MiB of {criterion.of} for one {criterion.memory_per} more"
            yield f"{endpoint}, {reach} connections", what, value, 0.0


def _slope(criterion: Criterion, low: Trial, high: Trial) -> float | None:
    if None in (low.rss_peak_kib, high.rss_peak_kib, low.threads, high.threads):
        return None
    assert low.rss_peak_kib is not None
    assert high.rss_peak_kib is not None
    assert low.threads is not None
    assert high.threads is not None
    more = high.condition.connections - low.condition.connections
    if criterion.memory_per == "thread":
        more = high.threads - low.threads
    return (high.rss_peak_kib - low.rss_peak_kib) / 1024 / more if more > 0 else None


def _fits(criterion: Criterion, condition: Condition) -> bool:
    latency = condition.latency
    legs = {} if latency is None else {leg: ms for leg, ms in latency.legs.items() if ms}
    added = sum(legs.values(), 0.0)
    beside = None if condition.beside is None else condition.beside.endpoint
    return (
        condition.endpoint in (criterion.endpoints or (condition.endpoint,))
        and condition.connections in (criterion.connections or (condition.connections,))
        and added in (criterion.latency_ms or (added,))
        and criterion.leg in (None, *(legs if len(legs) == 1 else ()))
        and beside == criterion.beside
    )
