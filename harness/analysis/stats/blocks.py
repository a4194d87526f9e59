"""The linear model of one measure under one condition: log value = block + entry + error.

Effects are differences within blocks, so what a block does to all its entries cancels. Six blocks
tell little about the variance of one difference, and much about that of all differences together.
So a difference's own variance is moderated towards the pooled one, as Smyth 2004 (Statistical
Applications in Genetics and Molecular Biology 3:3) does for genes. Two departures make it safe for
the few entries of a study, of which one may be noisier (see docs/calibration.md):

- A difference's variance is never taken for smaller than its own. Moderation towards the pool would
  make a noisier entry look quieter, and call it different too often.
- The pool counts for at most 15 blocks. How much variances differ between so few entries is hardly
  known, and Smyth's estimate of it is often "not at all".

One block may be an outlier for all entries together, such as while the machine was overcommitted.
If its residuals are larger than the others' beyond doubt, it is weighted down by as much (Ritchie
et al. 2006, BMC Bioinformatics 7:261, do so with arrays).
"""

import math
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.stats.intervals import LEVEL, Interval

Floats = NDArray[np.float64]

MOST_PRIOR = 15.0
"""Degrees of freedom of the pool, at most."""
_OUTLIER = 0.05
"""Chance that one of a run's blocks is weighted down though all are alike."""
_LEAST_ENTRIES = 3
"""Two entries have one difference, and nothing to pool it with."""
_LEAST_SPREAD = 1e-12
"""Of a logarithm: less is no variance but rounding."""


class LogContrast(msgspec.Struct, frozen=True):
    """A contrast of logarithms, from the blocks in which all its entries have a value.

    se: its standard error; None with one block. freedom: degrees of freedom of that; 0 likewise.
    """

    mean: float
    se: float | None
    freedom: float
    blocks: int

    @property
    def t(self) -> float:
        """|mean| over its standard error; 0 without one."""
        if self.se is None:
            return 0.0
        if self.se == 0.0:
            return math.inf if self.mean else 0.0
        return abs(self.mean) / self.se

    def interval(self, critical: float | None = None) -> Interval:
        """The 95 % interval of this contrast alone, or with a family's critical value of t."""
        if self.se is None:
            return Interval(self.mean, None, None, None, self.blocks)
        if critical is None:
            critical = float(special.stdtrit(self.freedom, (1 + LEVEL) / 2))
        half = critical * self.se
        return Interval(self.mean, self.mean - half, self.mean + half, self.se, self.blocks)

    def negated(self) -> "LogContrast":
        """The same contrast the other way round."""
        return msgspec.structs.replace(self, mean=-self.mean)


class BlockModel:
    """Fits values by entry and block.

    Args:
        values: by entry and block, logarithms. Blocks may be missing.
    """

    def __init__(self, values: Mapping[str, Mapping[int, float]]) -> None:
        self._values = values
        self.blocks = sorted({block for by_block in values.values() for block in by_block})
        self.entries = [name for name, by_block in values.items() if by_block]
        table = np.array(
            [[values[name].get(block, np.nan) for name in self.entries] for block in self.blocks]
        ).reshape(len(self.blocks), len(self.entries))
        self._weights = dict(zip(self.blocks, _weights(table), strict=True))
        self._pool = _pool(table, np.array(list(self._weights.values())))

    @property
    def outliers(self) -> list[int]:
        """The blocks that are weighted down."""
        return [block for block, weight in self._weights.items() if weight < 1.0]

    @property
    def pooled_variance(self) -> float:
        """Of one value, from all entries together; 0 with fewer than three."""
        return self._pool.variance

    def contrast(self, terms: Mapping[str, float]) -> LogContrast | None:
        """A weighted sum of the entries' logarithms.

        Args:
            terms: weights by entry that add up to 0: +1 -1 for a log ratio, +1 -1 -1 +1 for a
                difference of differences.

        Returns:
            None where no block has all of them.
        """
        shared = [b for b in self.blocks if all(b in self._values.get(e, {}) for e in terms)]
        if not shared or not terms:
            return None
        weight = np.array([self._weights[block] for block in shared])
        value = np.array([sum(w * self._values[e][b] for e, w in terms.items()) for b in shared])
        mean = float(weight @ value / weight.sum())
        own_freedom = len(shared) - 1
        if own_freedom == 0:
            return LogContrast(mean, None, 0.0, 1)
        own = float(weight @ (value - mean) ** 2) / own_freedom
        own = 0.0 if own < _LEAST_SPREAD**2 else own
        pooled = self._pool.variance * sum(w * w for w in terms.values())
        prior = self._pool.prior
        variance = max(own, (prior * pooled + own_freedom * own) / (prior + own_freedom))
        freedom = max(own_freedom, min(own_freedom + prior, self._pool.freedom))
        return LogContrast(mean, math.sqrt(variance / weight.sum()), freedom, len(shared))

    def difference(self, one: str, other: str) -> LogContrast | None:
        """Log ratio of two entries."""
        return self.contrast({one: 1.0, other: -1.0})


