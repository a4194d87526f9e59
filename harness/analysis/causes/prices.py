"""The price list of tolls: the cost of a hop, a thread, a connection and a query.

Server CPU per request is modelled as a sum: a price for the stack (framework and server), one for
the queries of the endpoint (by data layer, and whether its driver blocks a thread or awaits) or for
its other work, and one for each toll times the number that the audit counted. Prices come from
weighted least squares with relative residuals, because costs span two orders of magnitude and their
noise is relative. They are fitted to all rows, to each block, and without each variant.

Statements and round trips have no prices of their own. In every variant each statement is one round
trip, so no data could separate the two; and the cost of a statement depends on its data layer.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.analysis.causes.levels import Levels
from harness.analysis.stats.intervals import Interval, block_interval, two_way_interval
from harness.inputs.factors import FRAMEWORK, SERVER, differences, factors_of, vocabulary
from harness.records.run import Run
from harness.records.verification import Toll

Floats = NDArray[np.float64]
HOP, THREAD, CONNECT = "hop", "thread started", "connection opened"
"""Tolls: the beginnings of their prices' names. For a hop, the rest names what hands work over."""
TOLLS = (HOP, THREAD, CONNECT)
_STACKS = ("json", "middleware", "switch_interval_us")
"""Factors whose unusual values make a different stack of the same framework and server."""
_USUAL_JSON = "orjson"
LEAST_VARIANTS = 6
_NOTHING: Mapping[str, str] = MappingProxyType({})
_IDENTIFIED = 1e-6
"""Of a row: the largest part that may lie outside the span of the other rows."""
_REWEIGHTINGS = 4
"""More of them do not change the third digit."""


class Price(
    msgspec.Struct,
    frozen=True,
    rename={"value": "value_us", "by_block": "by_block_us", "by_variant": "by_variant_us"},
):
    """The server CPU of one toll, stack or piece of work, in microseconds.

    value: its interval is over blocks and over variants; see `intervals.two_way_interval`.
    alone: variants without which it could not be estimated. If there are any, its interval is over
        blocks only, and no other variant confirms it.
    by_block, by_variant: fitted to each block, and to all variants but one; for comparing lists.
    """

    name: str
    value: Interval
    alone: tuple[str, ...]
    by_block: dict[int, float]
    by_variant: dict[str, float]

    def change_from(self, other: "Price") -> Interval | None:
        """Its difference from another list's price, from the blocks and variants of both lists."""
        blocks = sorted(self.by_block.keys() & other.by_block.keys())
        variants = sorted(self.by_variant.keys() & other.by_variant.keys())
        return two_way_interval(
            [self.by_block[b] - other.by_block[b] for b in blocks],
            [self.by_variant[v] - other.by_variant[v] for v in variants],
        )


class Forecast(
    msgspec.Struct, frozen=True, rename={"measured": "measured_us", "predicted": "predicted_us"}
):
    """A variant's cost in microseconds, predicted by prices fitted to the other variants."""

    variant: str
    endpoint: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """As a share of the measured cost."""
        return self.predicted / self.measured - 1


class Check(msgspec.Struct, frozen=True, rename={"measured": "measured_us", "price": "price_us"}):
    """The price of a toll, checked by two variants that differ only in its number.

    measured: microseconds per toll, from the two variants. price: of the list.
    """

    name: str
    of: str
    to: str
    endpoint: str
    measured: Interval
    price: float


class PriceList(msgspec.Struct, frozen=True):
    """Prices at one concurrency.

    connections: of the closed loop. variants: number of them that the prices are fitted to.
    untold: prices that these variants cannot separate from others.
    forecasts: of each variant whose cost the other variants' prices can predict.
    checks: prices of threads and connections, checked by single pairs.
    """

    connections: int
    variants: int
    prices: tuple[Price, ...]
    untold: tuple[str, ...]
    forecasts: tuple[Forecast, ...]
    checks: tuple[Check, ...]

    def price(self, beginning: str) -> Price | None:
        """The first price whose name begins like this."""
        return next((p for p in self.prices if p.name.startswith(beginning)), None)

    def total(self, counts: Mapping[str, float]) -> Interval | None:
        """What so many of each cost together, in microseconds; None if one has no price here.

        The sum is taken in each block and without each variant, because prices of one fit depend on
        each other: where a hop is dear, a thread is cheap.

        Args:
            counts: by the name of the price; may be negative.
        """
        by_name = {price.name: price for price in self.prices}
        if not counts or not counts.keys() <= by_name.keys():
            return None
        parts = [(by_name[name], count) for name, count in counts.items()]
        blocks = set.intersection(*(set(price.by_block) for price, _ in parts))
        variants = set.intersection(*(set(price.by_variant) for price, _ in parts))
        if any(price.alone for price, _ in parts):
            variants = set()
        return two_way_interval(
            [sum(n * price.by_block[block] for price, n in parts) for block in sorted(blocks)],
            [sum(n * price.by_variant[name] for price, n in parts) for name in sorted(variants)],
        )


