"""The toll price list: what a hop, a thread, a connection and a query cost, over all variants.

Server CPU per request is taken as a sum: a price for the stack (framework and server), one for the
queries of the endpoint (by data layer, and whether its driver blocks a thread or awaits) or for its
other work, and one for each toll times the number that the audit counted. Prices are those of
weighted least squares with relative residuals, because costs span two orders of magnitude and their
noise is relative.

Statements and round trips have no prices of their own. In every variant each statement is one round
trip, so no data could tell the two apart; and what a statement costs is its data layer's doing.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.intervals import LEVEL, Interval, block_interval
from harness.analysis.levels import Levels
from harness.examinations import Toll
from harness.factors import FRAMEWORK, SERVER, WITHOUT_SAYING, factors_of
from harness.records import Run

Floats = NDArray[np.float64]
THREAD, CONNECT = "thread started", "connection opened"
HOP = "hop"
"""Beginning of the name of a hop's price; the rest says who hands the work over."""
_UNUSUAL = {
    "json": "orjson",
    "middleware": WITHOUT_SAYING["middleware"],
    "switch_interval_us": WITHOUT_SAYING["switch_interval_us"],
}
"""Factors that make another stack of one framework and server, where they are not as usual."""
_IDENTIFIED = 1e-6
"""Of a row, the part outside of what the other rows span, at most."""
_LEAST_VARIANTS = 6


class Row(msgspec.Struct, frozen=True):
    """One variant at one endpoint: how often each price applies, and microseconds by block."""

    variant: str
    endpoint: str
    terms: dict[str, float]
    levels: dict[int, float]


class Price(msgspec.Struct, frozen=True):
    """Microseconds of server CPU for one of something.

    value: its interval is over blocks and over variants: the variance between blocks, plus that of
        leaving one variant out at a time (the jackknife; Efron 1979).
    by_block: for comparing price lists with each other.
    """

    name: str
    value: Interval
    by_block: dict[int, float]

    def change_from(self, other: "Price") -> Interval | None:
        """By how much it is more than another list's price, from the blocks that both have."""
        shared = sorted(self.by_block.keys() & other.by_block.keys())
        return block_interval([self.by_block[b] - other.by_block[b] for b in shared])


class Forecast(msgspec.Struct, frozen=True):
    """A variant's cost, predicted by the prices that the others gave; microseconds."""

    variant: str
    endpoint: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """As a share of what was measured."""
        return self.predicted / self.measured - 1


class PriceList(msgspec.Struct, frozen=True):
    """Prices at one concurrency.

    connections: of the closed loop. variants: how many gave the prices.
    forecasts: of each variant that the others' prices suffice for, left out in turn.
    """

    connections: int
    variants: int
    prices: tuple[Price, ...]
    forecasts: tuple[Forecast, ...]

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


def price_list(connections: int, rows: Sequence[Row]) -> PriceList | None:
    """Fit the prices; None with too few variants to tell them apart."""
    variants = list(dict.fromkeys(row.variant for row in rows))
    names = list(dict.fromkeys(term for row in rows for term in row.terms))
    if len(variants) < _LEAST_VARIANTS or len(rows) <= len(names):
        return None
    fits = _fits_by_block(rows, names)
    means = [float(np.mean(list(row.levels.values()))) for row in rows]
    without = {v: _without(v, rows, names, means) for v in variants}
    identified = [at for at in range(len(names)) if _spans(_design(rows, names), _unit(names, at))]
    prices = tuple(_price(at, names, fits, without, rows) for at in identified)
    return PriceList(connections, len(variants), prices, _forecasts(rows, names, means, without))


def _terms(run: Run, name: str, toll: Toll) -> dict[str, float]:
    factors = factors_of(name, run.variants[name])
    unusual = [
        f"{factor} {factors[factor]}"
        for factor in _UNUSUAL
        if factors.get(factor, _UNUSUAL[factor]) != _UNUSUAL[factor]
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


def _fits_by_block(rows: Sequence[Row], names: Sequence[str]) -> dict[int, Floats]:
    """Of the blocks in which the rows that there are suffice for every price."""
    found: dict[int, Floats] = {}
    for block in sorted({block for row in rows for block in row.levels}):
        present = [row for row in rows if block in row.levels]
        if np.linalg.matrix_rank(_design(present, names)) == np.linalg.matrix_rank(
            _design(rows, names)
        ):
            found[block] = _fit(present, names, [row.levels[block] for row in present])
    return found


def _design(rows: Sequence[Row], names: Sequence[str]) -> Floats:
    return np.array([[row.terms.get(name, 0.0) for name in names] for row in rows])


def _fit(rows: Sequence[Row], names: Sequence[str], measured: Sequence[float]) -> Floats:
    """Prices that make relative residuals least."""
    weights = 1 / np.asarray(measured)
    solution, *_ = np.linalg.lstsq(
        _design(rows, names) * weights[:, None], np.ones(len(rows)), rcond=None
    )
    return np.asarray(solution, dtype=np.float64)


def _without(
    variant: str, rows: Sequence[Row], names: Sequence[str], means: Sequence[float]
) -> tuple[Floats, Floats]:
    """Design and prices of all rows but one variant's."""
    kept = [at for at, row in enumerate(rows) if row.variant != variant]
    chosen = [rows[at] for at in kept]
    return _design(chosen, names), _fit(chosen, names, [means[at] for at in kept])


def _spans(design: Floats, row: Floats) -> bool:
    """Whether a combination of the design's rows gives this one, so that it can be priced."""
    if not len(design):
        return False
    solution, *_ = np.linalg.lstsq(design.T, row, rcond=None)
    return bool(np.abs(design.T @ solution - row).max() < _IDENTIFIED)


def _unit(names: Sequence[str], at: int) -> Floats:
    unit = np.zeros(len(names))
    unit[at] = 1.0
    return unit


def _price(
    at: int,
    names: Sequence[str],
    fits: Mapping[int, Floats],
    without: Mapping[str, tuple[Floats, Floats]],
    rows: Sequence[Row],
) -> Price:
    by_block = {block: float(solution[at]) for block, solution in fits.items()}
    over_blocks = block_interval(list(by_block.values()))
    assert over_blocks is not None  # there is a block
    using = {row.variant for row in rows}
    left_out = [
        float(solution[at])
        for variant, (design, solution) in without.items()
        if variant in using and _spans(design, _unit(names, at))
    ]
    return Price(names[at], _widened(over_blocks, left_out), by_block)


def _widened(interval: Interval, left_out: Sequence[float]) -> Interval:
    """The interval with the jackknife's variance over variants added."""
    if interval.se is None or len(left_out) < 2:
        return interval
    n = len(left_out)
    values = np.asarray(left_out)
    jackknife = (n - 1) / n * float(((values - values.mean()) ** 2).sum())
    se = math.sqrt(interval.se**2 + jackknife)
    half = se * float(special.stdtrit(interval.blocks - 1, (1 + LEVEL) / 2))
    return msgspec.structs.replace(
        interval, low=interval.mean - half, high=interval.mean + half, se=se
    )


def _forecasts(
    rows: Sequence[Row],
    names: Sequence[str],
    means: Sequence[float],
    without: Mapping[str, tuple[Floats, Floats]],
) -> tuple[Forecast, ...]:
    found: list[Forecast] = []
    for row, mean in zip(rows, means, strict=True):
        design, prices = without[row.variant]
        terms = _design([row], names)[0]
        if _spans(design, terms):
            found.append(Forecast(row.variant, row.endpoint, mean, float(terms @ prices)))
    return tuple(found)
