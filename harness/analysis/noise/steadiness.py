"""Whether a trial was in a steady state, or drifted while it was measured."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import scipy

LEAST_VALUES = 8
"""With fewer, no rank test can be sure enough."""
LEAST_CHANGE = 0.25
"""From begin to end: less is what a warm cache or a shared machine does, and cancels in rounds."""
ALPHA = 0.005
"""Asked of every trial of a run, so it must be rare by chance; values depend on their neighbours,
which makes the test call more often than this, so the change must be large too."""


class Trend(msgspec.Struct, frozen=True):
    """change: of the logarithm, from the first value to the last, by the median slope.

    p: that chance alone gave as much; None where the change is too small for that to matter.
    """

    change: float
    p: float | None

    @property
    def is_real(self) -> bool:
        """Whether it is large, and no chance."""
        return abs(self.change) > LEAST_CHANGE and self.p is not None and self.p < ALPHA


def trend(values: Sequence[float]) -> Trend | None:
    """Test equally spaced values, none negative, for a monotonic drift; None if there are too few.

    Kendall's tau against the order of time (Mann 1945), and Theil's median slope (Theil 1950, Sen
    1968): neither minds a few values that a neighbour disturbed.
    """
    positive = [value for value in values if value > 0]
    if len(positive) < LEAST_VALUES:
        return None
    least = min(positive) / 2  # in the place of a second without any answer
    logs = np.array([math.log(max(value, least)) for value in values])
    earlier, later = np.triu_indices(len(logs), 1)
    slope = float(np.median((logs[later] - logs[earlier]) / (later - earlier)))
    change = slope * (len(logs) - 1)
    if abs(change) <= LEAST_CHANGE:
        return Trend(change, p=None)
    p = float(scipy.stats.kendalltau(np.arange(len(logs)), logs).pvalue)
    return Trend(change, p=1.0 if math.isnan(p) else p)
