"""Values that a claim's criterion looks at, of one run: ratios, prices, counts, memory."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from harness.analysis.causes.prices import PriceList
from harness.analysis.condition import Piece
from harness.analysis.locust.cells import Cell
from harness.analysis.locust.rates import log_ratio
from harness.analysis.locust.summary import NOT_THEIRS, Ramps
from harness.analysis.measures import PERCENTILES, Measure
from harness.analysis.stats.intervals import Interval, block_interval
from harness.inputs.claims import Criterion
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial

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


class Findings(msgspec.Struct, frozen=True):
    """What of one run a claim may be held against."""

    run: Run
    pieces: tuple[Piece, ...]
    prices: tuple[PriceList, ...]
    ramps: Ramps | None


type Values = Iterable[tuple[str, str, Interval, float | None]]
"""Where, which value, the value, and its noise floor as a logarithm, if it is known."""


def values_of(criterion: Criterion, found: Findings) -> Values:
    """All that one criterion looks at in one run; nothing where the run does not have it."""
    if criterion.price is not None:
        return _prices(criterion, criterion.price, found.prices)
    if criterion.count is not None:
        return _counts(criterion, criterion.count, found.run)
    if criterion.memory_per is not None and criterion.to is not None:
        return _memory_ratios(criterion, found)
    if criterion.memory_per is not None:
        return _memory(criterion, found)
    if criterion.measure in _OF_RAMPS:
        return _gains(criterion, found.ramps)
    return _ratios(criterion, found.pieces)


def _ratios(criterion: Criterion, pieces: Sequence[Piece]) -> Values:
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
            yield piece.condition.name, what, effect.exp(), piece.floor(measure)


def _gains(criterion: Criterion, ramps: Ramps | None) -> Values:
    """Of any two setups, block by block. No cell has a twin: its interval alone decides."""
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


def _prices(criterion: Criterion, name: str, prices: Sequence[PriceList]) -> Values:
    for found in prices:
        price = found.price(name)
        fits = found.connections in (criterion.connections or (found.connections,))
        if price is not None and fits:
            many = "" if found.connections == 1 else "s"
            where = f"{found.connections} connection{many}"
            yield where, f"µs of a {price.name}", price.value, 0.0


def _counts(criterion: Criterion, quantity: str, run: Run) -> Values:
    for audit in run.audits:
        for toll in audit.tolls if audit.variant == criterion.of else ():
            if toll.endpoint in (criterion.endpoints or (toll.endpoint,)):
                count = toll.counted.get(quantity, 0.0)
                value = Interval(mean=count, low=count, high=count, se=0.0, blocks=1)
                what = f"{quantity.replace('_', ' ')} per request of {audit.variant}"
                yield toll.endpoint, what, value, 0.0


def _memory(criterion: Criterion, found: Findings) -> Values:
    assert criterion.of is not None
    for where, slopes in _growth(criterion, criterion.of, found):
        value = block_interval(list(slopes.values()))
        if value is not None:
            what = f"MiB of {criterion.of} for one {criterion.memory_per} more"
            yield where, what, value, 0.0


def _memory_ratios(criterion: Criterion, found: Findings) -> Values:
    """Block by block. The floor is of memory and not of its growth: the interval alone decides."""
    assert criterion.of is not None
    assert criterion.to is not None
    others = dict(_growth(criterion, criterion.to, found))
    for where, slopes in _growth(criterion, criterion.of, found):
        effect = log_ratio(slopes, others.get(where, {}))
        if effect is not None:
            names = f"{criterion.of} / {criterion.to}"
            what = f"memory of {names} for one {criterion.memory_per} more"
            yield where, what, effect.exp(), 0.0


def _growth(
    criterion: Criterion, variant: str, found: Findings
) -> Iterable[tuple[str, dict[int, float]]]:
    """From the lowest concurrency to the highest of an endpoint, MiB by block."""
    if found.run.study.fresh != "condition":
        return
    pieces = [piece for piece in found.pieces if _fits(criterion, piece.condition)]
    for endpoint in dict.fromkeys(piece.condition.endpoint for piece in pieces):
        same = [piece for piece in pieces if piece.condition.endpoint == endpoint]
        ends = sorted(same, key=lambda piece: piece.condition.connections)
        low, high = (piece.good(variant) for piece in (ends[0], ends[-1]))
        reach = f"{ends[0].condition.connections} to {ends[-1].condition.connections}"
        yield (
            f"{endpoint}, {reach} connections",
            {
                block: slope
                for block in sorted(low.keys() & high.keys())
                if (slope := _slope(criterion, low[block], high[block])) is not None
            },
        )


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
