"""Every variant against every other under one condition: ratios with intervals, all at once."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.stats.intervals import BOOTSTRAP_FROM, LEVEL, block_interval

Floats = NDArray[np.float64]


class Pairs(msgspec.Struct, frozen=True):
    """Ratios by one measure under one condition.

    entries: n of them. mean, low, high: n x n, the row's entry to the column's; NaN where the two
        have no good block in common, and for bounds where they have one.
    """

    entries: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats


def pairs(means: Mapping[str, Mapping[int, float]], entries: Sequence[str]) -> Pairs:
    """Intervals as `block_interval` gives them for each pair, from the blocks that both have.

    Below ten blocks all of Student's are one computation on an array; from ten on each pair is
    resampled by itself, of which the lower triangle is the upper one turned round.

    Args:
        means: by entry and block, logarithms; see `MeasuredCondition.means`.
        entries: whose ratios are wanted.
    """
    table = _table(means, entries)
    differences = table[:, np.newaxis, :] - table[np.newaxis, :, :]
    counts = np.isfinite(differences).sum(axis=2)
    mean, low, high = _student(differences, counts)
    if counts.size and counts.max() >= BOOTSTRAP_FROM:
        _resample(differences, counts, low, high)
    return Pairs(tuple(entries), np.exp(mean), np.exp(low), np.exp(high))


def _table(means: Mapping[str, Mapping[int, float]], entries: Sequence[str]) -> Floats:
    """Entries x blocks; NaN where there is no good trial."""
    blocks = sorted({block for name in entries for block in means.get(name, {})})
    rows = [[means.get(name, {}).get(block, np.nan) for block in blocks] for name in entries]
    return np.array(rows, dtype=np.float64).reshape(len(entries), len(blocks))


def _student(differences: Floats, counts: NDArray[np.integer]) -> tuple[Floats, Floats, Floats]:
    """Mean and bounds; bounds are NaN with fewer than two blocks (Student 1908)."""
    present = np.isfinite(differences)
    some = np.maximum(counts, 1)
    mean = np.where(present, differences, 0.0).sum(axis=2) / some
    squares = np.where(present, (differences - mean[:, :, np.newaxis]) ** 2, 0.0).sum(axis=2)
    free = np.maximum(counts - 1, 1)
    half = special.stdtrit(free, (1 + LEVEL) / 2) * np.sqrt(squares / free / some)
    mean = np.where(counts > 0, mean, np.nan)
    half = np.where(counts > 1, half, np.nan)
    return mean, mean - half, mean + half


def _resample(differences: Floats, counts: NDArray[np.integer], low: Floats, high: Floats) -> None:
    """Put the bootstrap's bounds where there are blocks enough for it."""
    for one, other in zip(*np.nonzero(np.triu(counts >= BOOTSTRAP_FROM, 1)), strict=True):
        values = differences[one, other]
        found = block_interval(values[np.isfinite(values)].tolist())
        if found is None or found.low is None or found.high is None:
            continue
        low[one, other], high[one, other] = found.low, found.high
        low[other, one], high[other, one] = -found.high, -found.low
