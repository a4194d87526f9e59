"""Rates of a ramp, from its answers in each second; and ratios of two setups' rates."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.analysis.stats.intervals import Interval, block_interval

PEAK_S = 10
"""Over how many seconds the highest rate is a mean, as Locust's own current rate is."""
CHART_S = 5
"""How often Locust adds a point to its charts (locust/stats.py, `HISTORY_STATS_INTERVAL_SEC`)."""
_CHART_FIRST, _CHART_LAST = 12, 2
"""Such a point is a mean from so many seconds before the last answer to so many before it, and over
as few as there are (locust/stats.py, `current_rps`)."""


def highest_per_s(series: Sequence[int]) -> float:
    """The best mean over ten neighbouring seconds; over all of them where there are fewer."""
    width = min(PEAK_S, len(series))
    if width == 0:
        return 0.0
    return float(np.convolve(series, np.ones(width), "valid").max() / width)


def charted_per_s(series: Sequence[int], failed: Sequence[int]) -> float:
    """What Locust's chart would have shown at most, without the failures that it adds.

    A point ends two seconds before the last answer, however long ago that was, and near the start
    it is a mean over one to three seconds; so bursts and slow cells stand out in it.

    Args:
        series, failed: answers in each second.
    """
    best = 0.0
    for now in range(CHART_S, len(series), CHART_S):
        answered = [at for at in range(now) if series[at] or failed[at]]
        last = max(answered, default=0)
        part = series[max(last - _CHART_FIRST, 0) : max(last - _CHART_LAST, 0)]
        best = max(best, sum(part) / len(part) if part else 0.0)
    return best


def log_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval | None:
    """Of two setups' values by block; None where one had nothing, which has no ratio."""
    shared = sorted(ours.keys() & theirs.keys())
    if not all(ours[block] and theirs[block] for block in shared):
        return None
    return block_interval([math.log(ours[block] / theirs[block]) for block in shared])
