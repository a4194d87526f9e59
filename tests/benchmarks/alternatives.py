"""Other ways to take the error of a difference, and why the model of blocks takes none of them.

Usage: `uv run python -m tests.benchmarks.alternatives [RUNS]`; docs/calibration.md quotes it. Seven
identical entries in six blocks, of which some are noisier; all pairs of six are one family (Tukey).

- *pooled*: the variance of all entries together (a two-way layout).
- *own*: each difference's own variance (as Games and Howell 1976 do, for pairs within blocks).
- *pooled unless flagged*: an F test looks for one noisier entry, whose differences keep their own.
- *moderated*: between the two, as estimated (Smyth 2004), without this project's two limits.
- *the model*: moderated, not below the own, and the pool counts for 15 blocks at most.
"""

import math
import sys
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.stats.blocks import MOST_PRIOR
from harness.analysis.stats.simultaneous import tukey_critical
from harness.analysis.stats.ties import ALPHA

type Floats = NDArray[np.float64]
type Variance = tuple[Floats, Floats]
"""Of a block's difference, (runs, pairs), and its degrees of freedom."""

BLOCKS, ENTRIES = 6, 7
SPREAD = 0.0243
"""Of a block's value, as of *shared, with probe* in `tests.benchmarks.calibration`."""
NOISY: dict[str, tuple[tuple[int, ...], float]] = {
    "all alike": ((), 1.0),
    "one noisier x3": ((3,), 3.0),
    "one noisier x2": ((3,), 2.0),
    "two noisier x3": ((3, 4), 3.0),
}
VARIANTS = [entry for entry in range(ENTRIES) if entry != 1]  # the second is the hidden duplicate
PAIRS = [*combinations(VARIANTS, 2)]
ONE, OTHER = ([pair[side] for pair in PAIRS] for side in (0, 1))
PLANTED = math.log(1.05)
FREE = BLOCKS - 1
ALL_FREE = FREE * (ENTRIES - 1)
_GRID = np.geomspace(FREE / 2, 2 * ALL_FREE, 60)
_CRITICAL = np.array([tukey_critical(len(VARIANTS), float(free), ALPHA) for free in _GRID])
_POINTS = np.geomspace(0.01, 1000, 4000)


def main() -> None:
    """Simulate and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    error = math.sqrt(ALPHA * (1 - ALPHA) / runs)
    print(f"{runs} runs each; a share of {ALPHA:.0%} has a standard error of {error:.1%}")
    print("false calls in a run, and 5 % found by the letters (between entries as noisy as most)")
    print(f"{'':24}" + "".join(f"{name:>18}" for name in NOISY))
    draw = np.random.default_rng(1)
    tables = [_drawn(runs, noisy, factor, draw) for noisy, factor in NOISY.values()]
    for name, rule in RULES.items():
        cells = [_called(values, rule) for values in tables]
        print(f"{name:24}" + "".join(f"{f'{false:.1%} {found:.0%}':>18}" for false, found in cells))


def _drawn(runs: int, noisy: tuple[int, ...], factor: float, draw: np.random.Generator) -> Floats:
    """Values by run, block and entry."""
    scale = np.ones(ENTRIES)
    scale[list(noisy)] = factor
    values: Floats = draw.normal(size=(runs, BLOCKS, ENTRIES)) * scale * SPREAD
    return values


def _called(values: Floats, rule: Callable[[Floats], Variance]) -> tuple[float, float]:
    """Shares of runs with a false call, and of the planted difference found in the first pair."""
    variance, freedom = rule(values)
    error = np.sqrt(variance / BLOCKS)
    mean = (values[:, :, ONE] - values[:, :, OTHER]).mean(axis=1)
    critical = np.interp(freedom, _GRID, _CRITICAL)
    false = (np.abs(mean) > critical * error).any(axis=1)
    found = np.abs(mean + PLANTED) > critical * error
    return float(false.mean()), float(found[:, 0].mean())


def _pooled(values: Floats) -> Variance:
    squares = _squares(values).sum(axis=1, keepdims=True)
    return _like_pairs(values, 2 * squares / ALL_FREE, np.full((len(values), 1), ALL_FREE))


def _own(values: Floats) -> Variance:
    own: Floats = (values[:, :, ONE] - values[:, :, OTHER]).var(axis=1, ddof=1)
    return own, np.full(own.shape, float(FREE))


def _unless_flagged(values: Floats) -> Variance:
    squares = _squares(values)
    worst = squares.argmax(axis=1)
    most = squares.max(axis=1)
    rest = squares.sum(axis=1) - most
    each = ALL_FREE / ENTRIES
    ratio = most / (rest / (ENTRIES - 1))
    flagged = ENTRIES * special.fdtrc(each, each * (ENTRIES - 1), ratio) < ALPHA
    concerned = flagged[:, None] & ((worst[:, None] == ONE) | (worst[:, None] == OTHER))
    others = np.arange(ENTRIES) != worst[:, None]
    kept = values.swapaxes(1, 2)[others].reshape(-1, ENTRIES - 1, BLOCKS).swapaxes(1, 2)
    without = _squares(kept).sum(axis=1)
    free = float(FREE * (ENTRIES - 2))
    pooled = np.where(flagged, without / free, squares.sum(axis=1) / ALL_FREE)[:, None]
    freedom = np.where(flagged, free, float(ALL_FREE))[:, None]
    own, own_free = _own(values)
    return np.where(concerned, own, 2 * pooled), np.where(concerned, own_free, freedom)


def _moderated(values: Floats) -> Variance:
    return _moderate(values, 1e6)


def _model(values: Floats) -> Variance:
    """As `BlockModel` without missing values and outlying blocks."""
    variance, freedom = _moderate(values, MOST_PRIOR)
    return np.maximum(variance, _own(values)[0]), freedom


def _moderate(values: Floats, most: float) -> Variance:
    squares = _squares(values)
    each = ALL_FREE / ENTRIES
    beyond = np.log(squares / each).var(axis=1, ddof=1) - float(special.polygamma(1, each / 2))
    trigamma = special.polygamma(1, _POINTS)  # falls
    prior = 2 * np.interp(-np.maximum(beyond, 1e-9), -trigamma, _POINTS)
    prior = np.where(beyond <= 0, most, np.minimum(prior, most))[:, None]
    own, _ = _own(values)
    pooled = 2 * squares.sum(axis=1, keepdims=True) / ALL_FREE
    variance = (prior * pooled + FREE * own) / (prior + FREE)
    return _like_pairs(values, variance, np.minimum(prior + FREE, float(ALL_FREE)))


def _squares(values: Floats) -> Floats:
    """Of each entry's residuals, added up: (runs, entries)."""
    residuals = values - values.mean(axis=2, keepdims=True)
    residuals = residuals - residuals.mean(axis=1, keepdims=True)
    squares: Floats = (residuals**2).sum(axis=1)
    return squares


def _like_pairs(values: Floats, variance: Floats, freedom: Floats) -> Variance:
    shape = (len(values), len(PAIRS))
    return np.broadcast_to(variance, shape), np.broadcast_to(freedom, shape)


RULES: dict[str, Callable[[Floats], Variance]] = {
    "pooled": _pooled,
    "own": _own,
    "pooled unless flagged": _unless_flagged,
    "moderated": _moderated,
    "the model": _model,
}

if __name__ == "__main__":
    main()
