"""Server CPU per request in microseconds, every block brought to the same speed of the machine.

Logarithms of costs compare variants within a block. Differences in microseconds need a scale, and
a shared machine's speed differs from block to block: a slow hour makes every step larger. So each
block is divided by one factor, the same for all variants: the median, over the variants that all
blocks have, of how much slower than on average they were. Intervals of levels are therefore
conditional on the run's mean speed; they do not contain variation that all variants share.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.blocks import Estimate

Levels = Mapping[str, Mapping[int, float]]
"""By entry and block, microseconds per request."""


def levels(measured: MeasuredCondition) -> dict[str, dict[int, float]]:
    """The levels of one condition."""
    return at_one_speed(measured.means(Measure.CPU))


def at_one_speed(means: Mapping[str, Mapping[int, float]]) -> dict[str, dict[int, float]]:
    """Costs by entry and block, each block divided by its factor.

    means: likewise, logarithms of costs. An entry that misses a block does not affect the factors.
    """
    blocks = sorted({block for by_block in means.values() for block in by_block})
    complete = [
        by_block for by_block in means.values() if by_block and len(by_block) == len(blocks)
    ]
    usual = [statistics.fmean(by_block.values()) for by_block in complete]
    slower = {
        block: statistics.median(
            by_block[block] - mean for by_block, mean in zip(complete, usual, strict=True)
        )
        if complete
        else 0.0
        for block in blocks
    }
    return {
        entry: {block: math.exp(value - slower[block]) for block, value in by_block.items()}
        for entry, by_block in means.items()
    }


def shared_blocks(costs: Levels, entries: Sequence[str]) -> list[int]:
    """The blocks that have all of these entries."""
    present = [set(costs.get(entry, {})) for entry in entries]
    return sorted(set.intersection(*present)) if present else []


def sum_of_levels(
    measured: MeasuredCondition, costs: Levels, weights: Mapping[str, float], blocks: Sequence[int]
) -> Estimate | None:
    """A weighted sum of levels in microseconds, with the error that the model moderates.

    The model knows the variance of logarithms. A level varies by itself times that of its
    logarithm.

    Args:
        measured: the condition of these levels.
        costs: of every entry in `weights`.
        weights: of the sum.
        blocks: that have all these entries.
    """
    sums = {block: sum(w * costs[entry][block] for entry, w in weights.items()) for block in blocks}
    parts = [w * statistics.fmean(costs[entry].values()) for entry, w in weights.items()]
    return measured.model(Measure.CPU).estimate(sums, sum(part**2 for part in parts))
