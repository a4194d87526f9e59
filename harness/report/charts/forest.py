"""A forest plot: ratios with intervals, a row each, beside the band of no difference.

A row says at its end what it shows, so the chart needs no legend and no table beside it. There are
two layouts, for a desk and for a phone.
"""

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import median
from typing import Any

import msgspec

from harness.report.charts.specification import (
    INK,
    Spec,
    as_file,
    layer,
    nominal,
    quantitative,
)


class Tone(StrEnum):
    """What a row's verdict is for the reader; each has a colour and a shape."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    OPEN = "open"
    """Undecided, without a verdict, or without a figure."""


class ForestRow(msgspec.Struct, frozen=True):
    """One ratio.

    label: names it, at the row's begin.
    group: rows of one group stand below its heading; no heading if it is empty.
    ratio: above 0; None for a row without a figure, which then has its label and `told` alone.
    low, high: bounds of the interval; None without one, as of a single block.
    told: figure and verdict in a few words, at the row's end.
    brief: the same in 25 characters or so, for a phone; `told` if empty.
    """

    label: str
    group: str
    ratio: float | None
    low: float | None
    high: float | None
    tone: Tone
    told: str
    brief: str = ""


class ForestAxis(msgspec.Struct, frozen=True):
    """What the ratios are, and which of them are no difference.

    title: of the axis, e.g. `B / A: CPU per request`.
    less, more: what ratios below and above 1 mean, e.g. `B is faster`; not shown if empty.
    band: ratios up to 1 + band, and down to 1 / (1 + band), are the same for practice; no band if
        0.
    band_label: names the band.
    """

    title: str
    less: str = ""
    more: str = ""
    band: float = 0.0
    band_label: str = ""


class _Layout(msgspec.Struct, frozen=True):
    """Pixels. inline: whether a row's texts stand beside its interval, and not above it."""

    width: int
    row: int
    heading: int
    label: int
    told: int
    inline: bool


