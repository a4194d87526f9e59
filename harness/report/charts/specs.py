"""Chart specifications for the page's explorer: made here, filled with data in the page.

Each is a Vega-Lite specification that names its data (`rows`, `dots`); the page's script puts the
data in, and `plots` for the files beside it. Widths are those of their containers, so that a
phone shows them whole.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from harness.analysis.labels.trials import Standing
from harness.report.charts.intervals import GREYS

_HEIGHT_PER_ROW = 26
_TITLE, _HEADING = "{title}", "{heading}"
"""The script writes what the axis shows, and the measure's heading, in the place of these."""


@cache
def specifications() -> Mapping[str, dict[str, Any]]:
    """By name; see the page's script. They are slow to make, and nobody changes them."""
    return {
        "absolute": _absolute(),
        "ratio": _ratio(),
        "trials": _trials(),
        "latencies": _latencies(),
        "resources": _resources(),
    }


def filled(
    specification: dict[str, Any],
    datasets: Mapping[str, Sequence[Mapping[str, Any]]],
    explored: Mapping[str, Any],
    heading: str,
    width: int,
) -> dict[str, Any]:
    """A specification with its data, as the page's script fills it, for a file of its own.

    Args:
        specification: one of `specifications`.
        datasets: by the names that it has for them.
        explored: has the colour of each variant, and how its lines are dashed.
        heading: of what is measured.
        width: in pixels.
    """
    text = json.dumps(specification)
    for mark, value in (
        ('["{domain}"]', list(explored["colours"])),
        ('["{range}"]', list(explored["colours"].values())),
        ('["{dashes}"]', list(explored["dashes"].values())),
        (f'"{_TITLE}"', heading),
        (f'"{_HEADING}"', heading),
    ):
        text = text.replace(mark, json.dumps(value))
    made: dict[str, Any] = {**json.loads(text), "datasets": datasets, "width": width}
    if made["height"] == _HEIGHT_PER_ROW:
        made["height"] *= len({row["variant"] for row in datasets["rows"]})
    return made


def _absolute() -> dict[str, Any]:
    """From zero: lengths may be compared. A diamond, its interval, a tick per block.

    The order of rows is that of the first layer that has them, and some have no interval.
    """
    import altair as alt  # slow to import, and wanted by no other command

    rows, spans = alt.Chart(alt.NamedData("rows")), alt.Chart(alt.NamedData("spans"))
    place, colour = _place(), _colour()
    axis = alt.X("value:Q", title=_TITLE, scale=alt.Scale(zero=True))
    blocks = alt.Chart(alt.NamedData("dots")).mark_tick(size=13, thickness=1.5, color="#1a1c1e")
    return _spec(
        alt.layer(
            rows.mark_point(size=90, filled=True, shape="diamond", opacity=1).encode(
                x=axis, y=place, color=colour, tooltip=_TOLD
            ),
            spans.mark_rule(strokeWidth=3).encode(
                x=alt.X("low:Q"), x2="high:Q", y=place, color=colour, tooltip=_TOLD
            ),
            blocks.encode(x="value:Q", y=place, tooltip=["variant:N", "block:O", "value:Q"]),
        )
    )


def _ratio() -> dict[str, Any]:
    """On a logarithmic axis, where half and double are as far from one. The band is the noise."""
    import altair as alt

    rows, spans = alt.Chart(alt.NamedData("rows")), alt.Chart(alt.NamedData("spans"))
    place, colour = _place(), _colour()
    axis = alt.X("value:Q", title=_TITLE, scale=alt.Scale(type="log", nice=False, padding=24))
    band = alt.Chart(alt.NamedData("floor")).mark_rect(color="#8a94a0", opacity=0.25)
    one = alt.Chart(alt.NamedData("one")).mark_rule(color="#1a1c1e", strokeDash=[3, 3])
    return _spec(
        alt.layer(
            band.encode(x="low:Q", x2="high:Q"),
            one.encode(x="value:Q"),
            rows.mark_point(size=90, filled=True, shape="diamond", opacity=1).encode(
                x=axis, y=place, color=colour, tooltip=_TOLD
            ),
            spans.mark_rule(strokeWidth=3).encode(
                x=alt.X("low:Q"), x2="high:Q", y=place, color=colour, tooltip=_TOLD
            ),
        )
    )


