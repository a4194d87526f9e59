"""The small picture of a claim: what was measured against what was claimed.

A line per claimed range. The range is a band; each value is a mark with its interval. Ratios have
one logarithmic axis, amounts a linear one each. A template draws it, so that it follows the page's
colours; positions are in units of the picture.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from harness.analysis.judgements import Evidence, Judgement, Kind
from harness.report.words import numbers
from harness.report.words.claims import bounds, evidence_row, quantity

WIDTH = 280.0
_EDGE = 10.0
_HEIGHT = 44.0
_AXIS = 16.0
_ROOM = 0.06
"""Of the axis, left free at either end."""
_LEAST_DECADES = 0.3
"""A shorter logarithmic axis would show noise as large."""
_FAR = 1e9
"""The axis goes no further; two blocks may contradict each other by any factor."""
_TOLD = 3
"""Values that the text alternative tells one by one."""
_STEPS = (1.0, 2.0, 5.0)
_TICKS, _LEAST_TICKS = 5, 2
_UNITS = {
    Kind.RATIO: "\N{MULTIPLICATION SIGN}",
    Kind.MICROSECONDS: " µs",
    Kind.COUNT: "",
    Kind.MEMORY: " MiB",
    Kind.SHARE: "",
}


class ClaimMark(msgspec.Struct, frozen=True):
    """A value. low, high: of its interval; None of one block. holds: as in its evidence."""

    x: float
    low: float | None
    high: float | None
    holds: bool | None


class Tick(msgspec.Struct, frozen=True):
    """A mark of the axis with its text, which is aligned so that it stays within the picture."""

    x: float
    text: str
    anchor: str


class Strip(msgspec.Struct, frozen=True):
    """One claimed range with its values.

    y: of its upper edge. title: the range in words. low, high: where the band begins and ends.
    edges: of the band, where the claim names a bound. ticks: of the axis below it.
    """

    y: float
    title: str
    low: float
    high: float
    edges: tuple[float, ...]
    marks: tuple[ClaimMark, ...]
    ticks: tuple[Tick, ...]


class Picture(msgspec.Struct, frozen=True):
    """A picture, and what it shows in words."""

    width: float
    height: float
    strips: tuple[Strip, ...]
    alt: str


type _Range = tuple[Kind, str, float | None, float | None]
"""Kind, name of the measure, and bounds."""


def claim_picture(judgement: Judgement) -> Picture | None:
    """The picture of a claim; None where nothing was measured."""
    ranges: dict[_Range, list[Evidence]] = {}
    for item in judgement.evidence:
        if math.isfinite(item.value.mean):
            key = (item.subject.kind, quantity(item.subject), item.least, item.most)
            ranges.setdefault(key, []).append(item)
    if not ranges:
        return None
    ratios = [i for (kind, *_), items in ranges.items() if kind is Kind.RATIO for i in items]
    strips: list[Strip] = []
    y = 0.0
    for number, (of, items) in enumerate(ranges.items(), start=1):
        axis = _logarithmic(ratios) if of[0] is Kind.RATIO else _linear(items)
        following = list(ranges)[number:]
        shared = of[0] is Kind.RATIO and any(kind is Kind.RATIO for kind, *_ in following)
        strips.append(_strip(y, of, items, axis, ticks=not shared))
        y += _HEIGHT + (0 if shared else _AXIS)
    return Picture(WIDTH, y, tuple(strips), alternative(ranges))


class _Axis(msgspec.Struct, frozen=True):
    """From values to positions. scale: makes even steps of values; None where it has none."""

    scale: Callable[[float], float]
    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """A position; that of the edge for what lies beyond it."""
        share = (self.scale(value) - self.low) / (self.high - self.low)
        return round(_EDGE + (WIDTH - 2 * _EDGE) * min(1.0, max(0.0, share)), 1)


def _numbers(items: Iterable[Evidence]) -> list[float]:
    """Everything that an axis must show."""
    found = [
        number
        for i in items
        for number in (i.value.mean, i.value.low, i.value.high, i.least, i.most)
        if number is not None and math.isfinite(number)
    ]
    return sorted(max(-_FAR, min(_FAR, number)) for number in found)


def _log(value: float) -> float:
    return math.log10(value) if value > 0 else -math.inf


def _logarithmic(items: Sequence[Evidence]) -> _Axis:
    found = [max(value, 1 / _FAR) for value in _numbers(items) if value > 0] or [1.0]
    low, high = _log(found[0]), _log(found[-1])
    if high - low < _LEAST_DECADES:
        middle = (low + high) / 2
        low, high = middle - _LEAST_DECADES / 2, middle + _LEAST_DECADES / 2
    room = (high - low) * _ROOM
    low, high = low - room, high + room
    decades = range(math.floor(low), math.ceil(high) + 1)
    fine = [step * 10.0**decade for decade in decades for step in _STEPS]
    within = [[t for t in some if low <= _log(t) <= high] for some in (fine, fine[:: len(_STEPS)])]
    ticks = within[0] if len(within[0]) <= _TICKS else _thinned(within[1])
    if len(ticks) < _LEAST_TICKS:
        return _Axis(_log, low, high, _even(10.0**low, 10.0**high))
    return _Axis(_log, low, high, tuple(ticks))


def _linear(items: Sequence[Evidence]) -> _Axis:
    found = _numbers(items)
    low, high = min(0.0, found[0]), max(0.0, found[-1]) or 1.0
    room = (high - low) * _ROOM
    return _Axis(lambda value: value, low - (room if low else 0.0), high + room, _even(low, high))


def _even(low: float, high: float) -> tuple[float, ...]:
    """Round numbers in even steps, five at most."""
    size = 10.0 ** (math.floor(_log(high - low)) - 1)
    steps = (digit * size * power for power in (1, 10, 100) for digit in _STEPS)
    step = next(step for step in steps if (high - low) / step <= _TICKS - 1)
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(step * number for number in range(first, last + 1))


def _thinned(ticks: Sequence[float]) -> Sequence[float]:
    return ticks[:: math.ceil(len(ticks) / _TICKS)] if ticks else ticks


def _strip(y: float, of: _Range, items: Sequence[Evidence], axis: _Axis, *, ticks: bool) -> Strip:
    _, _, least, most = of
    edges = tuple(axis.at(bound) for bound in (least, most) if bound is not None)
    return Strip(
        y=y,
        title=_title(of),
        low=0.0 if least is None else axis.at(least),
        high=WIDTH if most is None else axis.at(most),
        edges=tuple(dict.fromkeys(edges)),
        marks=tuple(_mark(item, axis) for item in items),
        ticks=tuple(_tick(value, axis) for value in axis.ticks) if ticks else (),
    )


def _mark(item: Evidence, axis: _Axis) -> ClaimMark:
    low, high = item.value.low, item.value.high
    return ClaimMark(
        x=axis.at(item.value.mean),
        low=None if low is None else axis.at(low),
        high=None if high is None else axis.at(high),
        holds=item.holds,
    )


def _tick(value: float, axis: _Axis) -> Tick:
    x = axis.at(value)
    anchor = "start" if x < 2 * _EDGE else "end" if x > WIDTH - 2 * _EDGE else "middle"
    return Tick(x, f"{value:,.6g}", anchor)


def alternative(ranges: dict[_Range, list[Evidence]]) -> str:
    """What the picture shows, in words."""
    return " ".join(_told(of, items) for of, items in ranges.items())


def _title(of: _Range) -> str:
    kind, measure, least, most = of
    return f"{measure}: claimed {bounds(least, most)}{_UNITS[kind]}"


def _told(of: _Range, items: Sequence[Evidence]) -> str:
    if len(items) <= _TOLD:
        rows = [evidence_row(item) for item in items]
        values = "; ".join(f"{row['value']} {row['holds']}" for row in rows)
    else:
        means = sorted(item.value.mean for item in items)
        holding = sum(item.holds is True for item in items)
        failing = sum(item.holds is False for item in items)
        values = (
            f"{len(items)} values from {numbers.number(means[0])} to {numbers.number(means[-1])}, "
            f"{holding} hold, {failing} do not"
        )
    return f"{_title(of)}; measured {values}."
