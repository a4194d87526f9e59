"""A mean with its confidence interval; this module imports nothing that takes time."""

import math
import sys

import msgspec

_LARGEST = math.log(sys.float_info.max)


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

    @property
    def log_half_width(self) -> float | None:
        """Of an interval of ratios: half of its width as a logarithm; about a relative error."""
        if self.low is None or self.high is None or self.low <= 0:
            return None
        return (math.log(self.high) - math.log(self.low)) / 2

    def exp(self) -> "Interval":
        """From logarithms to ratios; the standard error stays that of the logarithm."""
        return Interval(
            mean=_exp(self.mean),
            low=None if self.low is None else _exp(self.low),
            high=None if self.high is None else _exp(self.high),
            se=self.se,
            blocks=self.blocks,
        )


def _exp(value: float) -> float:
    """As far as floats go: two blocks may contradict each other by any factor."""
    return math.exp(min(value, _LARGEST))
