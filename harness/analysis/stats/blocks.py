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

Blocks may have been measured by several sets of machines. If a variant runs better on one set than
on another, the blocks of a set are alike, and tell less than as many independent ones. So the
variance between sets is a level of its own. What it exceeds that of blocks by is added to the
variance of a mean, with degrees of freedom by Satterthwaite 1946 (Biometrics Bulletin 2:110). It is
pooled over entries as that of blocks is: two sets have one difference.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec
import numpy as np
import scipy
from numpy.typing import NDArray

from harness.analysis.stats.intervals import LEVEL, Interval, t_interval

Floats = NDArray[np.float64]

MOST_PRIOR = 15.0
"""Degrees of freedom of the pool, at most."""
_OUTLIER = 0.05
"""Chance that one of a run's blocks is weighted down though all are alike."""
_LEAST_ENTRIES = 3
"""Two entries have one difference, and nothing to pool it with."""
_LEAST_SPREAD = 1e-12
"""Of a logarithm: less is no variance but rounding."""
_PASSES = 50
"""Of an iteration at most. Sweeps halve what is left of the difference, or better, unless most
values are missing; Newton's method takes a handful."""


class Estimate(msgspec.Struct, frozen=True):
    """A contrast over the blocks in which all its entries have a value.

    mean: on the scale of the values. se: its standard error; None with one block. freedom: degrees
        of freedom of that; 0 likewise.
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

    @property
    def p(self) -> float:
        """Of Student's test that the true mean is 0, two-sided; 1 without a standard error."""
        if self.se is None:
            return 1.0
        return float(2 * scipy.special.stdtr(self.freedom, -self.t))

    def interval(self, critical: float | None = None) -> Interval:
        """The 95 % interval of this contrast alone, or with a family's critical value of t."""
        if self.se is None:
            return Interval(self.mean, None, None, None, self.blocks)
        if critical is None:
            critical = float(scipy.special.stdtrit(self.freedom, (1 + LEVEL) / 2))
        half = critical * self.se
        return Interval(self.mean, self.mean - half, self.mean + half, self.se, self.blocks)

    def negated(self) -> "Estimate":
        """The same contrast the other way round."""
        return msgspec.structs.replace(self, mean=-self.mean)

    def minus(self, other: "Estimate") -> "Estimate":
        """This less an independent one, such as of another run.

        The variances need not be equal (Welch 1947, Biometrika 34:28). Degrees of freedom are those
        of Satterthwaite 1946 (Biometrics Bulletin 2:110).
        """
        mean, blocks = self.mean - other.mean, self.blocks + other.blocks
        if self.se is None or other.se is None:
            return Estimate(mean, None, 0.0, blocks)
        se = math.hypot(self.se, other.se)
        freedom = self.freedom + other.freedom
        if se > 0:
            share = (self.se / se) ** 2  # dividing first: squares of small errors underflow
            freedom = 1 / (share**2 / self.freedom + (1 - share) ** 2 / other.freedom)
        return Estimate(mean, se, freedom, blocks)


def mean_of(values: Sequence[float]) -> Estimate | None:
    """The mean of independent blocks by themselves; None without any."""
    plain = t_interval(values)
    return None if plain is None else Estimate(plain.mean, plain.se, plain.blocks - 1, plain.blocks)


