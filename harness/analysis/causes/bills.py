"""What counted differences should cost by a price list, beside the difference that was measured.

A bill multiplies each toll of which B has more or fewer than A by its price. Prices are of another
run. Where that run measured A at the same endpoint, they are scaled by how much more A costs here:
the ratio stands for the machine's speed. Where it did not, they stay as they are.
"""

from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.causes.kept_prices import KeptPrices, is_priced
from harness.analysis.causes.levels import Levels, levels, shared_blocks, sum_of_levels
from harness.analysis.causes.prices import PriceList, tolls_of
from harness.analysis.condition import MeasuredCondition
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.verdicts import Verdict
from harness.analysis.variants import AgainstOrigin
from harness.inputs.factors import factors_of
from harness.inputs.kinds import StudyKind, kind_of, origins_of
from harness.inputs.study import Condition
from harness.records.run import Run


class OfferedPrices(msgspec.Struct, frozen=True):
    """A price list for an A/B.

    changed: by A, why it is not the same variant in the run of the list, as a clause. Those that
        are the same there, or that it lacks, are left out.
    """

    prices: KeptPrices
    changed: dict[str, str] = {}


class PriceSource(msgspec.Struct, frozen=True, rename={"cost": "cost_us"}):
    """Where the prices of a bill come from.

    run, started_at, machine: of the price list. connections: of its closed loop.
    cost: of a request of A there, in microseconds; None if that was not measured.
    scale: by which prices were multiplied, so that A costs what it costs here; None likewise.
    changed: why A is not the same variant there; None if it is, or was not measured.
    """

    run: str
    started_at: str
    machine: dict[str, str | int]
    connections: int
    cost: Interval | None
    scale: Interval | None
    changed: str | None


class BillItem(
    msgspec.Struct,
    frozen=True,
    rename={"price": "price_us", "cost": "cost_us", "pairs": "pairs_us"},
):
    """One toll of which B has more or fewer.

    name: of its price. before, after: per request of A and of B.
    price: of one, in microseconds, scaled; None if no list has it. cost: of the difference.
    pairs: the least and the most that one costs between two variants of the list's run which differ
        in this toll alone, at the same endpoint, scaled; None without such a pair. Not every thread
        is as dear as the average one.
    """

    name: str
    before: float
    after: float
    price: Interval | None = None
    cost: Interval | None = None
    pairs: tuple[float, float] | None = None


class Bill(
    msgspec.Struct,
    frozen=True,
    rename={"measured": "measured_us", "predicted": "predicted_us", "left": "left_us"},
):
    """One B under one condition: B less A, in microseconds of server CPU per request.

    variant: B. origin: A, the variant that it changes.
    items: tolls whose counts differ.
    measured: the difference. differs: whether the verdict on the ratio of CPU says so; None without
        a verdict.
    predicted: the sum of all items that have a price; None if none has.
    left: measured less predicted; None likewise.
    source: of the prices; None without any.
    """

    variant: str
    origin: str
    condition: Condition
    items: tuple[BillItem, ...]
    measured: Interval
    differs: bool | None
    predicted: Interval | None = None
    left: Interval | None = None
    source: PriceSource | None = None


def toll_changes(
    run: Run, origin: str, variant: str, endpoint: str
) -> dict[str, tuple[float, float]] | None:
    """The tolls whose counts differ, by the name of their price: in A and in B.

    None if one of the two was not audited at this endpoint.
    """
    found = {
        audit.variant: tolls_of(factors_of(audit.variant, run.variants[audit.variant]), toll)
        for audit in run.audits
        if audit.variant in (origin, variant)
        for toll in audit.tolls
        if toll.endpoint == endpoint
    }
    a, b = found.get(origin), found.get(variant)
    if a is None or b is None:
        return None
    return {
        name: (a.get(name, 0.0), b.get(name, 0.0))
        for name in dict.fromkeys((*a, *b))
        if a.get(name, 0.0) != b.get(name, 0.0)
    }