class Row(msgspec.Struct, frozen=True):
    """One variant at one endpoint: the number of each price, and microseconds by block."""

    variant: str
    endpoint: str
    terms: dict[str, float]
    levels: dict[int, float]

    @property
    def mean(self) -> float:
        """Over its blocks."""
        return sum(self.levels.values()) / len(self.levels)


class Part:
    """A fit to some of the rows. design: (rows, prices). prices: in the order of the names."""

    def __init__(self, design: Floats, prices: Floats) -> None:
        self.design = design
        self.prices = prices

    @cached_property
    def identified(self) -> frozenset[int]:
        """The prices that these rows separate from all others."""
        unit = np.eye(self.design.shape[1])
        return frozenset(at for at in range(len(unit)) if spans(self.design, unit[at]))


class PriceFit:
    """Fits to all rows, and to parts of them.

    identified: positions of the prices that all rows together separate. by_block: prices by block.
    without: by the variant that was left out.
    """

    def __init__(
        self,
        names: Sequence[str],
        identified: frozenset[int],
        by_block: dict[int, Floats],
        without: dict[str, Part],
    ) -> None:
        self.names = tuple(names)
        self.identified = sorted(identified)
        self.by_block = by_block
        self.without = without


def of_one_factor(run: Run, check: Check) -> bool:
    """Whether a pair that differs in one toll also differs in one factor alone."""
    one, other = (factors_of(name, run.variants[name]) for name in (check.of, check.to))
    return len(differences(one, other)) == 1


def rows_of(run: Run, endpoint: str, costs: Levels) -> list[Row]:
    """The rows of one condition: one for each audited variant."""
    tolls = {(a.variant, t.endpoint): t for a in run.audits for t in a.tolls}
    return [
        Row(name, endpoint, _terms(run, name, toll), dict(costs[name]))
        for name in run.study.everyone
        if costs.get(name) and (toll := tolls.get((name, endpoint))) is not None
    ]


def _terms(run: Run, name: str, toll: Toll) -> dict[str, float]:
    factors = factors_of(name, run.variants[name])
    usual = {"json": _USUAL_JSON} | vocabulary().usual
    unusual = [
        f"{factor} {factors[factor]}"
        for factor in _STACKS
        if factors.get(factor, usual[factor]) != usual[factor]
    ]
    stack = ", ".join([factors[FRAMEWORK], factors[SERVER], *unusual])
    terms = {f"stack: {stack}": 1.0}
    # Encrypted statements are not counted, but their bytes are.
    if toll.counted.get("statements", toll.counted.get("database_bytes_out", 0.0)):
        waits = factors.get("views") == "sync" or factors.get("bridge", "none") != "none"
        data = f"{factors.get('data', 'unnamed')} {'blocking' if waits else 'awaited'}"
        terms[f"queries of {toll.endpoint}: {data}"] = 1.0
    elif toll.endpoint != "noop":
        terms[f"work of {toll.endpoint}"] = 1.0
    return terms | tolls_of(factors, toll)


def tolls_of(factors: Mapping[str, str], toll: Toll) -> dict[str, float]:
    """What a request is counted to take of that which has a price, by the name of the price.

    Args:
        factors: of the variant; `offload` names what hands work to a thread.
        toll: of the endpoint.
    """
    counted = {
        f"{HOP} ({factors.get('offload', 'executor')})": toll.counted["hops"],
        THREAD: toll.counted["threads"],
        CONNECT: toll.counted["connects"],
    }
    return {term: count for term, count in counted.items() if count}


def price_list(
    connections: int, rows: Sequence[Row], variant_of: Mapping[str, str] = _NOTHING
) -> PriceList | None:
    """Fit the prices; None with too few variants to separate them.

    Args:
        connections: the concurrency.
        rows: one for each variant and endpoint.
        variant_of: by setup, its variant. A setup pays the same tolls, so it separates no prices.
    """
    variants = list(dict.fromkeys(row.variant for row in rows))
    names = list(dict.fromkeys(term for row in rows for term in row.terms))
    kinds = {variant_of.get(name, name) for name in variants}
    if len(kinds) < LEAST_VARIANTS or len(rows) <= len(names):
        return None
    fit = fit_rows(rows, names)
    prices = tuple(_price(fit, at) for at in fit.identified)
    return PriceList(
        connections=connections,
        variants=len(variants),
        prices=prices,
        untold=tuple(name for at, name in enumerate(names) if at not in fit.identified),
        forecasts=_forecasts(rows, fit),
        checks=_checks(rows, {price.name: price.value.mean for price in prices}),
    )


