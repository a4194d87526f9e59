"""Lines with bands along one quantity, each with its name at its end and marked crossings."""

import math
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from harness.report.charts.labels import Slot, in_lines, spread, width_of
from harness.report.charts.scales import Form, Scale, along, form_of
from harness.report.charts.specification import INK, Spec, as_file, layer, quantitative

MOST_NAMED = 12
"""Of more lines, the others are grey and have no name."""
_GREY = "#a3abb2"
_SOFT = "#5c6670"
_ROOM = 1.08
"""An axis goes on beyond the last value by this factor."""
_REACH = 4.0
"""A band is cut where it is so many times as far from zero as every estimate."""
_SPAN = 14.0
"""Pixels between the plot and its labels; a thin line leads from one to the other."""
_MARGIN = 10.0
"""Pixels between the plot's sides and the first and last value."""
_BAND, _BANDS = 0.16, 0.7
"""Opacity of one band, and of all bands together, which may lie upon each other."""
_MOST_TICKS = 8
_NUMBER = ",.10~g"
_NEAR = 34.0
"""Marks that are nearer to each other, in pixels, are one."""
_ASIDE = 110.0
"""A mark that is nearer to the left side has its label at its right."""
_ZERO = 22.0
"""Pixels below the least value of a logarithmic axis, where zero stands."""


class Point(msgspec.Struct, frozen=True):
    """A value of a line.

    y: None where nothing was answered; the mark is hollow then, and stands at `Axes.edge`.
    low, high: of the 95 % interval, if there is one.
    hollow: whether it is to be read with care.
    """

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    hollow: bool = False


class Curve(msgspec.Struct, frozen=True):
    """What is drawn for a variant, ascending.

    note: beneath its name.
    """

    name: str
    colour: str
    points: tuple[Point, ...]
    note: str = ""


class Mark(msgspec.Struct, frozen=True):
    """A place where two lines cross, and its label."""

    x: float
    y: float
    label: str


class Axes(msgspec.Struct, frozen=True):
    """What the axes say.

    shares: whether x is a share, told in percent.
    measured: whether ticks stand at the values of x themselves, if these are few.
    answerless_high: where a point without an answer stands: at the upper edge (costs and
        latencies, of which less is better), or at zero.
    """

    x: str
    y: str
    shares: bool = False
    measured: bool = True
    answerless_high: bool = False


class Size(msgspec.Struct, frozen=True):
    """Of a picture, in pixels, and of its text.

    letters, lines: of a name at most, and how many lines it may take.
    """

    width: float
    height: float
    font: float
    letters: int
    lines: int


WIDE = Size(width=960, height=250, font=13, letters=42, lines=1)
NARROW = Size(width=360, height=300, font=12, letters=15, lines=3)
"""For a phone of 390 pixels."""
_TALLEST = 440.0
"""Pixels that names may take in height; of more, each has fewer lines."""
_LEFT = 52.0
"""Pixels that the labels of the vertical axis take."""


