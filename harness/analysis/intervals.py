"""Confidence intervals over blocks.

A block is the unit of replication: a start of the servers is itself a draw (hash seeds, memory
layout), and requests or slices within a block share it. Effects are logarithms of ratios, because
noise of a shared machine multiplies; the log of a ratio is symmetric, and sums of effects are
products of ratios.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import special

LEVEL = 0.95


class Interval(msgspec.Struct, frozen=True):
    """A mean with its confidence interval, on whatever scale the values had.

    low, high: None where one block alone gives no interval.
    se: standard error of the mean, on the same scale; None likewise.
    """

    mean: float
    low: float | None
    high: float | None
    se: float | None
    blocks: int

    @property
    def half_width(self) -> float | None:
        """Half of the interval's width."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def exp(self) -> "Interval":
        """From logarithms to ratios; the standard error stays that of the logarithm."""
        return Interval(
            mean=math.exp(self.mean),
            low=None if self.low is None else math.exp(self.low),
            high=None if self.high is None else math.exp(self.high),
            se=self.se,
            blocks=self.blocks,
        )


def t_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Student's interval for the mean of independent blocks (Student 1908).

    Args:
        values: one number per block.
        level: confidence, 0 to 1.

    Returns:
        None if there is no value; an interval without bounds if there is one.
    """
    n = len(values)
    if n == 0:
        return None
    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean=mean, low=None, high=None, se=None, blocks=1)
    se = float(np.std(values, ddof=1)) / math.sqrt(n)
    half = se * float(special.stdtrit(n - 1, (1 + level) / 2))
    return Interval(mean=mean, low=mean - half, high=mean + half, se=se, blocks=n)
