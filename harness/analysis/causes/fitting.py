"""Prices by least squares with relative residuals, for all rows, for each block, without each
variant."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_IDENTIFIED = 1e-6
"""Of a row, the part outside of what the other rows span, at most."""
_REWEIGHTINGS = 4
"""More change the third digit no more."""


class Row(msgspec.Struct, frozen=True):
    """One variant at one endpoint: how often each price applies, and microseconds by block."""

    variant: str
    endpoint: str
    terms: dict[str, float]
    levels: dict[int, float]

    @property
    def mean(self) -> float:
        """Over its blocks."""
        return sum(self.levels.values()) / len(self.levels)


class Part:
    """A fit to some of the rows. design: (rows, prices). prices: in the order of names."""

    def __init__(self, design: Floats, prices: Floats) -> None:
        self.design = design
        self.prices = prices

    @cached_property
    def told(self) -> frozenset[int]:
        """The prices that these rows tell from all others."""
        unit = np.eye(self.design.shape[1])
        return frozenset(at for at in range(len(unit)) if spans(self.design, unit[at]))


class Fit:
    """Fits to all rows, and to parts of them.

    told: prices that all rows together tell. by_block: prices by block. without: by the variant
    that was left out.
    """

    def __init__(
        self,
        names: Sequence[str],
        told: frozenset[int],
        by_block: dict[int, Floats],
        without: dict[str, Part],
    ) -> None:
        self.names = tuple(names)
        self.told = sorted(told)
        self.by_block = by_block
        self.without = without


def fit_rows(rows: Sequence[Row], names: Sequence[str]) -> Fit:
    """Fit every part with the weights of the whole.

    Weights are the inverse of what the fit itself predicts, found by repetition (iteratively
    reweighted least squares): the inverse of what was measured would draw all prices down, because
    a cost that came out low by chance would count for more.
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
    return Fit(names, whole.told, _by_block(rows, design, weights), without)


def _by_block(rows: Sequence[Row], design: Floats, weights: Floats) -> dict[int, Floats]:
    """Of the blocks in which the rows that there are suffice for every price."""
    rank = np.linalg.matrix_rank(design)
    found: dict[int, Floats] = {}
    for block in sorted({block for row in rows for block in row.levels}):
        there = np.array([block in row.levels for row in rows])
        if there.all() or np.linalg.matrix_rank(design[there]) == rank:
            levels = np.array([row.levels[block] for row in rows if block in row.levels])
            found[block] = _solve(design[there], levels, weights[there])
    return found


def _solve(design: Floats, measured: Floats, weights: Floats) -> Floats:
    solution, *_ = np.linalg.lstsq(design * weights[:, None], measured * weights, rcond=None)
    return np.asarray(solution, dtype=np.float64)


def spans(design: Floats, row: Floats) -> bool:
    """Whether a combination of the design's rows gives this one, so that it can be priced."""
    if not len(design):
        return False
    solution, *_ = np.linalg.lstsq(design.T, row, rcond=None)
    return bool(np.abs(design.T @ solution - row).max() < _IDENTIFIED)
