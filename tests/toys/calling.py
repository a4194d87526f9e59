"""What a run would say of its entries: intervals, and which differences it calls."""

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from harness.analysis.noise.fit import Fit, Memory, Series, costs
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.stats.ties import ALPHA, exceedance_p, holm, noise_floor

BASELINE, TWIN = 0, 1
"""The first two entries are the same thing twice, as in every run."""


class Said(msgspec.Struct, frozen=True):
    """effects: log ratio of each pair. called: the pairs among the entries that are told apart."""

    effects: dict[tuple[int, int], Interval]
    called: frozenset[tuple[int, int]]
    floor: float
    fit: Fit


def say(blocks: Sequence[Series], entries: int, memory: Memory | None = None) -> Said:
    """Analyse as `analysis.analyse` does; the twin gives the floor and is in no pair."""
    found = costs(blocks, [np.ones(block.value.size) for block in blocks], memory)
    effects = {
        (one, other): interval
        for one, other in combinations(range(entries), 2)
        if (interval := block_interval([m[other] - m[one] for m in found.means])) is not None
    }
    floor = noise_floor(effects[BASELINE, TWIN])
    assert floor is not None
    adjusted = holm(
        {pair: exceedance_p(effect, floor) for pair, effect in effects.items() if TWIN not in pair}
    )
    called = frozenset(pair for pair, p in adjusted.items() if p <= ALPHA)
    return Said(effects, called, floor, found)
