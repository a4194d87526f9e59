"""The toll price list: what a hop, a thread, a connection and a query cost, over all variants.

Server CPU per request is taken as a sum: a price for the stack (framework and server), one for the
queries of the endpoint (by data layer, and whether its driver blocks a thread or awaits) or for its
other work, and one for each toll times the number that the audit counted. Prices are those of
weighted least squares with relative residuals, because costs span two orders of magnitude and their
noise is relative.

Statements and round trips have no prices of their own. In every variant each statement is one round
trip, so no data could tell the two apart; and what a statement costs is its data layer's doing.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np

from harness.analysis.causes.fitting import Fit, Row, fit_rows, spans
from harness.analysis.causes.levels import Levels
from harness.analysis.stats.intervals import Interval, block_interval, two_way_interval
from harness.inputs.factors import FRAMEWORK, SERVER, WITHOUT_SAYING, factors_of
from harness.records.run import Run
from harness.records.verification import Toll

HOP, THREAD, CONNECT = "hop", "thread started", "connection opened"
"""Tolls, or how the names of their prices begin: of a hop the rest says who hands the work over."""
TOLLS = (HOP, THREAD, CONNECT)
_UNUSUAL = {
    "json": "orjson",
    "middleware": WITHOUT_SAYING["middleware"],
    "switch_interval_us": WITHOUT_SAYING["switch_interval_us"],
}
"""Factors that make another stack of one framework and server, where they are not as usual."""
_LEAST_VARIANTS = 6
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Price(
    msgspec.Struct,
    frozen=True,
    rename={"value": "value_us", "by_block": "by_block_us", "by_variant": "by_variant_us"},
):
    """Microseconds of server CPU for one of something.

    value: its interval is over blocks and over variants; see `intervals.two_way_interval`.
    alone: the variants without which it could not be told; where there are any, its interval is
        over blocks alone, and how another variant would bear it out is not known.
    by_block, by_variant: fitted to each block, and to all variants but one; for comparing lists.
    """

    name: str
    value: Interval
    alone: tuple[str, ...]
    by_block: dict[int, float]
    by_variant: dict[str, float]

    def change_from(self, other: "Price") -> Interval | None:
        """By how much it is more than another list's price, from what both lists have."""
        blocks = sorted(self.by_block.keys() & other.by_block.keys())
        variants = sorted(self.by_variant.keys() & other.by_variant.keys())
        return two_way_interval(
            [self.by_block[b] - other.by_block[b] for b in blocks],
            [self.by_variant[v] - other.by_variant[v] for v in variants],
        )


class Forecast(
    msgspec.Struct, frozen=True, rename={"measured": "measured_us", "predicted": "predicted_us"}
):
    """A variant's cost, predicted by the prices that the others gave; microseconds."""

    variant: str
    endpoint: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """As a share of what was measured."""
        return self.predicted / self.measured - 1


class Check(msgspec.Struct, frozen=True, rename={"measured": "measured_us", "price": "price_us"}):
    """Two variants that differ in nothing but the number of one toll, against its price.

    measured: microseconds per toll, from the two alone. price: of the list.
    """

    name: str
    of: str
    to: str
    endpoint: str
    measured: Interval
    price: float


class PriceList(msgspec.Struct, frozen=True):
    """Prices at one concurrency.

    connections: of the closed loop. variants: how many gave the prices.
    untold: prices that these variants cannot tell from others.
    forecasts: of each variant that the others' prices suffice for, left out in turn.
    checks: prices of threads and connections against single pairs.
    """

    connections: int
    variants: int
    prices: tuple[Price, ...]
    untold: tuple[str, ...]
    forecasts: tuple[Forecast, ...]
    checks: tuple[Check, ...]

    def price(self, beginning: str) -> Price | None:
        """The first whose name begins so."""
        return next((p for p in self.prices if p.name.startswith(beginning)), None)


def rows_of(run: Run, endpoint: str, found: Levels) -> list[Row]:
    """What one condition contributes: a row for each variant that was audited."""
    tolls = {(a.variant, t.endpoint): t for a in run.audits for t in a.tolls}
    return [
        Row(name, endpoint, _terms(run, name, toll), dict(found[name]))
        for name in run.study.everyone
        if found.get(name) and (toll := tolls.get((name, endpoint))) is not None
    ]