def line_chart(
    lines: Sequence[Curve],
    axes: Axes,
    size: Size = WIDE,
    marks: Sequence[Mark] = (),
    captions: Sequence[str] = (),
) -> Spec:
    """A chart of these lines; a logarithmic axis where values span more than a decade.

    Args:
        lines: those that are named come first; see `MOST_NAMED`.
        axes, size: its titles and its dimensions.
        marks: crossings.
        captions: sentences below it.
    """
    named = [line for line in lines[:MOST_NAMED] if line.points]
    step = size.font * 1.2
    fitting = int(_TALLEST / (step * max(len(named), 1)))
    texts = [_label(line, size, max(1, min(size.lines, fitting))) for line in named]
    label_width = max((width_of(text, size.font) for t in texts for text, _ in t), default=0.0)
    height = max(size.height, step * sum(len(text) for text in texts) + step)
    x = along(
        [p.x for line in lines for p in line.points],
        size.width - _LEFT - _SPAN - label_width,
        _MARGIN,
    )
    zeroed = not axes.answerless_high and any(p.y is None for line in lines for p in line.points)
    y = _vertical([p for line in lines for p in line.points], height, zeroed=zeroed)
    plot = _Plot(x, y, axes, x.end + _MARGIN, height, zeroed)
    kept = _merged(marks, plot)
    return as_file(
        {
            "title": {
                "text": axes.y, "anchor": "start", "frame": "group", "offset": 8,
                "fontSize": size.font, "fontWeight": "normal", "color": INK,
            },
            "layer": [
                *_drawn(plot, size, lines),
                *_named(size),
                *([_captions(size)] if captions else []),
            ],
            "config": {"view": {"stroke": None}, "axis": {"gridColor": "#e4e7ea"}},
        },
        {
            "bands": _bands(lines, plot),
            "lines": _points(lines, plot),
            "filled": [row for row in _points(lines, plot) if not row["hollow"]],
            "hollow": [row for row in _points(lines, plot) if row["hollow"]],
            "marks": [msgspec.structs.asdict(mark) for mark in kept],
            "labels_left": [msgspec.structs.asdict(m) for m in kept if plot.x.at(m.x) >= _ASIDE],
            "labels_right": [msgspec.structs.asdict(m) for m in kept if plot.x.at(m.x) < _ASIDE],
            "names": _names(named, texts, plot, step),
            "leads": _leads(named, texts, plot, step),
            "captions": _caption_rows(captions, plot, size),
        },
        width=plot.width,
        height=height,
    )  # fmt: skip


class _Plot(msgspec.Struct, frozen=True):
    """The inner part of a chart.

    zeroed: whether a point stands at zero.
    edge: the height at which what has no answer stands.
    """

    x: Scale
    y: Scale
    axes: Axes
    width: float
    height: float
    zeroed: bool

    @property
    def zero(self) -> float | None:
        """Where zero stands on a logarithmic axis; None if it has none."""
        return self.y.low if self.y.form is Form.LOG and self.zeroed else None

    @property
    def edge(self) -> float:
        return self.y.high if self.axes.answerless_high else self.y.low

    def at(self, point: Point) -> float:
        return self.edge if point.y is None else point.y


def _vertical(points: Sequence[Point], height: float, *, zeroed: bool) -> Scale:
    """From zero, or logarithmic; below its least value there is room for a zero if one is drawn."""
    values = [p.y for p in points if p.y is not None and p.y > 0] or [1.0]
    least, most = min(values), max(values)
    low = min([least, *(p.low for p in points if p.low)])
    high = max([most, *(p.high for p in points if p.high)])
    low, high = max(low, least / _REACH) / _ROOM, min(high, most * _REACH) * _ROOM
    if form_of(values) is Form.LINEAR:
        return Scale(Form.LINEAR, 0.0, high, height, 0.0)
    if zeroed:
        low /= (high / low) ** (_ZERO / (height - _ZERO))
    return Scale(Form.LOG, low, high, height, 0.0)


def _label(line: Curve, size: Size, lines: int) -> list[tuple[str, str]]:
    """Lines of text, each with its colour."""
    name = [(text, INK) for text in in_lines(line.name, size.letters, lines)]
    notes = [text for part in line.note.split("; ") for text in textwrap.wrap(part, size.letters)]
    return name + [(text, _SOFT) for text in notes]


def _bands(lines: Sequence[Curve], plot: _Plot) -> list[dict[str, Any]]:
    low, high = sorted((plot.y.low, plot.y.high))
    return [
        {"x": p.x, "low": max(p.low, low), "high": min(p.high, high)} | _look(line, at)
        for at, line in enumerate(lines[:MOST_NAMED])
        for p in line.points
        if p.low is not None and p.high is not None
    ]


def _points(lines: Sequence[Curve], plot: _Plot) -> list[dict[str, Any]]:
    return [
        {"x": p.x, "y": plot.at(p), "hollow": p.hollow or p.y is None} | _look(line, at)
        for at, line in enumerate(lines)
        for p in line.points
    ]


