"""Charts: a row per variant, a mark for the estimate, a bar for its interval, a tick per block.

Here they are specified (Vega-Lite); see `drawing` for how they are drawn.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.variants import Comparison

PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D31", "#637939",
    "#6B6ECF", "#B5651D", "#7B4173", "#17807E",
)  # fmt: skip
"""Okabe and Ito (2008), told apart by colour-blind readers, then darker ones for more variants."""


GREYS = ("#2F3B47", "#76828E", "#A3ABB2", "#C9D0D6")
"""For roles and for values of a factor, which must not be taken for a variant."""
_DASHES = [[1, 0], [6, 3], [2, 2], [9, 3, 2, 3]]
_ROOM = 1.15
"""The axis's end, as a multiple of the farthest block."""


def colours(variants: Sequence[str]) -> dict[str, str]:
    """One colour per variant, the same in every chart of a report."""
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(variants)}


def dashes(variants: Sequence[str]) -> dict[str, list[int]]:
    """How each one's lines are dashed, which tells apart those that share a colour."""
    return {name: _DASHES[at // len(PALETTE) % len(_DASHES)] for at, name in enumerate(variants)}


def interval_chart(
    comparison: Comparison, variants: Sequence[str], palette: Mapping[str, str]
) -> dict[str, Any]:
    """A comparison of absolute values.

    The axis starts at zero: lengths from it may be compared. It ends a little beyond the farthest
    block, so that one wide interval does not press all others together; such an interval is cut at
    the edge, where an arrow says so, and the table has its bounds. One block has no interval.
    """
    import altair as alt  # slow to import, and wanted by no other command

    shown = [name for name in variants if name in comparison.estimates]
    rows, dots = _rows(comparison, shown), _dots(comparison, variants)
    longest = _ROOM * max((dot["value"] for dot in dots), default=1.0)
    spans = [row for row in rows if row["high"] is not None]
    cut = [{**row, "edge": longest} for row in spans if row["high"] > longest]
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
    chart = alt.layer(
        _over(spans).mark_rule(strokeWidth=3, clip=True).encode(
            x=alt.X("low:Q"), x2="high:Q", y=place, color=colour
        ),
        _over(cut).mark_point(size=70, filled=True, shape="triangle-right").encode(
            x="edge:Q", y=place, color=colour
        ),
        _over(rows).mark_point(size=90, filled=True, shape="diamond").encode(
            x=axis, y=place, color=colour
        ),
        _over(dots).mark_tick(size=14, thickness=1.5, color="#1a1c1e").encode(x="value:Q", y=place),
    ).properties(width=340, height=alt.Step(30))  # fmt: skip
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def _over(values: Sequence[Mapping[str, Any]]) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=list(values)))


def _rows(comparison: Comparison, shown: Sequence[str]) -> list[dict[str, Any]]:
    """Estimates with bounds, which are None where one block tells no interval."""
    found = [(name, comparison.estimates[name]) for name in shown]
    return [{"variant": name, "value": e.mean, "low": e.low, "high": e.high} for name, e in found]


def _dots(comparison: Comparison, variants: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"variant": name, "value": value}
        for name in variants
        for value in comparison.points.get(name, {}).values()
    ]


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