def _price(fit: PriceFit, at: int) -> Price:
    by_block = {block: float(prices[at]) for block, prices in fit.by_block.items()}
    by_variant = {
        variant: float(part.prices[at])
        for variant, part in fit.without.items()
        if at in part.identified
    }
    alone = tuple(variant for variant, part in fit.without.items() if at not in part.identified)
    left_out = [] if alone else list(by_variant.values())
    value = two_way_interval(list(by_block.values()), left_out)
    assert value is not None  # there is a block
    return Price(fit.names[at], value, alone, by_block, by_variant)


def _forecasts(rows: Sequence[Row], fit: PriceFit) -> tuple[Forecast, ...]:
    forecasts: list[Forecast] = []
    for row in rows:
        part = fit.without[row.variant]
        terms = np.array([row.terms.get(name, 0.0) for name in fit.names])
        if spans(part.design, terms):
            predicted = float(terms @ part.prices)
            forecasts.append(Forecast(row.variant, row.endpoint, row.mean, predicted))
    return tuple(forecasts)


def _checks(rows: Sequence[Row], prices: dict[str, float]) -> tuple[Check, ...]:
    checks: list[Check] = []
    for of in rows:
        for to in rows:
            if of.endpoint == to.endpoint and (one := _only_toll(of, to)) is not None:
                name, count = one
                blocks = sorted(of.levels.keys() & to.levels.keys())
                measured = block_interval([(of.levels[b] - to.levels[b]) / count for b in blocks])
                if measured is not None and name in prices:
                    check = Check(name, of.variant, to.variant, of.endpoint, measured, prices[name])
                    checks.append(check)
    return tuple(checks)


def _only_toll(of: Row, to: Row) -> tuple[str, float] | None:
    """The toll of which the first has more, and how many more, if nothing else differs."""
    names = of.terms.keys() | to.terms.keys()
    more = {n: of.terms.get(n, 0.0) - to.terms.get(n, 0.0) for n in names}
    differing = {name: count for name, count in more.items() if count}
    if len(differing) != 1:
        return None
    ((name, count),) = differing.items()
    return (name, count) if name in (THREAD, CONNECT) and count > 0 else None


def fit_rows(rows: Sequence[Row], names: Sequence[str]) -> PriceFit:
    """Fit every part with the weights of the whole.

    Weights are the inverse of the costs that the fit predicts (iteratively reweighted least
    squares). The inverse of measured costs would bias all prices down, because a cost that is low
    by chance would weigh more.
    """
    design = np.array([[row.terms.get(name, 0.0) for name in names] for row in rows])
    means = np.array([row.mean for row in rows])
    fitted = means
    for _ in range(_REWEIGHTINGS):
        predicted = design @ _solve(design, means, 1 / fitted)
        fitted = np.where(predicted > 0, predicted, means)
    weights = 1 / fitted
    whole = Part(design, _solve(design, means, weights))
    without: dict[str, Part] = {}
    for variant in dict.fromkeys(row.variant for row in rows):
        kept = np.array([row.variant != variant for row in rows])
        prices = _solve(design[kept], means[kept], weights[kept])
        without[variant] = Part(design[kept], prices)
    return PriceFit(names, whole.identified, _by_block(rows, design, weights), without)


def _by_block(rows: Sequence[Row], design: Floats, weights: Floats) -> dict[int, Floats]:
    """Prices by block, for the blocks whose rows suffice for every price."""
    rank = np.linalg.matrix_rank(design)
    prices: dict[int, Floats] = {}
    for block in sorted({block for row in rows for block in row.levels}):
        there = np.array([block in row.levels for row in rows])
        if there.all() or np.linalg.matrix_rank(design[there]) == rank:
            levels = np.array([row.levels[block] for row in rows if block in row.levels])
            prices[block] = _solve(design[there], levels, weights[there])
    return prices


def _solve(design: Floats, measured: Floats, weights: Floats) -> Floats:
    solution, *_ = np.linalg.lstsq(design * weights[:, None], measured * weights, rcond=None)
    return np.asarray(solution, dtype=np.float64)


def spans(design: Floats, row: Floats) -> bool:
    """Whether this row is a combination of the design's rows, so that its cost can be predicted."""
    if not len(design):
        return False
    solution, *_ = np.linalg.lstsq(design.T, row, rcond=None)
    return bool(np.abs(design.T @ solution - row).max() < _IDENTIFIED)
