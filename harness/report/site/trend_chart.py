"""A measure over runs: a small panel per variant, in which runs stand in order of date."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.measures import Measure
from harness.report.site.trends import Trend
from harness.report.words import numbers

_COLUMNS = 3
_INK = "#33414d"
"""No variant's colour: each panel has one of them, and says which."""


def trend_chart(found: Sequence[Trend], measure: Measure) -> dict[str, Any]:
    """Estimates with their intervals. Each panel has an axis of its own, which begins at zero.
    A line joins only runs that can be compared.

    Args:
        found: of one condition.
        measure: one that their points have estimates of.
    """
    import altair as alt  # slow to import, and wanted by no other command

    rows = [
        {
            "variant": trend.variant,
            "run": point.number,
            "value": value.mean,
            "low": value.low,
            "high": value.high,
            "stretch": stretch,
        }
        for trend in found
        for point, stretch in zip(trend.points, trend.stretches, strict=True)
        if (value := point.estimates.get(measure)) is not None
    ]
    x = alt.X("run:O", title="run", axis=alt.Axis(labelAngle=0))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4))
    low = alt.Y("low:Q", title=None)
    base = alt.Chart()
    panels = alt.layer(
        base.mark_line(strokeWidth=1.5, color=_INK).encode(x=x, y=y, detail="stretch:N"),
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=3, color=_INK)
        .encode(x=x, y=low, y2="high:Q"),
        base.mark_point(size=60, filled=True, shape="diamond", color=_INK).encode(x=x, y=y),
        data=alt.InlineData(values=rows),
    ).properties(width=200, height=110)
    facet = alt.Facet(
        "variant:N",
        title=None,
        sort=[trend.variant for trend in found],
        header=alt.Header(labelLimit=220),
    )
    chart = panels.facet(facet=facet, columns=_COLUMNS).resolve_scale(y="independent")
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def alternative(found: Sequence[Trend], measure: Measure) -> str:
    """What the chart shows, for those who do not see it."""
    told = [
        f"{trend.variant} {', '.join(parts)}"
        for trend in found
        if (
            parts := [
                f"{numbers.number(value.mean)} in run {point.number}"
                for point in trend.points
                if (value := point.estimates.get(measure)) is not None
            ]
        )
    ]
    return f"{measure.heading}: {'; '.join(told)}. The table has the intervals."
