"""Looks at a run before its end: which level each may use, so that all together keep one.

A run that ends once its verdicts are in tests several times, and each test has its own chance of a
false call. An alpha-spending function says how much of the total may be spent by which share of the
planned blocks; this is the O'Brien-Fleming-type one, which spends little early (Lan and DeMets
1983, Biometrika 70:659). The level of a look follows from what earlier looks have spent: the means
after n and m blocks are correlated by the root of n/m. The chance to cross a bound for the first
time is integrated look by look (Armitage, McPherson and Rowe 1969, Journal of the Royal Statistical
Society A 132:235).

A family of tests shares the increments equally, test by test, before each gets its bounds
(Bonferroni within looks, exact between looks). Without that, a family of 4 to 45 tests would make a
false call in 5.1 to 5.5 % of runs; to share the increments between looks as well would spend 2.6 to
3.8 % of the 5. The level is turned into a bound of Student's t, as if the variance were known at
the other looks (Jennison and Turnbull 2000, section 11.4).
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import scipy
from numpy.typing import NDArray

from harness.analysis.stats.ties import ALPHA

Floats = NDArray[np.float64]

_REACH = 8.5
"""Standard deviations; beyond them the normal distribution holds less than 2e-17."""
_LEAST = 1e-6
"""Level of a look, at least: of Student's t with one degree of freedom, less is not computed."""
_NODES = 96
"""Of a quadrature, at least."""
_PER_STEP = 8.0
"""Nodes for each step to the next look that half the region is wide; twice as many change nothing
within ten digits."""
_HALVINGS = 50
"""Each gains a binary digit."""


class Looks(msgspec.Struct, frozen=True):
    """The looks at a run that could have ended it, up to the one that is judged now.

    shares: of the planned blocks that were measured at each, rising.
    """

    shares: tuple[float, ...] = (1.0,)

    def level(self, tests: int = 1) -> float:
        """The level of the last look, for a family of so many tests.

        Each test of one hypothesis, two-sided or one-sided, keeps `ALPHA` over all looks; so does a
        family, for the chance of even one false call.
        """
        if self.shares == (1.0,):
            return ALPHA
        return max(_LEAST, tests * _level(self.shares, tests))


ONCE = Looks()
"""A run that ends after its last block, whatever it shows."""


def looks_after(looks: Sequence[int], blocks: int, planned: int) -> Looks:
    """The looks at a run that has so many of its planned blocks.

    Args:
        looks: numbers of blocks after which it may end, below the planned one.
        blocks: that it has. If they are none of these looks, it ended otherwise, or goes on.
        planned: at most.
    """
    if not looks or blocks < 1:
        return ONCE
    passed = sorted({look for look in looks if look < blocks})
    return Looks(tuple(n / planned for n in (*passed, min(blocks, planned))))


def look_levels(looks: Sequence[int], planned: int) -> dict[int, float]:
    """The level of one test at each look, by the number of blocks; the last is the planned one."""
    return {n: looks_after(looks, n, planned).level() for n in (*sorted({*looks}), planned)}


def spent(share: float) -> float:
    """How much of `ALPHA` may be spent by that share of the blocks, 0 to 1."""
    return float(2 * scipy.special.ndtr(scipy.special.ndtri(ALPHA / 2) / math.sqrt(share)))


def crossing(shares: Sequence[float], bounds: Sequence[float]) -> list[float]:
    """The chance that a true difference of 0 is first called at each look.

    Args:
        shares: of the planned blocks, rising.
        bounds: of |z| at each look.
    """
    walk, chances = _Walk(), []
    for share, bound in zip(shares, bounds, strict=True):
        chances.append(walk.beyond(share, bound))
        walk = walk.within(share, bound)
    return chances


@lru_cache(maxsize=1024)
def _level(shares: tuple[float, ...], tests: int) -> float:
    """Of one of these tests at the last look."""
    walk, before, bound = _Walk(), 0.0, 0.0
    for share in shares:
        bound = _bound(walk, share, (spent(share) - before) / tests)
        walk, before = walk.within(share, bound), spent(share)
    return float(2 * scipy.special.ndtr(-bound))


def _bound(walk: "_Walk", share: float, chance: float) -> float:
    """The |z| that it first crosses at this look with that chance, by bisection."""
    low, high = 0.0, _REACH
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if walk.beyond(share, middle) > chance else (low, middle)
    return high


class _Walk:
    """A Brownian motion that has crossed no bound yet; a look's z is its place over root of share.

    Args:
        share: where it is. places: nodes. mass: density at these times their weights.
    """

    def __init__(
        self, share: float = 0.0, places: Floats | None = None, mass: Floats | None = None
    ) -> None:
        self._share = share
        self._places = np.zeros(1) if places is None else places
        self._mass = np.ones(1) if mass is None else mass

    def beyond(self, share: float, bound: float) -> float:
        """The chance that it crosses this bound at its next look."""
        step, edge = math.sqrt(share - self._share), bound * math.sqrt(share)
        above = scipy.special.ndtr((self._places - edge) / step)
        below = scipy.special.ndtr((-self._places - edge) / step)
        return float(self._mass @ (above + below))

    def within(self, share: float, bound: float) -> "_Walk":
        """The walks that do not cross it."""
        step, edge = math.sqrt(share - self._share), bound * math.sqrt(share)
        nodes, weights = _legendre(max(_NODES, math.ceil(_PER_STEP * edge / step)))
        places = nodes * edge
        z = (places[:, np.newaxis] - self._places) / step
        density = np.exp(-z * z / 2) / (step * math.sqrt(2 * math.pi))
        return _Walk(share, places, (density @ self._mass) * weights * edge)


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Floats, Floats]:
    nodes, weights = scipy.special.roots_legendre(count)
    return np.asarray(nodes, dtype=np.float64), np.asarray(weights, dtype=np.float64)
