"""Server CPU per request in microseconds, every block brought to the same speed of the machine.

Logarithms of costs compare variants within a block. Differences in microseconds need a scale, and
a shared machine's differs from block to block: a slow hour makes every step of every block larger.
So each block is multiplied by one factor, the same for all variants, that brings the geometric mean
of those which all blocks have to the mean of all blocks.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.analysis.intervals import Interval, block_interval
from harness.analysis.measures import Measure
from harness.analysis.pieces import Piece

Levels = Mapping[str, Mapping[int, float]]
"""By entry and block, microseconds per request."""


def levels(piece: Piece) -> dict[str, dict[int, float]]:
    """The levels of one condition; one that misses a block shifts none."""
    means = piece.means(Measure.CPU)
    blocks = sorted({block for found in means.values() for block in found})
    steady = [found for found in means.values() if len(found) == len(blocks)]
    offsets = {b: float(np.mean([found[b] for found in steady])) if steady else 0.0 for b in blocks}
    middle = float(np.mean(list(offsets.values()))) if offsets else 0.0
    return {
        entry: {b: math.exp(value - offsets[b] + middle) for b, value in found.items()}
        for entry, found in means.items()
    }


def weighted(found: Levels, weights: Mapping[str, float]) -> Interval | None:
    """A weighted sum of levels, from the blocks that have every one of them."""
    return block_interval(list(by_block(found, weights).values()))


def by_block(found: Levels, weights: Mapping[str, float]) -> dict[int, float]:
    """The weighted sum in each block that has every entry."""
    return {
        block: sum(weight * found[entry][block] for entry, weight in weights.items())
        for block in shared_blocks(found, list(weights))
    }


def shared_blocks(found: Levels, entries: Sequence[str]) -> list[int]:
    """The blocks that have all of these entries."""
    present = [set(found.get(entry, {})) for entry in entries]
    return sorted(set.intersection(*present)) if present else []
