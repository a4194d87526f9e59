"""Charts: one row per variant, a mark for the estimate, a bar for its interval, a dot per block."""

import base64
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

from harness.analysis.measures import Measure
from harness.analysis.results import Comparison

PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D31", "#637939",
    "#6B6ECF", "#B5651D", "#7B4173", "#17807E",
)  # fmt: skip
"""Okabe and Ito (2008), told apart by colour-blind readers, then darker ones for more variants."""


def colours(variants: Sequence[str]) -> dict[str, str]:
    """One colour per variant, the same in every chart of a report."""
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(variants)}


def interval_chart(comparison: Comparison, variants: Sequence[str]) -> str:
    """A comparison of absolute values as SVG.

    The axis starts at zero: lengths from it may be compared.
    """
    rows = [
        {
            "variant": name,
            "value": estimate.mean,
            "low": estimate.mean if estimate.low is None else estimate.low,
            "high": estimate.mean if estimate.high is None else estimate.high,
        }
        for name in variants
        if (estimate := comparison.estimates.get(name)) is not None
    ]
    dots = [
        {"variant": name, "value": value}
        for name in variants
        for value in comparison.points.get(name, {}).values()
    ]
    shown = [row["variant"] for row in rows]
    axis = alt.X("value:Q", title=comparison.measure.title, scale=alt.Scale(zero=True))
    place = alt.Y("variant:N", sort=shown, title=None, axis=alt.Axis(labelLimit=240))
    palette = colours(variants)
    colour = alt.Color(
        "variant:N",
        scale=alt.Scale(domain=list(palette), range=list(palette.values())),
        legend=None,
    )
    blocks = alt.Chart(alt.Data(values=dots)).mark_point(size=18, opacity=0.45, filled=True)
    spans = alt.Chart(alt.Data(values=rows)).mark_rule(strokeWidth=3)
    marks = alt.Chart(alt.Data(values=rows)).mark_point(size=90, filled=True, shape="diamond")
    chart = alt.layer(
        blocks.encode(x=axis, y=place, color=colour),
        spans.encode(x=alt.X("low:Q"), x2="high:Q", y=place, color=colour),
        marks.encode(x="value:Q", y=place, color=colour),
    ).properties(width=420, height=alt.Step(30))
    return _svg(chart.to_dict())


def data_uri(svg: str) -> str:
    """An SVG as the source of an image, where it can run nothing."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def alternative(comparison: Comparison, shown: Sequence[str]) -> str:
    """What the chart shows, for those who do not see it."""
    parts = [
        f"{name} {estimate.mean:.4g}"
        for name in shown
        if (estimate := comparison.estimates.get(name)) is not None
    ]
    return f"{Measure(comparison.measure).title}: {', '.join(parts)}. The table below has intervals."


def _svg(spec: dict[str, Any]) -> str:
    rendered: str = vl_convert.vegalite_to_svg(spec)
    return rendered
