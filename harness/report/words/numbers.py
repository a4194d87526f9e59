"""Numbers as short texts: values, ratios, intervals, shares."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.analysis.stats.intervals import Interval

MISSING = "n/a"
"""Stands in place of a missing figure."""


_MANIFOLD = 2.0
"""From this share on, a factor is easier to read than percent."""
_WIDE = 0.5
"""From this half-width on, both ends of an interval are told."""
_ROUNDING = 1e-9
"""Of a percent: 3 % is not 4 % because of a binary fraction."""
_SMALL = 0.0995
"""From this ratio on, two decimals are two significant digits."""


def number(value: float) -> str:
    """Three significant digits, or four from a thousand on, with thousands separated."""
    if abs(value) >= 999.5:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.3g}"


def times(value: float) -> str:
    """A ratio with two decimals; a small one with two significant digits."""
    return f"{value:.2f}" if abs(value) >= _SMALL else f"{value:.2g}"


def rough(value: float) -> str:
    """A ratio for a headline: two significant digits."""
    return f"{float(f'{value:.2g}'):,.10g}"


def percent(share: float) -> str:
    """A share that someone chose, as exact as it is."""
    return f"{100 * share:g} %"


def at_most(share: float) -> str:
    """How far a ratio may be from 1: whole percent, below one tenths, rounded up; or a factor."""
    if share >= _MANIFOLD:
        return f"a factor of {number(1 + share)}"
    tenths = 10 if share < 0.01 else 1
    return f"{math.ceil(100 * share * tenths - _ROUNDING) / tenths:g} %"


def at_most_short(share: float) -> str:
    """The same for a narrow column: a factor of 3 is `x 3`."""
    return f"x {number(1 + share)}" if share >= _MANIFOLD else at_most(share)


def around(interval: "Interval | None") -> str:
    """A ratio and how far its interval reaches, as `0.62 ±4 %`; a wide one as `2.00 [0.50, 8.00]`.

    An interval is as far below its ratio as above by the same factor, so of a wide one `±` would
    mislead.
    """
    if interval is None:
        return MISSING
    width = interval.log_half_width
    if width is None:
        return times(interval.mean)
    share = math.expm1(width)
    return ratio(interval) if share >= _WIDE else f"{times(interval.mean)} ±{at_most(share)}"


def estimate(interval: "Interval | None") -> str:
    """A value with its interval's bounds."""
    return _with_bounds(interval, number)


def plus_minus(interval: "Interval") -> str:
    """A value and half of its interval's width, as `190 ± 15`; the value as exact as that.

    A width of less than 1 has one digit, a wider one two, without decimals.
    """
    half = interval.half_width
    if half is None:
        return number(interval.mean)
    digits = 0 if half == 0 else math.floor(math.log10(half))
    places = -digits if half < 1 else min(0, 1 - digits)
    value, width = (round(x, places) for x in (interval.mean, half))
    decimals = max(0, places)
    return f"{value:,.{decimals}f} ± {width:,.{decimals}f}"


def ratio(interval: "Interval | None") -> str:
    """A ratio with its interval's bounds."""
    return _with_bounds(interval, times)


def _with_bounds(interval: "Interval | None", text: Callable[[float], str]) -> str:
    if interval is None:
        return MISSING
    if interval.low is None or interval.high is None:
        return f"{text(interval.mean)} (one block)"
    return f"{text(interval.mean)} [{text(interval.low)}, {text(interval.high)}]"