_DESK = _Layout(width=560, row=20, heading=24, label=260, told=300, inline=True)
_DENSE = _Layout(width=560, row=17, heading=21, label=260, told=300, inline=True)
_ROOMY = 16
"""Rows of a desk's chart up to which they are roomy; more stand closer, to fit on a screen."""
_PHONE = _Layout(width=350, row=36, heading=26, label=190, told=160, inline=False)
_LONG_LABELS = {
    False: msgspec.structs.replace(_DESK, label=430, told=130),
    True: msgspec.structs.replace(_PHONE, label=280, told=70),
}
"""For rows that sentences name, whose verdicts are short; by whether it is a phone."""
_COLOURS = {
    Tone.BETTER: "#0072B2",
    Tone.WORSE: "#B34700",
    Tone.SAME: "#525C66",
    Tone.OPEN: INK,
}
"""Blue and vermilion are told apart by colour-blind readers (Okabe and Ito 2008). Vermilion is
darker here, because texts have it too (contrast 4.5 and more on white)."""
_LINE = "#E3E6E9"
_BAND = "#DDE2E7"
_HALF_WIDTHS = 2.0
"""The axis goes on for so many typical half-widths beyond the furthest ratio. An interval that is
wider than that ends in an arrow, so it does not squeeze all others."""
_LEAST_BANDS = 1.6
"""The axis shows the band and a little more."""
_LEAST = math.log(1.02)
"""The axis goes so far from 1 at least, either way."""
_MOST_TICKS = {True: 9, False: 6}
"""By whether texts stand inline: a phone has less room."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
_FACTORS = (2.0, 5.0, 10.0, 100.0, 1000.0)


def forest_chart(
    rows: Sequence[ForestRow], axis: ForestAxis, *, phone: bool = False, long_labels: bool = False
) -> Spec:
    """The chart with its data, on a logarithmic axis: half and double are equally far from 1.

    Args:
        rows: in their order; one or more. Those of a group follow each other.
        axis: what they show.
        phone: texts stand above the intervals, and the chart is as wide as a phone.
        long_labels: labels have more room, and what rows tell has less.
    """
    layout = _PHONE if phone else _DESK if len(rows) <= _ROOMY else _DENSE
    if long_labels:
        layout = _LONG_LABELS[phone]
    low, high = _domain(rows, axis.band)
    placed, headings, height = _placed(rows, layout, low, high)
    figures = [row for row in placed if row["ratio"] is not None]
    spans = [row for row in figures if row["low"] is not None]
    datasets = {
        "rows": placed,
        "figures": figures,
        "spans": spans,
        "arrows": _arrows(spans, low, high),
        "headings": headings,
        "one": [{"ratio": 1}],
        "band": _band(axis, low, high),
    }
    scale = {"type": "log", "domain": [low, high], "nice": False}
    x = quantitative(
        "ratio",
        scale=scale,
        axis={
            "values": _ticks(low, high, _MOST_TICKS[layout.inline]),
            "format": "~g",
            "title": _title(axis, phone=phone),
            "grid": False,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titleColor": INK,
            "labelColor": INK,
        },
    )
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return as_file(
        {
            "layer": [
                layer(
                    "band",
                    {"type": "rect", "color": _BAND},
                    x=quantitative("low", scale=scale),
                    x2={"field": "high"},
                ),
                layer("rows", {"type": "rule", "color": _LINE}, y=_down("line", height)),
                layer("one", {"type": "rule", "color": INK, "strokeDash": [3, 3]}, x=x),
                *_intervals(colour, height),
                *_texts(layout, colour, height),
                layer(
                    "band",
                    {"type": "text", "y": -7, "fontSize": 11, "color": "#4A545D"},
                    x=quantitative("middle"),
                    text=nominal("label"),
                ),
            ],
            "config": {"view": {"stroke": None}, "font": "sans-serif"},
            "background": "#ffffff",
        },
        datasets,
        width=layout.width,
        height=height,
    )


def _arrows(spans: Sequence[Spec], low: float, high: float) -> list[Spec]:
    """Where intervals go on beyond the axis."""
    return [
        {**row, "edge": edge, "shape": shape}
        for row in spans
        for cut, edge, shape in (
            (row["cut_low"], low, "triangle-left"),
            (row["cut_high"], high, "triangle-right"),
        )
        if cut
    ]


def _intervals(colour: Spec, height: int) -> list[Spec]:
    """The intervals, their arrows, and the estimates on them."""
    y = _down("y", height)
    return [
        layer(
            "spans",
            {"type": "rule", "strokeWidth": 2.5},
            x=quantitative("low"),
            x2={"field": "high"},
            y=y,
            color=colour,
        ),
        layer(
            "arrows",
            {"type": "point", "filled": True, "size": 60, "opacity": 1},
            x=quantitative("edge"),
            y=y,
            color=colour,
            shape={"field": "shape", "type": "nominal", "scale": None},
        ),
        layer(
            "figures",
            {"type": "point", "size": 70, "opacity": 1, "strokeWidth": 1.8},
            x=quantitative("ratio"),
            y=y,
            stroke=colour,
            fill={"field": "fill", "type": "nominal", "scale": None},
            shape={"field": "shape", "type": "nominal", "scale": None},
        ),
    ]


def _down(field: str, height: int) -> Spec:
    """A place in pixels from the top."""
    scale = {"domain": [height, 0], "nice": False, "zero": False}
    return quantitative(field, scale=scale, axis=None)


def _texts(layout: _Layout, colour: Spec, height: int) -> list[Spec]:
    """Labels, verdicts and headings: left and right of the plot, or over it on a phone."""
    left = {"value": -10 if layout.inline else 0}
    right = {"value": layout.width + 14 if layout.inline else layout.width}
    start: Spec = {"type": "text", "fontSize": 12, "baseline": "middle", "color": INK}
    label: Spec = {**start, "align": "right" if layout.inline else "left", "limit": layout.label}
    told: Spec = {"align": "left" if layout.inline else "right", "limit": layout.told}
    heading_x = {"value": -10 - layout.label if layout.inline else 0}
    heading: Spec = {**start, "align": "left", "fontWeight": "bold", "limit": layout.label + 340}
    y = _down("text_y", height)
    return [
        layer("rows", label, x=left, y=y, text=nominal("label")),
        layer("rows", {**start, **told}, x=right, y=y, text=nominal("told"), color=colour),
        layer("headings", heading, x=heading_x, y=y, text=nominal("group")),
    ]


def _placed(
    rows: Sequence[ForestRow], layout: _Layout, low: float, high: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Rows and headings with their places in pixels from the top, and the chart's height."""
    placed: list[dict[str, Any]] = []
    headings: list[dict[str, Any]] = []
    at, group = 0, ""
    for row in rows:
        if row.group != group:
            group = row.group
            headings.append({"group": group, "text_y": at + layout.heading / 2 + 2})
            at += layout.heading
        middle = at + layout.row / 2
        placed.append(
            {
                **_bounds(row, low, high),
                "label": row.label,
                "told": row.told if layout.inline else row.brief or row.told,
                "colour": _COLOURS[row.tone],
                "fill": "#ffffff" if row.tone is Tone.OPEN else _COLOURS[row.tone],
                "shape": "circle" if row.tone in (Tone.SAME, Tone.OPEN) else "diamond",
                "y": middle if layout.inline else at + layout.row - 10,
                "text_y": middle if layout.inline else at + 10,
                "line": at + layout.row,
            }
        )
        at += layout.row
    return placed, headings, at


