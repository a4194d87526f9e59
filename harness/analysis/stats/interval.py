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

    def negated(self) -> "Interval":
        """The same the other way round."""
        return Interval(
            mean=-self.mean,
            low=None if self.high is None else -self.high,
            high=None if self.low is None else -self.low,
            se=self.se,
            blocks=self.blocks,
        )

    def inverse(self) -> "Interval":
        """Of the ratio the other way round; the standard error is that of the logarithm."""
        return Interval(
            mean=1 / self.mean,
            low=None if self.high is None else 1 / self.high,
            high=None if self.low is None else 1 / self.low,
            se=self.se,
            blocks=self.blocks,
        )

    def scaled(self, factor: float) -> "Interval":
        """So many times as much; the factor is exact, and not negative."""
        return Interval(
            mean=factor * self.mean,
            low=None if self.low is None else factor * self.low,
            high=None if self.high is None else factor * self.high,
            se=None if self.se is None else factor * self.se,
            blocks=self.blocks,
        )

    def minus(self, other: "Interval") -> "Interval":
        """Less an independent one: half-widths add as errors do, by their squares."""
        return self._with(self.mean - other.mean, other, 1.0, 1.0)

    def times(self, other: "Interval") -> "Interval":
        """Times an independent one: relative half-widths add by their squares."""
        return self._with(self.mean * other.mean, other, other.mean, self.mean)

    def over(self, other: "Interval") -> "Interval":
        """Divided by an independent one that is not near 0, likewise."""
        return self._with(self.mean / other.mean, other, 1 / other.mean, self.mean / other.mean**2)

    def _with(self, mean: float, other: "Interval", by: float, others_by: float) -> "Interval":
        """A function of two, whose derivatives are `by` and `others_by` (the delta method)."""

        def combined(one: float | None, two: float | None) -> float | None:
            return None if one is None or two is None else math.hypot(by * one, others_by * two)

        half = combined(self.half_width, other.half_width)
        return Interval(
            mean=mean,
            low=None if half is None else mean - half,
            high=None if half is None else mean + half,
            se=combined(self.se, other.se),
            blocks=min(self.blocks, other.blocks),
        )


def _exp(value: float) -> float:
    """As far as floats go: two blocks may contradict each other by any factor."""
    return math.exp(min(value, _LARGEST))
