"""Charts of causes: a waterfall, an interaction, a cost by number of hops."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.causes.slopes import Slope
from harness.analysis.causes.squares import Interaction
from harness.analysis.causes.waterfalls import Fall
from harness.analysis.stats.intervals import Interval
from harness.report.charts.specification import (
    DIAMOND,
    GREYS,
    INK,
    LARGE_AXIS,
    LEGEND,
    Spec,
    as_file,
    colour_of,
    layer,
    nominal,
    quantitative,
)

_UNIT = "server CPU per request (µs)"
_COST = quantitative("value", title=_UNIT, scale={"zero": True})
_LEVEL, _UP, _DOWN = "#5B6167", "#D55E00", "#0072B2"
_NOT_SHOWN = "#9aa3ab"
_ROW = 38
"""Pixels: a line for the name and one for the bar."""
_BAR_LINE = 9
"""Pixels below the middle of the row."""
_FOR_VALUES = 74
"""Pixels at the right that values may need beyond the last bar."""


def waterfall_chart(fall: Fall, causes: Sequence[str], width: int) -> Spec:
    """Bars from the first variant to the last; each begins where the one above it ends.

    Args:
        fall: the waterfall.
        causes: what each step adds, as nouns.
        width: of the picture in pixels.
    """
    rows = _bars(fall, causes)
    row = nominal("at", sort=None, title=None, axis=None)
    kinds = nominal(
        "kind",
        scale={
            "domain": ["level", "more", "less", "not shown"],
            "range": [_LEVEL, _UP, _DOWN, _NOT_SHOWN],
        },
        legend=None,
    )
    room = {"zero": True, "nice": False, "range": [0, {"expr": f"width - {_FOR_VALUES}"}]}
    axis = {"tickCount": 6, "gridColor": "#e3e6e9", **LARGE_AXIS}
    begin = quantitative("from", title=_UNIT, axis=axis, scale=room)
    shift = {"yOffset": _BAR_LINE}
    span = {"type": "rule", "strokeWidth": 2, "color": INK, **shift}
    name = {"type": "text", "align": "left", "x": 0, "dy": -8, "fontSize": 13, "fontWeight": 600}
    beside = {"type": "text", "align": "left", "dx": 7, "dy": _BAR_LINE, "fontSize": 13}
    return as_file(
        {
            "layer": [
                layer("rows", {"type": "bar", "height": 14, **shift},
                      x=begin, x2={"field": "to"}, y=row, color=kinds),
                layer("rows", span, x=quantitative("low"), x2={"field": "high"}, y=row),
                layer("rows", name, y=row, text=nominal("name")),
                layer("rows", beside, x=quantitative("end"), y=row, text=nominal("text")),
            ]
        },
        {"rows": rows},
        width=width,
        height={"step": _ROW},
    )  # fmt: skip


def _bars(fall: Fall, causes: Sequence[str]) -> list[dict[str, Any]]:
    rows = [_bar(fall.first, "level", 0.0, fall.start)]
    reached = fall.start.mean
    for step, cause in zip(fall.steps, causes, strict=True):
        kind = "more" if step.added.mean >= 0 else "less"
        rows.append(
            _bar(f"+ {cause}", "not shown" if step.called is False else kind, reached, step.added)
        )
        reached += step.added.mean
    rows.append(_bar(f"= {fall.steps[-1].variant}", "level", 0.0, fall.end))
    return [row | {"at": at} for at, row in enumerate(rows)]


def _bar(name: str, kind: str, begin: float, size: Interval) -> dict[str, Any]:
    low = size.mean if size.low is None else size.low
    high = size.mean if size.high is None else size.high
    sign = "" if kind == "level" else "+" if size.mean >= 0 else "\N{MINUS SIGN}"
    unclear = ", not shown" if kind == "not shown" else ""
    return {
        "name": name,
        "kind": kind,
        "from": begin,
        "to": begin + size.mean,
        "low": begin + low,
        "high": begin + high,
        "end": begin + max(size.mean, high, 0.0),
        "text": f"{sign}{abs(size.mean):,.0f} µs{unclear}",
    }


def interaction_chart(interaction: Interaction) -> Spec:
    """A line per value of one factor over the values of the other; parallel if effects add."""
    rows = [
        _point(corner.level) | {"row": corner.row, "column": corner.column}
        for corner in interaction.corners
    ]
    columns = list(dict.fromkeys(row["column"] for row in rows))
    colour = nominal(
        "column",
        title=interaction.columns,
        scale={"domain": columns, "range": list(GREYS[: len(columns)])},
        legend={"orient": "bottom"},
    )
    x = nominal("row", title=interaction.rows, sort=None, axis={"labelAngle": 0})
    line = layer("rows", {"type": "line", "strokeWidth": 2}, x=x, y=_COST, color=colour)
    return as_file({"layer": [line, *_estimates(x, colour)]}, {"rows": rows}, width=300, height=240)


def slope_chart(families: Sequence[Slope], palette: Mapping[str, str]) -> Spec:
    """Cost by number of extra hops: a line per family through the mean of its points."""
    rows = [
        _point(level) | {"hops": hops, "family": family.base}
        for family in families
        for hops, level in family.levels.items()
    ]
    lines = [row for family in families for row in _line(family)]
    colour = colour_of("family", {family.base: palette[family.base] for family in families}, LEGEND)
    x = quantitative("hops", title="extra empty hops per request", axis={"tickMinStep": 1})
    line = layer("lines", {"type": "line"}, x=x, y=_COST, color=colour)
    return as_file(
        {"layer": [line, *_estimates(x, colour)]},
        {"rows": rows, "lines": lines},
        width=340,
        height=240,
    )


def _estimates(x: Spec, colour: Spec) -> list[Spec]:
    """A diamond per row, with its interval."""
    bar, diamond = {"type": "rule", "strokeWidth": 3}, {**DIAMOND, "size": 80}
    return [
        layer("rows", bar, x=x, y=quantitative("low"), y2={"field": "high"}, color=colour),
        layer("rows", diamond, x=x, y=_COST, color=colour),
    ]


def _line(family: Slope) -> list[dict[str, Any]]:
    """Without the first hop, if it has a price of its own: the line shows the price in the text."""
    steep = family.per_hop if family.further is None else family.further
    levels: Mapping[int, Interval] = {
        k: level for k, level in family.levels.items() if k or family.further is None
    }
    middle = sum(levels) / len(levels)
    mean = sum(level.mean for level in levels.values()) / len(levels)
    return [
        {"hops": k, "value": mean + steep.mean * (k - middle), "family": family.base}
        for k in (min(levels), max(levels))
    ]


def _point(level: Interval) -> dict[str, Any]:
    return {
        "value": level.mean,
        "low": level.mean if level.low is None else level.low,
        "high": level.mean if level.high is None else level.high,
    }
