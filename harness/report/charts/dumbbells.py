"""Dumbbells: for each row a published ratio and a measured one, on a logarithmic axis."""

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.report.charts.labels import in_lines, width_of
from harness.report.charts.scales import Form, Scale
from harness.report.charts.specification import (
    INK,
    PALETTE,
    Rows,
    Spec,
    as_file,
    layer,
    quantitative,
)

_PUBLISHED = PALETTE[1]
_MEASURED = PALETTE[0]
_ROOM = 1.3
"""An axis goes on beyond the last ratio by this factor."""
_LEAST_SPAN = 2.0
"""It reaches from 1 at least so far to both sides, as a factor."""
_REACH = 10.0
"""An interval is cut where it goes on so many times beyond every ratio."""
_GAP = 12.0
"""Pixels between the plot and the texts at its sides."""


class Dumbbell(msgspec.Struct, frozen=True):
    """A row.

    label: names it. group: rows of one group stand below its heading.
    published, measured: ratios; None without one.
    low, high: of the measured one's interval, where there is one.
    told: both in a few characters, at the row's end.
    """

    label: str
    group: str
    published: float | None
    measured: float | None
    told: str
    low: float | None = None
    high: float | None = None


class DumbbellSize(msgspec.Struct, frozen=True):
    """Of a picture, in pixels, and of its text."""

    width: float
    row: float
    font: float


WIDE = DumbbellSize(width=960, row=17, font=13)
NARROW = DumbbellSize(width=360, row=19, font=12)
"""For a phone of 390 pixels."""


class _Placed(msgspec.Struct, frozen=True):
    """Where everything stands, in pixels: rows, headings' lines, and the words above a row.

    heights: of rows, in their order. words: the height of the words above the first full row.
    """

    x: Scale
    left: float
    right: float
    heights: tuple[float, ...]
    headings: tuple[tuple[float, str], ...]
    words: float | None
    height: float


def dumbbell_chart(
    rows: Sequence[Dumbbell], title: str, even: str, size: DumbbellSize = WIDE
) -> Spec:
    """A chart of these rows.

    Args:
        rows: by group, in order.
        title: what the ratios are, below the axis.
        even: what a ratio of 1 means, above its line.
        size: its dimensions.
    """
    place = _placed(rows, size)
    x, ends = place.x, (0.0, place.x.end)
    both = list(zip(rows, place.heights, strict=True))
    texts = [
        *({"x": -_GAP, "y": y, "text": row.label, "side": "right"} for row, y in both),
        *({"x": ends[1] + _GAP, "y": y, "text": row.told, "side": "left"} for row, y in both),
        *(
            {"x": _GAP - place.left, "y": y, "text": text, "side": "bold"}
            for y, text in place.headings
        ),
        *_words(rows, place, size),
        _even(even, place, size),
    ]
    return as_file(
        {
            "layer": [*_marks(place, title, size), *_texts(size, texts)],
            "config": {"view": {"stroke": None}, "axis": {"gridColor": "#e4e7ea"}},
        },
        {
            "rails": [{"y": y, "x": ends[0], "x2": ends[1]} for y in place.heights],
            "one": [{"value": 1.0}],
            "bars": [
                {"y": y, "low": row.published, "high": row.measured}
                for row, y in both
                if row.published and row.measured
            ],
            "spans": [
                {"y": y, "low": max(row.low, x.low), "high": min(row.high, x.high)}
                for row, y in both
                if row.low is not None and row.high is not None
            ],
            "published": [{"y": y, "value": row.published} for row, y in both if row.published],
            "measured": [{"y": y, "value": row.measured} for row, y in both if row.measured],
            "texts": texts,
        },
        width=x.end,
        height=place.height,
    )  # fmt: skip


def _placed(rows: Sequence[Dumbbell], size: DumbbellSize) -> _Placed:
    left = max(width_of(row.label, size.font) for row in rows) + 2 * _GAP
    right = max(width_of(row.told, size.font) for row in rows) + _GAP
    plot = max(size.width - left - right, size.width / 3)
    letters = int((left + plot) / width_of("x", size.font))
    heights: list[float] = []
    headings: list[tuple[float, str]] = []
    y, words, group = size.row * 1.6, None, ""
    for row in rows:
        if row.group != group:
            group = row.group
            y += size.row * (0.4 if heights else 0.0)
            for line in in_lines(group, letters, 2):
                headings.append((y, line))
                y += size.row
        if words is None and row.published and row.measured:
            words, y = y, y + size.row
        heights.append(y)
        y += size.row
    return _Placed(
        _across(rows, plot), left, right, tuple(heights), tuple(headings), words, y - size.row / 2
    )