class _Pool(msgspec.Struct, frozen=True):
    """What all entries together tell about the variance of one value.

    freedom: degrees of freedom of `variance`. prior: for how many of them it counts beside a
        difference's own.
    """

    variance: float
    freedom: float
    prior: float


def _residuals(table: Floats, weights: Floats) -> Floats:
    """What block and entry leave, by weighted least squares; NaN where there is no value.

    Alternating projections (Yates 1933): with all values present one pass is exact.
    """
    present = np.isfinite(table)
    residuals = np.where(present, table, 0.0)
    weight = present * weights[:, np.newaxis]
    for _ in range(1 if present.all() else _PASSES):
        rows = present.sum(axis=1, keepdims=True)
        residuals = residuals - present * residuals.sum(axis=1, keepdims=True) / np.maximum(rows, 1)
        total = weight.sum(axis=0)
        mean = (weight * residuals).sum(axis=0) / np.maximum(total, np.finfo(float).tiny)
        residuals = residuals - present * mean
    return np.where(present, residuals, np.nan)


_PASSES = 50
"""Each halves what is left of the difference, or better, unless most values are missing."""


def _freedom(present: NDArray[np.bool_]) -> float:
    """Of the residuals: values, less the blocks, less the entries but one."""
    blocks, entries = present.shape
    return float(present.sum() - blocks - entries + 1)


def _weights(table: Floats) -> Floats:
    """1 for each block, less for one whose residuals are larger than the others' beyond doubt."""
    weights = np.ones(len(table))
    worst = _outlier(table)
    if worst is None:
        return weights
    block, entry = worst
    # One entry's bad trial is no bad block: without that entry, it must stand out as well.
    again = _outlier(np.delete(table, entry, axis=1))
    if again is not None and again[0] == block:
        weights[block] = min(1.0, _others_variance(table, block))
    return weights


def _others_variance(table: Floats, block: int) -> float:
    """The variance of the other blocks' values over that of this block's."""
    others = np.delete(table, block, axis=0)
    residuals = _residuals(others, np.ones(len(others)))
    usual = float(np.nansum(residuals**2)) / _freedom(np.isfinite(residuals))
    means = np.nanmean(others - residuals - np.nanmean(others, axis=1, keepdims=True), axis=0)
    off = table[block] - means
    off = off - np.nanmean(off)
    freedom = (np.isfinite(off).sum() - 1) * (1 + 1 / len(others))  # the means are uncertain, too
    return usual * float(freedom) / float(np.nansum(off**2))


def _outlier(table: Floats) -> tuple[int, int] | None:
    """The block that stands out, and its most extreme entry."""
    blocks, entries = table.shape
    if blocks < _LEAST_ENTRIES or entries < _LEAST_ENTRIES:
        return None
    residuals = _residuals(table, np.ones(blocks))
    present = np.isfinite(residuals)
    # Each entry by its own spread, because one may be noisier in all blocks.
    spread = np.sqrt(np.nanmean(residuals**2, axis=0))
    if not (spread > _LEAST_SPREAD).all():
        return None
    standard = np.where(present, residuals / spread, 0.0) ** 2
    squares = standard.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    worst = int(squares.argmax())
    rest = float((squares.sum() - squares[worst]) / (blocks - 1))
    if rest <= 0:
        return None
    each = _freedom(present) / blocks
    ratio = float(squares[worst]) / rest
    if blocks * float(special.fdtrc(each, each * (blocks - 1), ratio)) >= _OUTLIER:
        return None
    return worst, int(standard[worst].argmax())


def _pool(table: Floats, weights: Floats) -> _Pool:
    """The pooled variance, and how alike the entries' variances are (Smyth 2004, section 6.2)."""
    blocks, entries = table.shape
    if blocks == 0 or entries < _LEAST_ENTRIES:
        return _Pool(0.0, 0.0, 0.0)
    residuals = _residuals(table, weights)
    freedom = _freedom(np.isfinite(residuals))
    squares = np.nansum(weights[:, np.newaxis] * residuals**2, axis=0)
    if freedom <= 0 or (squares <= _LEAST_SPREAD**2).any():
        return _Pool(0.0, 0.0, 0.0)
    each = freedom / entries
    logs = np.log(squares / each)
    beyond = float(np.var(logs, ddof=1)) - float(special.polygamma(1, each / 2))
    prior = MOST_PRIOR if beyond <= 0 else min(MOST_PRIOR, 2 * _inverse_trigamma(beyond))
    return _Pool(float(squares.sum()) / freedom, freedom, prior)


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1/trigamma (Smyth 2004, appendix): it converges from one side."""
    x = 0.5 + 1 / value
    for _ in range(_PASSES):
        at = float(special.polygamma(1, x))
        step = at * (1 - at / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
