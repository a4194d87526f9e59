"""Charts: a row per variant, a mark for the estimate, a bar for its interval, a tick per block."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.ratios import Comparison

PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D31", "#637939",
    "#6B6ECF", "#B5651D", "#7B4173", "#17807E",
)  # fmt: skip
"""Okabe and Ito (2008), told apart by colour-blind readers, then darker ones for more variants."""


_ROOM = 1.15
"""The axis's end, as a multiple of the farthest block."""


def colours(variants: Sequence[str]) -> dict[str, str]:
    """One colour per variant, the same in every chart of a report."""
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(variants)}


def interval_chart(
    comparison: Comparison, variants: Sequence[str], palette: Mapping[str, str]
) -> str:
    """A comparison of absolute values as SVG.

    The axis starts at zero: lengths from it may be compared. It ends a little beyond the farthest
    block, so that one wide interval does not press all others together; such an interval is cut at
    the edge, and the table has its bounds.
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
    shown = [name for name in variants if name in comparison.estimates]
    import altair as alt  # slow to import, and wanted by no other command

    longest = _ROOM * max((v for p in comparison.points.values() for v in p.values()), default=1.0)
    axis = alt.X(
        "value:Q",
        title=comparison.measure.heading,
        scale=alt.Scale(domain=[0, longest], nice=False),
        axis=alt.Axis(tickCount=5, labelFontSize=12, titleFontSize=12),
    )
    place = alt.Y(
        "variant:N", sort=shown, title=None, axis=alt.Axis(labelLimit=260, labelFontSize=12)
    )
    colour = alt.Color(
        "variant:N",
        scale=alt.Scale(domain=list(palette), range=list(palette.values())),
        legend=None,
    )
    blocks = alt.Chart(alt.InlineData(values=dots)).mark_tick(
        size=14, thickness=1.5, color="#1a1c1e"
    )
    spans = alt.Chart(alt.InlineData(values=rows)).mark_rule(strokeWidth=3, clip=True)
    marks = alt.Chart(alt.InlineData(values=rows)).mark_point(size=90, filled=True, shape="diamond")
    chart = alt.layer(
        spans.encode(x=alt.X("low:Q"), x2="high:Q", y=place, color=colour),
        marks.encode(x=axis, y=place, color=colour),
        blocks.encode(x="value:Q", y=place),
    ).properties(width=340, height=alt.Step(30))
    return svg_of(chart.to_dict())


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
    return f"{comparison.measure.heading}: {', '.join(parts)}. The table below has intervals."


def svg_of(spec: dict[str, Any]) -> str:
    """A Vega-Lite specification, drawn."""
    import vl_convert

    rendered: str = vl_convert.vegalite_to_svg(spec)
    return rendered