def _across(rows: Sequence[Dumbbell], width: float) -> Scale:
    """From the least to the highest ratio, and some way to both sides of 1."""
    ratios = [ratio for row in rows for ratio in (row.published, row.measured) if ratio] or [1.0]
    bounds = [bound for row in rows for bound in (row.low, row.high) if bound]
    low = max(min([*ratios, *bounds]), min(ratios) / _REACH) / _ROOM
    high = min(max([*ratios, *bounds]), max(ratios) * _REACH) * _ROOM
    return Scale(Form.LOG, min(low, 1 / _LEAST_SPAN), max(high, _LEAST_SPAN), 0.0, width)


def _words(rows: Sequence[Dumbbell], place: _Placed, size: DumbbellSize) -> list[dict[str, Any]]:
    """The words for both dots, above those of the first row that has both."""
    if place.words is None:
        return []
    row = next(row for row in rows if row.published and row.measured)
    assert row.published
    assert row.measured
    ends = place.x.at(row.published), place.x.at(row.measured)
    words = sorted(zip(ends, ("published", "measured"), strict=True))
    (low, first), (high, last) = words
    least, most = _GAP - place.left, place.x.end + place.right
    low = max(low + 5, least + width_of(first, size.font))
    high = max(min(high - 5, most - width_of(last, size.font)), low + 8)
    return [
        {"x": low, "y": place.words, "text": first, "side": f"{first} right"},
        {"x": high, "y": place.words, "text": last, "side": f"{last} left"},
    ]


def _even(text: str, place: _Placed, size: DumbbellSize) -> dict[str, Any]:
    half = width_of(text, size.font) / 2
    least, most = half - place.left, place.x.end + place.right - half
    at = max(least, min(place.x.at(1.0), most))
    return {"x": at, "y": size.row * 0.4, "text": text, "side": "middle"}


def _marks(place: _Placed, title: str, size: DumbbellSize) -> list[Spec]:
    axis = {
        "values": place.x.ticks, "format": ",.10~g", "labelFontSize": size.font,
        "titleFontSize": size.font, "titleFontWeight": "normal", "labelFlush": False,
        "labelOverlap": "greedy",
    }  # fmt: skip
    scale = place.x.vega | {"range": [place.x.start, place.x.end]}
    value = quantitative("value", title=title, scale=scale, axis=axis)
    span = {"x": {**value, "field": "low"}, "x2": {"field": "high"}}
    y = quantitative("y", scale=None, title=None, axis=None)
    one = {"type": "rule", "color": INK, "strokeDash": [3, 3]}
    rail, bar = {"type": "rule", "color": "#eef0f2"}, {"type": "rule", "strokeWidth": 3}
    dot = {"type": "point", "size": 70, "strokeWidth": 2, "opacity": 1}
    return [
        layer("rails", rail, x=quantitative("x", scale=None), x2={"field": "x2"}, y=y),
        layer("one", one, x=value, y={"value": size.row}, y2={"value": place.height}),
        layer("bars", {**bar, "color": "#b9c0c7"}, **span, y=y),
        layer("spans", {**bar, "strokeWidth": 1.5, "color": _MEASURED}, **span, y=y),
        layer("published", {**dot, "fill": "white", "color": _PUBLISHED}, x=value, y=y),
        layer("measured", {**dot, "filled": True, "color": _MEASURED}, x=value, y=y),
    ]


_SIDES: dict[str, Spec] = {
    "left": {"align": "left"},
    "right": {"align": "right"},
    "middle": {"align": "center"},
    "bold": {"align": "left", "fontWeight": "bold"},
    "published left": {"align": "left", "color": _PUBLISHED},
    "published right": {"align": "right", "color": _PUBLISHED},
    "measured left": {"align": "left", "color": _MEASURED},
    "measured right": {"align": "right", "color": _MEASURED},
}


def _texts(size: DumbbellSize, texts: Rows) -> list[Spec]:
    """A layer for each kind of text; all stand at pixels."""
    text = {"type": "text", "baseline": "middle", "fontSize": size.font, "color": INK}
    pixels = {"x": quantitative("x", scale=None), "y": quantitative("y", scale=None)}
    rim = {"stroke": "white", "strokeWidth": 4}
    return [
        layer("texts", {**text, **_SIDES[side], **more}, **pixels, text={"field": "text"})
        | {"transform": [{"filter": {"field": "side", "equal": side}}]}
        for side in sorted({row["side"] for row in texts})
        for more in (rim, {})
    ]