def _trials() -> dict[str, Any]:
    """Every trial: those that count, those that bear a label of a disturbance, and the others."""
    import altair as alt

    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_point(size=70, filled=False, strokeWidth=2)
        .encode(
            x=alt.X("block:O", title="block", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=_HEADING, scale=alt.Scale(zero=False)),
            color=_colour(legend=True),
            shape=alt.Shape(
                "standing:N",
                title=None,
                scale=alt.Scale(
                    domain=[standing.value for standing in Standing],
                    range=["circle", "cross", "triangle-down"],
                ),
                legend=alt.Legend(orient="bottom", labelLimit=300),
            ),
            xOffset=alt.XOffset("variant:N", sort=None),
            tooltip=["variant:N", "block:O", "attempt:O", "value:Q", "standing:N", "labels:N"],
        )
    )
    return _spec(chart.properties(height=320))


_NINES: tuple[tuple[float, str], ...] = (
    (1, "0 %"), (2, "50 %"), (10, "90 %"), (100, "99 %"), (1_000, "99.9 %"), (10_000, "99.99 %"),
    (100_000, "99.999 %"),
)  # fmt: skip


def _latencies() -> dict[str, Any]:
    """A percentile plot as HdrHistogram draws it: every nine has as much room as the one before."""
    import altair as alt

    labels = " : ".join(f"datum.value == {at:g} ? '{text}'" for at, text in _NINES)
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(point=alt.OverlayMarkDef(size=25), strokeWidth=1.8)
        .encode(
            x=alt.X(
                "inverse:Q",
                title="percentile",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(values=[at for at, _ in _NINES], labelExpr=f"{labels} : ''"),
            ),
            y=alt.Y("value:Q", title="latency (ms)", scale=alt.Scale(type="log")),
            color=_colour(legend=True),
            strokeDash=alt.StrokeDash(
                "variant:N",
                title=None,
                scale=alt.Scale(domain=["{domain}"], range=["{dashes}"]),
                legend=_LEGEND,
            ),
            tooltip=["variant:N", "percentile:Q", "value:Q"],
        )
    )
    return _spec(chart.properties(height=320))


def _resources() -> dict[str, Any]:
    """Cores that each role used; bars from zero, side by side on one line."""
    import altair as alt

    roles = ["server", "PostgreSQL", "generator", "relay"]
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title="processors used", stack=True, scale=alt.Scale(zero=True)),
            y=_place(),
            color=alt.Color(
                "role:N",
                title=None,
                scale=alt.Scale(domain=roles, range=list(GREYS)),
                legend=alt.Legend(orient="bottom"),
            ),
            order=alt.Order("at:Q"),
            tooltip=["variant:N", "role:N", "value:Q", "limit:N"],
        )
    )
    return _spec(chart)


_LEGEND = {"orient": "bottom", "columns": 1, "labelLimit": 300}
"""Of one field's colours and dashes together, which must be alike for that."""
_TOLD = ["variant:N", "value:Q", "low:Q", "high:Q"]


def _place() -> Any:
    import altair as alt

    axis = alt.Axis(labelLimit=240, labelFontSize=12)
    return alt.Y("variant:N", sort=None, title=None, axis=axis)


def _colour(*, legend: bool = False) -> Any:
    """By variant; the script names the variants and their colours."""
    import altair as alt

    return alt.Color(
        "variant:N",
        title=None,
        scale=alt.Scale(domain=["{domain}"], range=["{range}"]),
        legend=_LEGEND if legend else None,
    )


def _spec(chart: Any) -> dict[str, Any]:
    made: dict[str, Any] = (
        chart.properties(width="container").configure_view(stroke=None).to_dict(validate=True)
    )
    made["autosize"] = {"type": "fit-x", "contains": "padding"}
    if "height" not in made:
        made["height"] = _HEIGHT_PER_ROW  # the script multiplies it by the number of rows
    return made