def _look(line: Curve, at: int) -> dict[str, Any]:
    return {"name": line.name, "colour": line.colour if at < MOST_NAMED else _GREY}


def _drawn(plot: _Plot, size: Size, lines: Sequence[Curve]) -> list[Spec]:
    ticks = _ticks_x(plot, sorted({p.x for line in lines for p in line.points}))
    text = {"labelFontSize": size.font, "titleFontSize": size.font, "titleFontWeight": "normal"}
    at_x = quantitative("x", title=plot.axes.x, scale=_ranged(plot.x), axis=text | ticks)
    at_y = quantitative("y", title=None, scale=plot.y.vega, axis=text | _ticks_y(plot))
    colour = {"field": "colour", "type": "nominal", "scale": None}
    each = {"field": "name", "type": "nominal"}
    area = {"type": "area", "opacity": min(_BAND, _BANDS / len(lines))}
    stroke = {"type": "line", "strokeWidth": 2}
    band = {"y": {**at_y, "field": "low"}, "y2": {"field": "high"}}
    dot = {"type": "point", "size": 45, "strokeWidth": 2, "opacity": 1}
    ring = {
        "type": "point", "shape": "circle", "size": 170, "color": INK, "strokeWidth": 1.5,
        "opacity": 1,
    }  # fmt: skip
    return [
        layer("bands", area, x=at_x, **band, color=colour, detail=each),
        layer("lines", stroke, x=at_x, y=at_y, color=colour, detail=each),
        layer("filled", {**dot, "filled": True}, x=at_x, y=at_y, color=colour),
        layer("hollow", {**dot, "fill": "white"}, x=at_x, y=at_y, color=colour),
        layer("marks", ring, x=at_x, y=at_y),
        *(
            layer(f"labels_{side}", text, x=at_x, y=at_y, text={"field": "label"})
            for side in ("left", "right")
            for text in _beside(side, size)
        ),
    ]  # fmt: skip


def _beside(side: str, size: Size) -> list[Spec]:
    """A label of a mark, on a white rim."""
    text = {
        "type": "text", "align": "right" if side == "left" else "left", "baseline": "bottom",
        "dx": -9 if side == "left" else 9, "dy": -7, "fontSize": size.font, "opacity": 1,
    }  # fmt: skip
    return [{**text, "stroke": "white", "strokeWidth": 4}, {**text, "color": INK}]


def _merged(marks: Sequence[Mark], plot: _Plot) -> list[Mark]:
    """Marks with one label at one place are one, and nearer ones share a place."""
    found: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: mark.x):
        if not any(_distance(mark, other, plot) < _NEAR for other in found):
            found.append(mark)
    return found


def _distance(one: Mark, other: Mark, plot: _Plot) -> float:
    across = plot.x.at(one.x) - plot.x.at(other.x)
    return math.hypot(across, plot.y.at(one.y) - plot.y.at(other.y))


def _ranged(scale: Scale) -> dict[str, Any]:
    return scale.vega | {"range": [scale.start, scale.end]}


def _ticks_x(plot: _Plot, values: Sequence[float]) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "grid": False, "labelOverlap": "greedy", "labelSeparation": 6,
        "format": "~%" if plot.axes.shares else _NUMBER, "tickCount": 5,
        "labelFlush": False,
    }  # fmt: skip
    if plot.axes.measured and len(values) <= _MOST_TICKS:
        return axis | {"values": list(values)}
    return axis | ({"values": plot.x.ticks} if plot.x.form is Form.LOG else {})


def _ticks_y(plot: _Plot) -> dict[str, Any]:
    axis: dict[str, Any] = {"format": _NUMBER, "domain": False, "ticks": False}
    if plot.y.form is Form.LINEAR:
        return axis | {"tickCount": 5}
    if plot.zero is None:
        return axis | {"values": plot.y.ticks}
    ticks = [value for value in plot.y.ticks if plot.y.at(value) < plot.height - _ZERO / 2]
    label = f"datum.value < {plot.zero * _ROOM!r} ? '0' : datum.label"
    return axis | {"values": [plot.zero, *ticks], "labelExpr": label}


