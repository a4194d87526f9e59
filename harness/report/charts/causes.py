"""Charts of causes: a waterfall, an interaction, a cost by number of hops."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.causes.slopes import Slope
from harness.analysis.causes.squares import Interaction
from harness.analysis.causes.waterfalls import Fall
from harness.analysis.stats.intervals import Interval
from harness.report.charts.intervals import GREYS

_UNIT = "server CPU per request (µs)"
_LEVEL, _UP, _DOWN = "#5B6167", "#D55E00", "#009E73"
_WIDTH = 560


def waterfall_chart(fall: Fall) -> dict[str, Any]:
    """Bars from the first variant to the last: each begins where the one above it ends."""
    import altair as alt  # slow to import, and wanted by no other command

    rows = _bars(fall)
    order = [row["step"] for row in rows]
    place = alt.Y("step:N", sort=order, title=None, axis=alt.Axis(labelLimit=330, labelFontSize=12))
    kinds = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["level", "more", "less"], range=[_LEVEL, _UP, _DOWN]),
        legend=None,
    )
    base = alt.Chart(alt.InlineData(values=rows))
    axis = alt.X("from:Q", title=_UNIT, axis=alt.Axis(labelFontSize=12, titleFontSize=12))
    bars = base.mark_bar(height=16).encode(x=axis, x2="to:Q", y=place, color=kinds)
    spans = base.mark_rule(strokeWidth=2, color="#1a1c1e").encode(x="low:Q", x2="high:Q", y=place)
    texts = base.mark_text(align="left", dx=6, fontSize=11).encode(
        x="end:Q", y=place, text="text:N"
    )
    chart = alt.layer(bars, spans, texts).properties(width=_WIDTH, height=alt.Step(30))
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


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


def interaction_chart(found: Interaction) -> dict[str, Any]:
    """A line per value of one factor over the values of the other: parallel where effects add."""
    import altair as alt  # slow to import, and wanted by no other command

    rows = [
        _point(corner.level) | {"row": corner.row, "column": corner.column}
        for corner in found.corners
    ]
    columns = list(dict.fromkeys(row["column"] for row in rows))
    colour = alt.Color(
        "column:N",
        title=found.columns,
        scale=alt.Scale(domain=columns, range=list(GREYS[: len(columns)])),
        legend=alt.Legend(orient="bottom"),
    )
    x = alt.X("row:N", title=found.rows, sort=None, axis=alt.Axis(labelAngle=0))
    y = alt.Y("value:Q", title=_UNIT, scale=alt.Scale(zero=True))
    base = alt.Chart(alt.InlineData(values=rows))
    chart = alt.layer(
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour),
        base.mark_rule(strokeWidth=3).encode(x=x, y="low:Q", y2="high:Q", color=colour),
        base.mark_point(size=80, filled=True, shape="diamond").encode(x=x, y=y, color=colour),
    ).properties(width=300, height=240)
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def slope_chart(families: Sequence[Slope], palette: Mapping[str, str]) -> dict[str, Any]:
    """Cost by number of extra hops, a line per family, through the mean of its points."""
    import altair as alt  # slow to import, and wanted by no other command

    rows = [
        _point(level) | {"hops": hops, "family": family.base}
        for family in families
        for hops, level in family.levels.items()
    ]
    lines = [row for family in families for row in _line(family)]
    names = [family.base for family in families]
    colour = alt.Color(
        "family:N",
        title=None,
        scale=alt.Scale(domain=names, range=[palette[name] for name in names]),
        legend=alt.Legend(orient="bottom", columns=1, labelLimit=300),
    )
    x = alt.X("hops:Q", title="extra empty hops per request", axis=alt.Axis(tickMinStep=1))
    y = alt.Y("value:Q", title=_UNIT, scale=alt.Scale(zero=True))
    base = alt.Chart(alt.InlineData(values=rows))
    chart = alt.layer(
        alt.Chart(alt.InlineData(values=lines)).mark_line().encode(x=x, y=y, color=colour),
        base.mark_rule(strokeWidth=3).encode(x=x, y="low:Q", y2="high:Q", color=colour),
        base.mark_point(size=80, filled=True, shape="diamond").encode(x=x, y=y, color=colour),
    ).properties(width=340, height=240)
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def _line(family: Slope) -> list[dict[str, Any]]:
    """From the first hop on, where that has a price of its own: what is drawn is what is told."""
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
