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
_LEVEL, _UP, _DOWN = "#5B6167", "#D55E00", "#009E73"
_WIDTH = 560


def waterfall_chart(fall: Fall) -> Spec:
    """Bars from the first variant to the last; each begins where the one above it ends."""
    rows = _bars(fall)
    order = [row["step"] for row in rows]
    step = nominal("step", sort=order, title=None, axis={"labelLimit": 330, "labelFontSize": 12})
    kinds = nominal(
        "kind",
        scale={"domain": ["level", "more", "less"], "range": [_LEVEL, _UP, _DOWN]},
        legend=None,
    )
    begin = quantitative("from", title=_UNIT, axis=LARGE_AXIS)
    span = {"type": "rule", "strokeWidth": 2, "color": INK}
    text = {"type": "text", "align": "left", "dx": 6, "fontSize": 11}
    return as_file(
        {
            "layer": [
                layer(
                    "rows", {"type": "bar", "height": 16},
                    x=begin, x2={"field": "to"}, y=step, color=kinds,
                ),
                layer("rows", span, x=quantitative("low"), x2={"field": "high"}, y=step),
                layer("rows", text, x=quantitative("end"), y=step, text=nominal("text")),
            ]
        },
        {"rows": rows},
        width=_WIDTH,
        height={"step": 30},
    )  # fmt: skip


def _bars(fall: Fall) -> list[dict[str, Any]]:
    rows = [_bar(fall.first, "level", 0.0, fall.start)]
    reached = fall.start.mean
    for step in fall.steps:
        kind = "more" if step.added.mean >= 0 else "less"
        rows.append(_bar(f"→ {step.variant}", kind, reached, step.added))
        reached += step.added.mean
    return [*rows, _bar(fall.steps[-1].variant, "level", 0.0, fall.end)]


def _bar(step: str, kind: str, begin: float, size: Interval) -> dict[str, Any]:
    low = size.mean if size.low is None else size.low
    high = size.mean if size.high is None else size.high
    sign = "" if kind == "level" else "+" if size.mean >= 0 else "-"
    return {
        "step": step,
        "kind": kind,
        "from": begin,
        "to": begin + size.mean,
        "low": begin + low,
        "high": begin + high,
        "end": begin + max(size.mean, high, 0.0),
        "text": f"{sign}{abs(size.mean):,.0f}",
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