def price_list(
    connections: int, rows: Sequence[Row], made_of: Mapping[str, str] = _NOTHING
) -> PriceList | None:
    """Fit the prices; None with too few variants to tell them apart.

    Args:
        connections: at which concurrency.
        rows: a variant under an endpoint each.
        made_of: by setup, its variant: with other settings it pays the same tolls, and tells no
            price from another.
    """
    variants = list(dict.fromkeys(row.variant for row in rows))
    names = list(dict.fromkeys(term for row in rows for term in row.terms))
    kinds = {made_of.get(name, name) for name in variants}
    if len(kinds) < _LEAST_VARIANTS or len(rows) <= len(names):
        return None
    fit = fit_rows(rows, names)
    prices = tuple(_price(fit, at) for at in fit.told)
    return PriceList(
        connections=connections,
        variants=len(variants),
        prices=prices,
        untold=tuple(name for at, name in enumerate(names) if at not in fit.told),
        forecasts=_forecasts(rows, fit),
        checks=_checks(rows, {price.name: price.value.mean for price in prices}),
    )


def _terms(run: Run, name: str, toll: Toll) -> dict[str, float]:
    factors = factors_of(name, run.variants[name])
    unusual = [
        f"{factor} {factors[factor]}"
        for factor, usual in _UNUSUAL.items()
        if factors.get(factor, usual) != usual
    ]
    stack = ", ".join([factors[FRAMEWORK], factors[SERVER], *unusual])
    found = {f"stack: {stack}": 1.0}
    if toll.counted["statements"]:
        waits = factors.get("views") == "sync" or factors.get("bridge", "none") != "none"
        data = f"{factors.get('data', 'unnamed')} {'blocking' if waits else 'awaited'}"
        found[f"queries of {toll.endpoint}: {data}"] = 1.0
    elif toll.endpoint != "noop":
        found[f"work of {toll.endpoint}"] = 1.0
    counted = {
        f"{HOP} ({factors.get('offload', 'executor')})": toll.counted["hops"],
        THREAD: toll.counted["threads"],
        CONNECT: toll.counted["connects"],
    }
    return found | {term: count for term, count in counted.items() if count}


def _price(fit: Fit, at: int) -> Price:
    by_block = {block: float(prices[at]) for block, prices in fit.by_block.items()}
    by_variant = {
        variant: float(part.prices[at]) for variant, part in fit.without.items() if at in part.told
    }
    alone = tuple(variant for variant, part in fit.without.items() if at not in part.told)
    left_out = [] if alone else list(by_variant.values())
    value = two_way_interval(list(by_block.values()), left_out)
    assert value is not None  # there is a block
    return Price(fit.names[at], value, alone, by_block, by_variant)


def _forecasts(rows: Sequence[Row], fit: Fit) -> tuple[Forecast, ...]:
    found: list[Forecast] = []
    for row in rows:
        part = fit.without[row.variant]
        terms = np.array([row.terms.get(name, 0.0) for name in fit.names])
        if spans(part.design, terms):
            predicted = float(terms @ part.prices)
            found.append(Forecast(row.variant, row.endpoint, row.mean, predicted))
    return tuple(found)


def _checks(rows: Sequence[Row], prices: dict[str, float]) -> tuple[Check, ...]:
    found: list[Check] = []
    for of in rows:
        for to in rows:
            if of.endpoint == to.endpoint and (one := _only_toll(of, to)) is not None:
                name, count = one
                blocks = sorted(of.levels.keys() & to.levels.keys())
                measured = block_interval([(of.levels[b] - to.levels[b]) / count for b in blocks])
                if measured is not None and name in prices:
                    check = Check(name, of.variant, to.variant, of.endpoint, measured, prices[name])
                    found.append(check)
    return tuple(found)


def _only_toll(of: Row, to: Row) -> tuple[str, float] | None:
    """The one toll of which the first has more, and how many, if nothing else differs."""
    names = of.terms.keys() | to.terms.keys()
    more = {n: of.terms.get(n, 0.0) - to.terms.get(n, 0.0) for n in names}
    differing = {name: count for name, count in more.items() if count}
    if len(differing) != 1:
        return None
    ((name, count),) = differing.items()
    return (name, count) if name in (THREAD, CONNECT) and count > 0 else None
