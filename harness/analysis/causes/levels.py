"""Server CPU per request in microseconds, every block brought to the same speed of the machine.

Logarithms of costs compare variants within a block. Differences in microseconds need a scale, and
a shared machine's differs from block to block: a slow hour makes every step of every block larger.
So each block is multiplied by one factor, the same for all variants: that by which the middle one
of them (those that all blocks have) was slower than on average. Intervals of levels are therefore
conditional on the run's mean speed; what all variants share is not in them.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

from harness.analysis.condition import Piece
from harness.analysis.measures import Measure

Levels = Mapping[str, Mapping[int, float]]
"""By entry and block, microseconds per request."""


def levels(piece: Piece) -> dict[str, dict[int, float]]:
    """The levels of one condition; one that misses a block shifts none."""
    means = piece.means(Measure.CPU)
    blocks = sorted({block for found in means.values() for block in found})
    steady = [found for found in means.values() if found and len(found) == len(blocks)]
    usual = [statistics.fmean(found.values()) for found in steady]
    slower = {
        b: statistics.median(f[b] - mean for f, mean in zip(steady, usual, strict=True))
        if steady
        else 0.0
        for b in blocks
    }
    return {
        entry: {b: math.exp(value - slower[b]) for b, value in found.items()}
        for entry, found in means.items()
    }


def shared_blocks(found: Levels, entries: Sequence[str]) -> list[int]:
    """The blocks that have all of these entries."""
    present = [set(found.get(entry, {})) for entry in entries]
    return sorted(set.intersection(*present)) if present else []


def noise_bound(found: Levels, weights: Mapping[str, float], floor: float) -> float:
    """By how many microseconds such a sum may be off, if all of its variants did the same.

    The noise floor bounds the log ratio of two identical servers. Each is then off by its level
    times the floor over the root of two, and independent errors add in squares.

    Args:
        found: levels of every entry in `weights`.
        weights: of the sum.
        floor: as a logarithm.
    """
    parts = [w * statistics.fmean(found[entry].values()) for entry, w in weights.items()]
    return floor * math.sqrt(sum(part**2 for part in parts) / 2)