def _named(size: Size) -> list[Spec]:
    """Names and the thin lines that lead to them; both stand at pixels."""
    pixels = {"type": "quantitative", "scale": None}
    text = {"type": "text", "align": "left", "baseline": "middle", "fontSize": size.font}
    return [
        layer(
            "leads", {"type": "rule", "strokeWidth": 1, "opacity": 0.8},
            x={"field": "x", **pixels}, y={"field": "y", **pixels},
            x2={"field": "x2"}, y2={"field": "y2"},
            color={"field": "colour", "type": "nominal", "scale": None},
        ),
        layer(
            "names", text, x={"field": "x", **pixels}, y={"field": "y", **pixels},
            text={"field": "text"}, color={"field": "ink", "type": "nominal", "scale": None},
        ),
    ]  # fmt: skip


def _slots(
    named: Sequence[Curve], texts: Sequence[Sequence[tuple[str, str]]], plot: _Plot, step: float
) -> list[float]:
    wishes = [plot.y.at(plot.at(line.points[-1])) for line in named]
    slots = [Slot(wish, step * len(text)) for wish, text in zip(wishes, texts, strict=True)]
    return spread(slots, -step / 2, plot.height + step)


def _names(
    named: Sequence[Curve], texts: Sequence[Sequence[tuple[str, str]]], plot: _Plot, step: float
) -> list[dict[str, Any]]:
    return [
        {
            "x": plot.width + _SPAN, "text": part, "ink": ink,
            "y": middle + step * (at - (len(text) - 1) / 2),
        }
        for text, middle in zip(texts, _slots(named, texts, plot, step), strict=True)
        for at, (part, ink) in enumerate(text)
    ]  # fmt: skip


def _leads(
    named: Sequence[Curve], texts: Sequence[Sequence[tuple[str, str]]], plot: _Plot, step: float
) -> list[dict[str, Any]]:
    return [
        {
            "x": plot.x.at(line.points[-1].x) + 5, "y": plot.y.at(plot.at(line.points[-1])),
            "x2": plot.width + _SPAN - 3, "y2": middle, "colour": line.colour,
        }
        for line, middle in zip(named, _slots(named, texts, plot, step), strict=True)
    ]  # fmt: skip


def _captions(size: Size) -> Spec:
    pixels = {"type": "quantitative", "scale": None}
    text = {"type": "text", "align": "left", "baseline": "top", "fontSize": size.font}
    return layer(
        "captions", {**text, "color": INK},
        x={"value": -_LEFT + 6}, y={"field": "y", **pixels}, text={"field": "text"},
    )  # fmt: skip


def _caption_rows(captions: Sequence[str], plot: _Plot, size: Size) -> list[dict[str, Any]]:
    letters = int(size.width / width_of("x", size.font))
    parts = [part for text in captions for part in textwrap.wrap(text, letters)]
    first = plot.height + 4.4 * size.font
    return [{"y": first + 1.25 * size.font * at, "text": part} for at, part in enumerate(parts)]


def crossing_of(lines: Sequence[Curve], one: Curve, other: Curve) -> list[tuple[float, float]]:
    """The places where two lines cross as they are drawn, ascending.

    Args:
        lines: all that are drawn; they decide the form of the axes.
        one, other: that may cross.
    """
    points = [point for line in lines for point in line.points]
    across = along([point.x for point in points], 1.0, 0.0)
    up = _vertical(points, 2 * _ZERO, zeroed=False)
    theirs = {point.x: point.y for point in other.points if point.y is not None}
    shared = [
        (across.spread(p.x), up.spread(p.y), up.spread(theirs[p.x]))
        for p in one.points
        if p.y is not None and p.x in theirs
    ]
    found = []
    for (left, first, low), (right, last, high) in pairwise(shared):
        before, after = first - low, last - high
        if before * after <= 0 and before != after:
            share = before / (before - after)
            at = left + share * (right - left), first + share * (last - first)
            found.append((across.gathered(at[0]), up.gathered(at[1])))
    return found
