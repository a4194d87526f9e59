"""Two independent samples of blocks: the difference of their means."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import special

from harness.analysis.stats.intervals import LEVEL, Interval


class Difference(msgspec.Struct, frozen=True):
    """Of two means.

    effect: with its interval; its blocks are those of both samples together.
    freedom: degrees of freedom of its standard error.
    """

    effect: Interval
    freedom: float


def welch(
    values: Sequence[float], others: Sequence[float], level: float = LEVEL
) -> Difference | None:
    """Welch's t interval for the mean of `values` less that of `others`.

    The variances need not be equal (Welch 1947, Biometrika 34:28). Degrees of freedom are those of
    Satterthwaite 1946 (Biometrics Bulletin 2:110): between those of the smaller sample and those of
    both together.

    Args:
        values, others: one number per block; no block of one belongs to a block of the other.
        level: confidence, 0 to 1.

    Returns:
        None with fewer than two blocks in either.
    """
    n, m = len(values), len(others)
    if min(n, m) < 2:
        return None
    one, other = float(np.var(values, ddof=1)) / n, float(np.var(others, ddof=1)) / m
    total = one + other
    freedom = float(n + m - 2)
    if total > 0:
        share = one / total  # dividing first, because squares of small variances underflow
        freedom = 1 / (share**2 / (n - 1) + (1 - share) ** 2 / (m - 1))
    mean = float(np.mean(values)) - float(np.mean(others))
    se = math.sqrt(total)
    half = se * float(special.stdtrit(freedom, (1 + level) / 2))
    return Difference(Interval(mean, mean - half, mean + half, se, n + m), freedom)
