"""Judge published claims by runs: supported, refuted, depends, or not tested here.

`judge` asks `values_of` for the values that each criterion of a claim concerns: ratios, prices,
counts, or memory. Each value with its interval is a piece of evidence.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from harness.analysis.causes.prices import PriceList
from harness.analysis.condition import MeasuredCondition
from harness.analysis.judgements import Evidence, Judgement, Kind, Quantity, judgement_of
from harness.analysis.locust import NOT_THEIRS, Cell, Ramps, log_ratios
from harness.analysis.measures import PERCENTILES, Measure
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.waiting import waiting_of
from harness.inputs.claims import Claim, Criterion
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


class RunResults(msgspec.Struct, frozen=True):
    """The results of one run by which claims can be judged."""

    run: Run
    conditions: tuple[MeasuredCondition, ...]
    prices: tuple[PriceList, ...]
    ramps: Ramps | None


def judge(claims: Sequence[Claim], runs: Sequence[RunResults]) -> tuple[Judgement, ...]:
    """Judge every claim by the evidence of all runs together."""
    judgements: list[Judgement] = []
    for claim in claims:
        evidence = tuple(
            item
            for results in runs
            for criterion in claim.criteria
            for item in _evidence(criterion, results)
        )
        judgements.append(judgement_of(claim, evidence))
    return tuple(judgements)


def _evidence(criterion: Criterion, results: RunResults) -> Iterable[Evidence]:
    if results.run.rehearsal:
        return
    for where, what, value, subject in values_of(criterion, results):
        yield Evidence(
            run=results.run.id,
            where=where,
            what=what,
            value=value,
            least=criterion.at_least,
            most=criterion.at_most,
            holds=holds(criterion, value),
            part=criterion.part,
            subject=subject,
        )


def holds(criterion: Criterion, value: Interval) -> bool | None:
    """Whether all of the interval lies in the claim's range, all of it outside, or neither (None).

    Args:
        criterion: has the thresholds.
        value: with its interval.
    """
    if value.low is None or value.high is None:
        return None
    least = criterion.at_least if criterion.at_least is not None else 0.0
    most = criterion.at_most if criterion.at_most is not None else float("inf")
    if least <= value.low and value.high <= most:
        return True
    if value.high < least or value.low > most:
        return False
    return None


type Values = Iterable[tuple[str, str, Interval, Quantity]]
"""Condition or concurrency, name of the value, the value, and what it is of."""


def values_of(criterion: Criterion, results: RunResults) -> Values:
    """The values that a criterion concerns in one run; empty if the run has none."""
    if criterion.price is not None:
        return _prices(criterion, criterion.price, results.prices)
    if criterion.count is not None:
        return _counts(criterion, criterion.count, results.run)
    if criterion.ideal is not None:
        return _shares_of_ideal(criterion, results)
    if criterion.memory_per is not None and criterion.to is not None:
        return _memory_ratios(criterion, results)
    if criterion.memory_per is not None:
        return _memory(criterion, results)
    if criterion.measure in _OF_RAMPS:
        return _gains(criterion, results.ramps, results.run)
    return _ratios(criterion, results.conditions, results.run)


def _ratio_of(criterion: Criterion, condition: Condition, run: Run) -> Quantity:
    """What a ratio under one condition is of."""
    return Quantity(
        measure=criterion.measure,
        of=criterion.of,
        to=criterion.to,
        endpoint=condition.endpoint,
        connections=None if condition.open_loop else condition.connections,
        condition=condition,
        held=_held(run, criterion.of, criterion.to),
    )


def _held(run: Run, *pair: str | None) -> tuple[int, int] | None:
    """Connections to PostgreSQL that each of two setups holds; None where a study sets none.

    How many are allowed says nothing of a setup whose threads hold fewer.
    """
    setups = [run.study.setups.get(name or "") for name in pair]
    one, other = (None if s is None else s.threads or s.pool_size for s in setups)
    return None if one is None or other is None else (one, other)


def _ratios(criterion: Criterion, conditions: Sequence[MeasuredCondition], run: Run) -> Values:
    assert criterion.of is not None
    assert criterion.to is not None
    measure = _MEASURES[criterion.measure]
    pair = {criterion.of, criterion.to}
    for measured in conditions:
        if not criterion.fits(measured.condition):
            continue
        if measure is Measure.THROUGHPUT and measured.limited_elsewhere(pair) is not None:
            continue
        if measure in PERCENTILES and measured.not_as_offered(pair) is not None:
            continue
        effect = measured.effect(measure, criterion.of, criterion.to)
        if effect is not None:
            what = f"{criterion.measure} of {criterion.of} / {criterion.to}"
            subject = _ratio_of(criterion, measured.condition, run)
            yield measured.condition.name, what, effect.interval().exp(), subject


def _gains(criterion: Criterion, ramps: Ramps | None, run: Run) -> Values:
    """Ratios of two setups, over blocks."""
    if ramps is None or criterion.of is None or criterion.to is None:
        return
    pair = criterion.of, criterion.to
    named, by_block = _OF_RAMPS[criterion.measure]
    for condition in dict.fromkeys(cell.condition for cell in ramps.cells):
        cells = {cell.setup: cell for cell in ramps.cells if cell.condition == condition}
        if not cells.keys() >= set(pair) or not criterion.fits(condition):
            continue
        if any(f.label in NOT_THEIRS for name in pair for f in cells[name].findings):
            continue
        values = {name: by_block(cell) for name, cell in cells.items()}
        for effect in log_ratios(values, [pair]).values():
            what = f"{named} of {criterion.of} / {criterion.to}"
            subject = _ratio_of(criterion, condition, run)
            yield condition.name, what, effect.interval().exp(), subject


def _prices(criterion: Criterion, name: str, prices: Sequence[PriceList]) -> Values:
    for price_list in prices:
        price = price_list.price(name)
        connections = price_list.connections
        if price is not None and connections in (criterion.connections or (connections,)):
            where = f"{connections} connection{'' if connections == 1 else 's'}"
            subject = Quantity(Kind.MICROSECONDS, connections=connections)
            yield where, f"µs of a {price.name}", price.value, subject


def _counts(criterion: Criterion, quantity: str, run: Run) -> Values:
    for audit in run.audits:
        for toll in audit.tolls if audit.variant == criterion.of else ():
            if quantity not in audit.uncounted and toll.endpoint in (
                criterion.endpoints or (toll.endpoint,)
            ):
                count = toll.counted.get(quantity, 0.0)
                value = Interval(mean=count, low=count, high=count, se=0.0, blocks=1)
                what = f"{quantity.replace('_', ' ')} per request of {audit.variant}"
                subject = Quantity(
                    Kind.COUNT, measure=quantity, of=audit.variant, endpoint=toll.endpoint
                )
                yield toll.endpoint, what, value, subject


def _shares_of_ideal(criterion: Criterion, results: RunResults) -> Values:
    assert criterion.of is not None
    waiting = waiting_of(results.run, results.conditions)
    for level in () if waiting is None else waiting.levels:
        cell = level.cell(criterion.of)
        if criterion.fits(level.condition) and cell is not None and cell.ideal_share is not None:
            subject = Quantity(
                Kind.SHARE,
                of=criterion.of,
                endpoint=level.condition.endpoint,
                connections=level.condition.connections,
                condition=level.condition,
            )
            what = f"answers of {criterion.of}, of the ideal"
            yield level.condition.name, what, cell.ideal_share, subject


def _memory(criterion: Criterion, results: RunResults) -> Values:
    assert criterion.of is not None
    for endpoint, where, slopes in _growth(criterion, criterion.of, results):
        value = block_interval(list(slopes.values()))
        if value is not None:
            what = f"MiB of {criterion.of} for one {criterion.memory_per} more"
            yield where, what, value, Quantity(Kind.MEMORY, of=criterion.of, endpoint=endpoint)


def _memory_ratios(criterion: Criterion, results: RunResults) -> Values:
    """Ratios of two variants' growth, over blocks."""
    assert criterion.of is not None
    assert criterion.to is not None
    pair = criterion.of, criterion.to
    others = {where: slopes for _, where, slopes in _growth(criterion, criterion.to, results)}
    for endpoint, where, slopes in _growth(criterion, criterion.of, results):
        values = {criterion.of: slopes, criterion.to: others.get(where, {})}
        for effect in log_ratios(values, [pair]).values():
            names = f"{criterion.of} / {criterion.to}"
            what = f"memory of {names} for one {criterion.memory_per} more"
            subject = Quantity(
                measure="memory", of=criterion.of, to=criterion.to, endpoint=endpoint
            )
            yield where, what, effect.interval().exp(), subject


def _growth(
    criterion: Criterion, variant: str, results: RunResults
) -> Iterable[tuple[str, str, dict[int, float]]]:
    """By endpoint, MiB per thread or connection by block, from lowest to highest concurrency."""
    if results.run.study.fresh != "condition":
        return
    conditions = [measured for measured in results.conditions if criterion.fits(measured.condition)]
    for endpoint in dict.fromkeys(measured.condition.endpoint for measured in conditions):
        same = [measured for measured in conditions if measured.condition.endpoint == endpoint]
        ends = sorted(same, key=lambda measured: measured.condition.connections)
        low, high = (measured.good(variant) for measured in (ends[0], ends[-1]))
        reach = f"{ends[0].condition.connections} to {ends[-1].condition.connections}"
        yield (
            endpoint,
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