def unpriced(run: Run) -> tuple[tuple[str, str], ...]:
    """Every A with each endpoint at which some B of it has other tolls, so that prices are needed.

    Empty for what is no A/B.
    """
    if kind_of(run.study) is not StudyKind.AB:
        return ()
    return tuple(
        dict.fromkeys(
            (origin, condition.endpoint)
            for condition in run.study.conditions
            if is_priced(condition)
            for name, origin in origins_of(run.study).items()
            if toll_changes(run, origin, name, condition.endpoint)
        )
    )


def bills(
    run: Run,
    measured: MeasuredCondition,
    against: Mapping[str, AgainstOrigin],
    offers: Sequence[OfferedPrices],
) -> tuple[Bill, ...]:
    """A bill for each B whose tolls or whose CPU differ from A's; none but in an A/B.

    Args:
        run, measured: the A/B, under one condition.
        against: CPU per request of each B against its A.
        offers: price lists, the best first.
    """
    if kind_of(run.study) is not StudyKind.AB or not is_priced(measured.condition):
        return ()
    costs = levels(measured)
    made = (_bill(run, measured, costs, name, pair, offers) for name, pair in against.items())
    return tuple(bill for bill in made if bill is not None)


def _bill(
    run: Run,
    measured: MeasuredCondition,
    costs: Levels,
    name: str,
    against: AgainstOrigin,
    offers: Sequence[OfferedPrices],
) -> Bill | None:
    a, decision = against.origin, against.decision
    changes = toll_changes(run, a, name, measured.condition.endpoint)
    differs = None if decision is None else decision.verdict is Verdict.DIFFERS
    if changes is None or not (changes or differs):
        return None
    blocks = shared_blocks(costs, (a, name))
    difference = sum_of_levels(measured, costs, {name: 1.0, a: -1.0}, blocks)
    now = sum_of_levels(measured, costs, {a: 1.0}, blocks)
    if difference is None or now is None:
        return None
    items = tuple(BillItem(toll, *counts) for toll, counts in changes.items())
    bill = Bill(name, a, measured.condition, items, difference.interval(), differs)
    return _priced(bill, now.interval(), offers)


def _priced(bill: Bill, now: Interval, offers: Sequence[OfferedPrices]) -> Bill:
    """With the prices of the list that has most of its tolls, and A if possible."""
    chosen = min(offers, key=lambda offer: _lacks(offer.prices, bill), default=None)
    if chosen is None:
        return bill
    kept, prices = chosen.prices, chosen.prices.at(bill.condition.connections)
    there = kept.cost(bill.origin, bill.condition)
    scale = None if there is None else now.over(there)
    items = tuple(_item(item, bill.condition.endpoint, prices, scale) for item in bill.items)
    known = {item.name: item.after - item.before for item in items if item.price is not None}
    predicted = _scaled(prices.total(known), scale)
    if predicted is None:
        return bill
    return msgspec.structs.replace(
        bill,
        items=items,
        predicted=predicted,
        left=bill.measured.minus(predicted),
        source=PriceSource(
            run=kept.run,
            started_at=kept.started_at,
            machine=kept.machine,
            connections=prices.connections,
            cost=there,
            scale=scale,
            changed=None if there is None else chosen.changed.get(bill.origin),
        ),
    )


def _lacks(kept: KeptPrices, bill: Bill) -> tuple[int, bool]:
    """How many tolls have no price there, and whether A has no cost."""
    prices = kept.at(bill.condition.connections)
    missing = sum(prices.total({item.name: 1.0}) is None for item in bill.items)
    return missing, kept.cost(bill.origin, bill.condition) is None


def _item(item: BillItem, endpoint: str, prices: PriceList, scale: Interval | None) -> BillItem:
    factor = 1.0 if scale is None else scale.mean
    pairs = [
        factor * check.measured.mean
        for check in prices.checks
        if (check.name, check.endpoint) == (item.name, endpoint)
    ]
    return msgspec.structs.replace(
        item,
        price=_scaled(prices.total({item.name: 1.0}), scale),
        cost=_scaled(prices.total({item.name: item.after - item.before}), scale),
        pairs=(min(pairs), max(pairs)) if pairs else None,
    )


def _scaled(price: Interval | None, scale: Interval | None) -> Interval | None:
    return price if price is None or scale is None else price.times(scale)