class BlockModel:
    """Fits values by entry and block.

    Args:
        values: by entry and block, logarithms. Blocks may be missing.
        sets: by block, the set of machines that measured it; one set measured those left out.
    """

    def __init__(
        self,
        values: Mapping[str, Mapping[int, float]],
        sets: Mapping[int, str | None] | None = None,
    ) -> None:
        self._values = values
        self._sets = sets or {}
        self.blocks = sorted({block for by_block in values.values() for block in by_block})
        self.entries = [name for name, by_block in values.items() if by_block]
        table = np.array(
            [[values[name].get(block, np.nan) for name in self.entries] for block in self.blocks]
        ).reshape(len(self.blocks), len(self.entries))
        self._weights = dict(zip(self.blocks, _weights(table), strict=True))
        weights = np.array(list(self._weights.values()))
        self._pool = _pool(table, weights)
        self._pool_of_sets = _pool_of_sets(table, weights, self._membership(self.blocks))

    @property
    def outliers(self) -> list[int]:
        """The blocks that are weighted down."""
        return [block for block, weight in self._weights.items() if weight < 1.0]

    @property
    def pooled_variance(self) -> float:
        """Of one value, from all entries together; 0 with fewer than three."""
        return self._pool.variance

    def contrast(self, terms: Mapping[str, float]) -> Estimate | None:
        """A weighted sum of the entries' logarithms.

        Args:
            terms: weights by entry that add up to 0: +1 -1 for a log ratio, +1 -1 -1 +1 for a
                difference of differences.

        Returns:
            None where no block has all of them.
        """
        shared = [b for b in self.blocks if all(b in self._values.get(e, {}) for e in terms)]
        if not terms:
            return None
        sums = {b: sum(w * self._values[e][b] for e, w in terms.items()) for b in shared}
        return self.estimate(sums, sum(w * w for w in terms.values()))

    def difference(self, one: str, other: str) -> Estimate | None:
        """Log ratio of two entries."""
        return self.contrast({one: 1.0, other: -1.0})

    def estimate(self, sums: Mapping[int, float], squares: float) -> Estimate | None:
        """The mean over blocks of any weighted sum of the entries' values.

        Args:
            sums: by block of this model.
            squares: of the weights, added up: how many variances of one logarithm are in a block's
                sum. Weights in microseconds give a sum in microseconds.
        """
        if not sums:
            return None
        weight = np.array([self._weights[block] for block in sums])
        rows = np.array(list(sums.values()))[np.newaxis, :]
        mean, se, freedom = self._means(rows, weight, squares, self._membership(list(sums)))
        return _estimate(mean[0], se[0], freedom[0], len(sums))

    def differences(self, entries: Sequence[str]) -> dict[tuple[str, str], Estimate]:
        """Log ratios of all pairs of entries that share a block, each pair in one direction."""
        pairs = list(combinations(entries, 2))
        table = np.array(
            [[self._values.get(e, {}).get(b, np.nan) for b in self.blocks] for e in entries]
        ).reshape(len(entries), len(self.blocks))
        at = {name: row for row, name in enumerate(entries)}
        rows = table[[at[one] for one, _ in pairs]] - table[[at[other] for _, other in pairs]]
        counts = np.isfinite(rows).sum(axis=1)
        some = np.flatnonzero(counts)
        weight = np.array(list(self._weights.values()))
        members = self._membership(self.blocks)
        mean, se, freedom = self._means(rows[some], weight, 2.0, members)
        return {
            pairs[pair]: _estimate(mean[row], se[row], freedom[row], int(counts[pair]))
            for row, pair in enumerate(some)
        }

    def _membership(self, blocks: Sequence[int]) -> Floats:
        """(blocks, sets): 1 where a set of machines measured a block, else 0."""
        names = list(dict.fromkeys(self._sets.get(block) for block in blocks))
        return np.array(
            [[float(self._sets.get(block) == name) for name in names] for block in blocks]
        ).reshape(len(blocks), len(names))

    def _means(
        self, rows: Floats, weight: Floats, squares: float, members: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Weighted means of sums over blocks, with moderated standard errors.

        Args:
            rows: (contrasts, blocks); NaN where a block lacks an entry.
            weight: (blocks,).
            squares: as of `estimate`.
            members: (blocks, sets).

        Returns:
            Means, standard errors (NaN with one block), degrees of freedom.
        """
        present = np.isfinite(rows)
        total = (present * weight).sum(axis=1)
        mean = (weight * np.where(present, rows, 0.0)).sum(axis=1) / total
        off = np.where(present, rows - mean[:, np.newaxis], 0.0)
        free = present.sum(axis=1) - 1.0
        own = (weight * off**2).sum(axis=1) / np.maximum(free, 1.0)
        own = np.where(own < _LEAST_SPREAD**2, 0.0, own)
        prior, pooled = self._pool.prior, self._pool.variance * squares
        variance = np.maximum(own, (prior * pooled + free * own) / np.maximum(prior + free, 1.0))
        freedom = np.maximum(free, np.minimum(free + prior, self._pool.freedom))
        if members.shape[1] > 1:
            weighted = present * weight
            variance, freedom = self._with_sets(off, weighted, members, variance, freedom, squares)
        se = np.where(free > 0, np.sqrt(variance / total), np.nan)
        return mean, se, np.where(free > 0, freedom, 0.0)

    def _with_sets(
        self,
        off: Floats,
        weights: Floats,
        members: Floats,
        variance: Floats,
        freedom: Floats,
        squares: float,
    ) -> tuple[Floats, Floats]:
        """The variance of a block's sum as a mean over sets of machines has it, and its freedom.

        Args:
            off: (contrasts, blocks), deviations from the mean; 0 where a block lacks an entry.
            weights: likewise; 0 there.
            members: (blocks, sets).
            variance, freedom: (contrasts,), by the blocks alone.
            squares: as of `estimate`.
        """
        counts = weights @ members
        total, blocks = counts.sum(axis=1), (weights > 0).sum(axis=1)
        sets = (counts > 0).sum(axis=1)
        free = np.maximum(sets - 1.0, 1.0)
        sums = (off * weights) @ members
        means = np.divide(sums, counts, out=np.zeros_like(counts), where=counts > 0)
        of_sets = (counts * means**2).sum(axis=1)
        rest = (weights * off**2).sum(axis=1) - of_sets
        within = np.minimum(np.maximum(rest, 0.0) / np.maximum(blocks - sets, 1.0), variance)
        prior, pooled = self._pool_of_sets.prior, self._pool_of_sets.variance * squares
        between = np.maximum(of_sets / free, (prior * pooled + of_sets) / (prior + free))
        # Blocks per set, as the mean square has them and as the mean does (Searle 1971, Linear
        # Models, section 11.3); both are the same where sets have as many blocks.
        by_mean = (counts**2).sum(axis=1) / total
        by_square = (total - by_mean) / free
        ratio = np.divide(by_mean, by_square, out=np.zeros_like(total), where=by_square > 0)
        excess = np.where(sets > 1, np.maximum(between - variance, 0.0) * ratio, 0.0)
        both = variance + excess
        share = np.divide(both - within, both, out=np.zeros_like(both), where=excess > 0)
        of_mean = np.maximum(free, np.minimum(free + prior, self._pool_of_sets.freedom))
        freedom = np.maximum(freedom, 1.0)
        mixed = 1 / (share**2 / of_mean + (1 - share) ** 2 / freedom)
        return both, np.minimum(freedom, mixed)


def _estimate(mean: float, se: float, freedom: float, blocks: int) -> Estimate:
    known = float(se) if math.isfinite(se) else None
    return Estimate(float(mean), known, float(freedom), blocks)


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
    if blocks * float(scipy.special.fdtrc(each, each * (blocks - 1), ratio)) >= _OUTLIER:
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
    beyond = float(np.var(logs, ddof=1)) - float(scipy.special.polygamma(1, each / 2))
    prior = MOST_PRIOR if beyond <= 0 else min(MOST_PRIOR, 2 * _inverse_trigamma(beyond))
    return _Pool(float(squares.sum()) / freedom, freedom, prior)


def _pool_of_sets(table: Floats, weights: Floats, members: Floats) -> _Pool:
    """The same of the means of sets of machines, on the scale of one block's value."""
    if members.shape[1] < 2 or table.shape[1] < _LEAST_ENTRIES:
        return _Pool(0.0, 0.0, 0.0)
    residuals = _residuals(table, weights)
    present = np.isfinite(residuals) * weights[:, np.newaxis]
    counts = members.T @ present
    sums = members.T @ (np.nan_to_num(residuals) * weights[:, np.newaxis])
    means = np.divide(sums, counts, out=np.full_like(counts, np.nan), where=counts > 0)
    total = counts.sum(axis=0)
    free = np.maximum((counts > 0).sum(axis=0) - 1.0, 1.0)
    typical = (total - (counts**2).sum(axis=0) / np.maximum(total, 1.0)) / free
    return _pool(means * np.sqrt(np.maximum(typical, 0.0)), np.ones(len(means)))


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1/trigamma (Smyth 2004, appendix): it converges from one side."""
    x = 0.5 + 1 / value
    for _ in range(_PASSES):
        at = float(scipy.special.polygamma(1, x))
        step = at * (1 - at / value) / float(scipy.special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
