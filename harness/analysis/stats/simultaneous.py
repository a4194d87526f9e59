"""Tests of several differences at once, with the chance of even one false call kept.

All pairs of k means: Tukey's studentized range (Tukey 1953; Kramer 1956). Each of m means against
one common mean: Dunnett 1955 (JASA 50:1096), two-sided, with the correlation 1/2 of equally
precise means. Declared contrasts: Holm, see `ties.holm`.

Both probabilities are integrals over the estimated standard deviation, computed by Gauss-Legendre
quadrature. `scipy.stats` has both, too. Its import takes a second, its Tukey is ten times as slow,
and its Dunnett draws random numbers; tests compare the two.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_REACH = 8.5
"""Standard deviations; beyond them the normal distribution holds less than 2e-17."""
_POINTS = 96
"""Of the quadrature."""
_RHO = 0.5
"""Correlation of two differences from one common mean."""
_TAIL = 1e-15
"""Probability on either side that the integral over the standard deviation leaves out."""
_MANY = 1e6
"""So many degrees of freedom are as good as a known variance."""


def tukey_p(t: float, means: int, freedom: float) -> float:
    """P value of the largest of all pairwise differences of `means` means.

    Args:
        t: |difference| over its standard error.
        means: how many are compared, two or more.
        freedom: degrees of freedom of the standard error.
    """
    if means < 2:
        return 1.0
    scale, weight = _scales(freedom)
    spread = math.sqrt(2) * abs(t) * scale  # the range, in standard deviations of one mean
    z, density = _normal()
    inside = scipy.special.ndtr(z) - scipy.special.ndtr(z - spread[:, np.newaxis])
    below = means * (inside ** (means - 1) @ density)
    return _p(float(below @ weight))


def dunnett_p(t: float, others: int, freedom: float) -> float:
    """P value of the largest difference of `others` means from one common mean.

    Args:
        t: |difference| over its standard error.
        others: how many are compared with the common one, one or more.
        freedom: degrees of freedom of the standard error.
    """
    scale, weight = _scales(freedom)
    reach = (abs(t) * scale)[:, np.newaxis]
    z, density = _normal()
    shared, own = math.sqrt(_RHO) * z, math.sqrt(1 - _RHO)
    inside = scipy.special.ndtr((shared + reach) / own) - scipy.special.ndtr((shared - reach) / own)
    return _p(float((inside**others @ density) @ weight))


@lru_cache(maxsize=4096)
def tukey_critical(means: int, freedom: float, alpha: float) -> float:
    """The t beyond which `tukey_p` is at most alpha."""
    return _critical(lambda t: tukey_p(t, means, freedom), alpha)


@lru_cache(maxsize=4096)
def dunnett_critical(others: int, freedom: float, alpha: float) -> float:
    """The t beyond which `dunnett_p` is at most alpha."""
    return _critical(lambda t: dunnett_p(t, others, freedom), alpha)


@cache
def _legendre() -> tuple[Floats, Floats]:
    """Nodes within [-1, 1], and their weights."""
    nodes, weights = scipy.special.roots_legendre(_POINTS)
    return np.asarray(nodes, dtype=np.float64), np.asarray(weights, dtype=np.float64)


@cache
def _normal() -> tuple[Floats, Floats]:
    """Nodes for a standard normal variable, and their weights, density included."""
    nodes, weights = _legendre()
    z = nodes * _REACH
    return z, np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * weights * _REACH


@lru_cache(maxsize=4096)
def _scales(freedom: float) -> tuple[Floats, Floats]:
    """Nodes and weights for the ratio of the estimated to the true standard deviation."""
    if freedom >= _MANY:
        return np.ones(1), np.ones(1)
    least, most = np.sqrt(scipy.special.chdtri(freedom, [1 - _TAIL, _TAIL]) / freedom)
    nodes, weights = _legendre()
    scale = least + (nodes + 1) / 2 * (most - least)
    half = freedom / 2
    logarithm = (  # of the density of chi over the root of its degrees of freedom
        math.log(2) + half * math.log(half) - scipy.special.gammaln(half)
        + (freedom - 1) * np.log(scale) - half * scale**2
    )  # fmt: skip
    return scale, np.exp(logarithm) * weights * (most - least) / 2


def _p(below: float) -> float:
    return min(1.0, max(0.0, 1.0 - below))


def _critical(p: Callable[[float], float], alpha: float) -> float:
    """Where p, which falls as t grows, is alpha."""
    high = 1.0
    while p(high) > alpha:
        high *= 2
    return float(scipy.optimize.brentq(lambda t: p(t) - alpha, 0.0, high))
