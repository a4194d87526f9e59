"""Scales of axes as Vega draws them, so that labels can be placed where marks will be."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

DECADE = 10.0
"""Values that span more are drawn on a logarithmic axis."""
_STEPS = (1, 2, 5)


class Form(StrEnum):
    """The form of an axis, by Vega's names."""

    LINEAR = "linear"
    LOG = "log"
    SYMLOG = "symlog"
    """Logarithmic, with a zero."""


class Scale(msgspec.Struct, frozen=True):
    """An axis.

    low, high: its ends, as values.
    start, end: where these lie, in pixels.
    constant: of a symlog axis: below it, values are spread almost evenly.
    """

    form: Form
    low: float
    high: float
    start: float
    end: float
    constant: float = 1.0

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self.spread(self.low), self.spread(self.high)
        share = (self.spread(value) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def spread(self, value: float) -> float:
        """The value as it is spread along the axis, without a unit."""
        match self.form:
            case Form.LINEAR:
                return value
            case Form.LOG:
                return math.log(max(value, self.low * 1e-6))
            case Form.SYMLOG:
                return math.copysign(math.log1p(abs(value) / self.constant), value)

    def gathered(self, spread: float) -> float:
        """The inverse of `spread`."""
        match self.form:
            case Form.LINEAR:
                return spread
            case Form.LOG:
                return math.exp(spread)
            case Form.SYMLOG:
                return math.copysign(math.expm1(abs(spread)) * self.constant, spread)

    @property
    def vega(self) -> dict[str, Any]:
        """For a channel of a Vega-Lite specification."""
        scale = {"type": self.form.value, "domain": [self.low, self.high], "nice": False}
        if self.form is Form.SYMLOG:
            return scale | {"constant": self.constant}
        return scale | ({"zero": False} if self.form is Form.LINEAR else {})

    @property
    def ticks(self) -> list[float]:
        """Round values along a logarithmic axis: powers of ten; 1, 2 and 5 times these if few."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        powers = [10.0**power for power in range(first, last + 1)]
        inside = [value for value in powers if self.low <= value <= self.high]
        if len(inside) > len(_STEPS):
            return inside
        every = [value * step for value in powers for step in _STEPS]
        return [value for value in every if self.low <= value <= self.high]


def form_of(values: Sequence[float]) -> Form:
    """Logarithmic if positive values span more than a decade."""
    positive = [value for value in values if value > 0]
    if not positive or max(positive) <= DECADE * min(positive):
        return Form.LINEAR
    return Form.LOG if len(positive) == len(values) else Form.SYMLOG


def along(values: Sequence[float], width: float, margin: float) -> Scale:
    """A horizontal axis from the first to the last value, with a margin in pixels."""
    form = form_of(values)
    low, high = min(values), max(values)
    constant = min((value for value in values if value > 0), default=1.0)
    if low == high:
        low, high = (low / 2, high * 2) if form is Form.LOG else (low - 1, high + 1)
    return Scale(form, low, high, margin, width - margin, constant)