def _bounds(row: ForestRow, low: float, high: float) -> dict[str, Any]:
    """The ratio and its interval within the axis, and at which ends it goes on."""
    known = row.ratio is not None and row.low is not None and row.high is not None
    if not known:
        return {"ratio": row.ratio, "low": None, "high": None}
    assert row.low is not None
    assert row.high is not None
    return {
        "ratio": row.ratio,
        "low": max(row.low, low),
        "high": min(row.high, high),
        "cut_low": row.low < low,
        "cut_high": row.high > high,
    }


def _domain(rows: Sequence[ForestRow], band: float) -> tuple[float, float]:
    """Holds every ratio, the band, and every interval that is not far wider than most."""
    logs = [math.log(row.ratio) for row in rows if row.ratio is not None]
    ends = [
        (math.log(row.low), math.log(row.high))
        for row in rows
        if row.ratio is not None and row.low is not None and row.high is not None and row.low > 0
    ]
    beyond = _HALF_WIDTHS * median((high - low) / 2 for low, high in ends) if ends else 0.0
    least = max(_LEAST, _LEAST_BANDS * math.log1p(band))
    below = max(min([low for low, _ in ends], default=0.0), min(logs, default=0.0) - beyond)
    above = min(max([high for _, high in ends], default=0.0), max(logs, default=0.0) + beyond)
    below, above = min(below, *logs, -least), max(above, *logs, least)
    room = 0.03 * (above - below)
    return math.exp(below - room), math.exp(above + room)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round ratios of the axis, 1 among them: multiples of a step, or factors where it is wide."""
    for step in _STEPS:
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first < most and high / low < 3:
            return [round(step * number, 2) for number in range(first, last + 1)]
    for factor in _FACTORS:
        found = [
            tick
            for decade in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
            for tick in _of_decade(decade, factor)
            if low <= tick <= high
        ]
        if len(found) <= most:
            return found
    return [1.0]


def _of_decade(decade: int, factor: float) -> Iterable[float]:
    if factor == 2.0:
        digits: tuple[int, ...] = (1, 2, 5)
    elif factor == 5.0:
        digits = (1, 5)
    else:
        digits = (1,) if decade % round(math.log10(factor)) == 0 else ()
    return (float(f"{digit}e{decade}") for digit in digits)


def _band(axis: ForestAxis, low: float, high: float) -> list[dict[str, Any]]:
    if not axis.band:
        return []
    edges = max(1 / (1 + axis.band), low), min(1 + axis.band, high)
    return [{"low": edges[0], "high": edges[1], "middle": 1, "label": axis.band_label}]


def _title(axis: ForestAxis, *, phone: bool) -> str | list[str]:
    """The axis between what its two directions mean; on a phone in two lines."""
    less = f"← {axis.less}" if axis.less else ""
    more = f"{axis.more} →" if axis.more else ""
    if phone:
        sides = _APART.join(filter(None, (less, more)))
        return [axis.title, *([sides] if sides else [])]
    return _APART.join(filter(None, (less, axis.title, more)))


_APART = "\N{EM SPACE}" * 3
"""Browsers would join plain spaces."""
_MOST_NAMED = 8
"""Rows that a text alternative names."""


def forest_alternative(rows: Sequence[ForestRow], axis: ForestAxis) -> str:
    """The chart's content as text: how many rows are of each kind, and the clearest of them."""
    differing = [row for row in rows if row.tone in (Tone.BETTER, Tone.WORSE)]
    same = sum(row.tone is Tone.SAME for row in rows)
    still_open = len(rows) - len(differing) - same
    named = [_named(row) for row in differing[:_MOST_NAMED]]
    more = len(differing) - len(named)
    parts = [
        f"{axis.title}, {len(rows)} row{'' if len(rows) == 1 else 's'}.",
        f"Different: {'; '.join(named)}{f'; and {more} more' if more else ''}." if named else "",
        f"No difference: {same}." if same else "",
        f"Open: {still_open}." if still_open else "",
    ]
    return " ".join(filter(None, parts))


def _named(row: ForestRow) -> str:
    where = f" ({row.group})" if row.group else ""
    return f"{row.label}{where} {row.told}"
