"""Confidence intervals over blocks.

A block is the unit of replication: a start of the servers is itself a draw (hash seeds, memory
layout), and requests or slices within a block share it. Effects are logarithms of ratios, because
noise of a shared machine multiplies; the log of a ratio is symmetric, and sums of effects are
products of ratios.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from harness.analysis.stats.interval import Interval as Interval

LEVEL = 0.95
BOOTSTRAP_FROM = 10
"""Blocks from which the interval is taken from the blocks themselves; with fewer there are too few
different resamples, and Student's assumption is the better guess."""
_RESAMPLES = 4000
_LEAST_SPREAD = 1e-6
"""Of the standard error: a resample with less has none."""
_SEED = 20_261_121
"""The same data give the same interval."""


def t_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Student's interval for the mean of independent blocks (Student 1908).

    Args:
        values: one number per block.
        level: confidence, 0 to 1.

    Returns:
        None if there is no value; an interval without bounds if there is one.
    """
    n = len(values)
    if n == 0:
        return None
    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean=mean, low=None, high=None, se=None, blocks=1)
    se = float(np.std(values, ddof=1)) / math.sqrt(n)
    half = se * float(scipy.special.stdtrit(n - 1, (1 + level) / 2))
    return Interval(mean=mean, low=mean - half, high=mean + half, se=se, blocks=n)


def block_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """The interval for the mean of blocks: Student's below ten of them, bootstrap-t from ten.

    The bootstrap resamples whole blocks, never requests or slices, and studentises each resample
    (Efron 1979; Hall 1988, Annals of Statistics 16:927), because plain percentiles of so few values
    give intervals that are too short.

    Args:
        values: one number per block.
        level: confidence, 0 to 1.
    """
    plain = t_interval(values, level)
    if plain is None or len(values) < BOOTSTRAP_FROM or not plain.se:
        return plain
    if plain.mean >= 0:
        return _resampled(tuple(values), plain, level)
    # Negative means are mirrored, so both directions of a pair share one cached result.
    turned = t_interval([-value for value in values], level)
    assert turned is not None
    found = _resampled(tuple(-value for value in values), turned, level)
    assert found.low is not None
    assert found.high is not None
    return Interval(plain.mean, -found.high, -found.low, plain.se, plain.blocks)


@lru_cache(maxsize=65_536)
def _resampled(values: tuple[float, ...], plain: Interval, level: float) -> Interval:
    """A pair is asked about several times: for its rank, for the table, for the page."""
    assert plain.se is not None
    data = np.asarray(values, dtype=np.float64)
    drawn = data[_draws(data.size)]
    errors = drawn.std(axis=1, ddof=1) / math.sqrt(data.size)
    if errors.min() < _LEAST_SPREAD * plain.se:
        return plain  # so many blocks are equal that a resample of equal ones alone is no rarity
    pivots = (drawn.mean(axis=1) - plain.mean) / errors
    low, high = np.quantile(pivots, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        mean=plain.mean,
        low=plain.mean - float(high) * plain.se,
        high=plain.mean - float(low) * plain.se,
        se=plain.se,
        blocks=plain.blocks,
    )


@lru_cache(maxsize=64)
def _draws(size: int) -> NDArray[np.int64]:
    """Which blocks each resample takes: the same for all data of that size."""
    return np.random.default_rng(_SEED).choice(size, (_RESAMPLES, size))


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], level: float = LEVEL
) -> Interval | None:
    """The ratio of two means over the same blocks, with Fieller's interval (Fieller 1954, Journal
    of the Royal Statistical Society B 16:175).

    It holds where differences may be near 0 or negative in some blocks, so that ratios of single
    blocks, or their logarithms, would not.

    Args:
        numerators: one number per block. denominators: likewise, of the same blocks.
        level: confidence, 0 to 1.

    Returns:
        None without a block, or if the denominators' mean is 0; an interval without bounds if there
        is one block, or if the denominators' mean is not told from 0.
    """
    n = len(numerators)
    above, below = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if n == 0 or not below.mean():
        return None
    one, other = float(above.mean()), float(below.mean())
    ratio = one / other
    if n == 1:
        return Interval(ratio, None, None, None, 1)
    se = float(np.std(above - ratio * below, ddof=1)) / math.sqrt(n) / abs(other)
    t = float(scipy.special.stdtrit(n - 1, (1 + level) / 2))
    (of_one, of_both), (_, of_other) = (t**2 * np.cov(above, below, ddof=1) / n).tolist()
    a, b, c = other**2 - of_other, one * other - of_both, one**2 - of_one
    if a <= 0:
        return Interval(ratio, None, None, se, n)
    root = math.sqrt(max(0.0, b**2 - a * c))
    return Interval(ratio, (b - root) / a, (b + root) / a, se, n)


def two_way_interval(
    values: Sequence[float], left_out: Sequence[float], level: float = LEVEL
) -> Interval | None:
    """The interval for a mean over blocks that depends on which subjects were in it, too.

    The variance between blocks, plus the jackknife's variance over subjects (Tukey 1958; Miller
    1974, Biometrika 61:1). What both have in common is counted twice, so it errs on the wide side
    (Cameron, Gelbach and Miller 2011 subtract it). Degrees of freedom: Satterthwaite 1946.

    Args:
        values: one per block.
        left_out: one per subject: the estimate without it; fewer than two for blocks alone.
        level: confidence, 0 to 1.
    """
    plain = block_interval(values, level)
    if plain is None or plain.se is None or len(left_out) < 2:
        return plain
    n = len(left_out)
    jackknife = (n - 1) / n * float(((np.asarray(left_out) - np.mean(left_out)) ** 2).sum())
    between = plain.se**2
    if not jackknife:
        return plain
    total = between + jackknife
    freedom = total**2 / (between**2 / (plain.blocks - 1) + jackknife**2 / (n - 1))
    se = math.sqrt(total)
    half = se * float(scipy.special.stdtrit(freedom, (1 + level) / 2))
    return Interval(plain.mean, plain.mean - half, plain.mean + half, se, plain.blocks)
