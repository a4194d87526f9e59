"""Successes per second while Locust's users come: a panel per added latency, a line per setup."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.locust.cells import Cell
from harness.analysis.locust.rates import PEAK_S
from harness.analysis.locust.summary import Ramps
from harness.report.charts.intervals import colours
from harness.report.words import numbers


def ramp_chart(ramps: Ramps, setups: Sequence[str], endpoint: str) -> dict[str, Any]:
    """Lines are means over five seconds, dashed ones failures; each panel has its own axis,
    because added latency changes rates by two orders of magnitude."""
    import altair as alt  # slow to import, and wanted by no other command

    rows = [
        {"second": at, "rate": rate, "setup": cell.setup, "kind": kind, "added": _added(cell)}
        for cell in ramps.cells
        if cell.condition.endpoint == endpoint
        for kind, series in (("succeeded", cell.series), ("failed", cell.failed))
        if kind == "succeeded" or any(series)
        for at, rate in _smooth(series)
    ]
    panels = list(dict.fromkeys(_added(cell) for cell in ramps.cells))
    palette = colours(setups)
    base = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=1.5)
    chart = (
        base.encode(
            x=alt.X("second:Q", title="seconds since the first user"),
            y=alt.Y("rate:Q", title="per second", scale=alt.Scale(zero=True)),
            color=alt.Color(
                "setup:N",
                scale=alt.Scale(domain=list(palette), range=list(palette.values())),
                legend=alt.Legend(title=None, orient="bottom", labelLimit=400),
            ),
            strokeDash=alt.StrokeDash(
                "kind:N",
                scale=alt.Scale(domain=["succeeded", "failed"], range=[[1, 0], [4, 3]]),
                legend=alt.Legend(title=None, orient="bottom"),
            ),
        )
        .properties(width=230, height=170)
        .facet(column=alt.Column("added:N", title=None, sort=panels))
        .resolve_scale(y="independent")
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def alternative(ramps: Ramps, endpoint: str) -> str:
    """What the chart shows, for those who do not see it."""
    parts = [
        f"{cell.setup} at {_added(cell)} {numbers.number(cell.highest_per_s)}"
        for cell in ramps.cells
        if cell.condition.endpoint == endpoint and cell.highest_per_s is not None
    ]
    return f"{endpoint}, most successes per second over {PEAK_S} s: {', '.join(parts)}."


_STEP_S = 5


def _smooth(series: Sequence[int]) -> list[tuple[float, float]]:
    return [
        (start + _STEP_S / 2, sum(part) / _STEP_S)
        for start in range(0, len(series) - _STEP_S + 1, _STEP_S)
        if (part := series[start : start + _STEP_S])
    ]


def _added(cell: Cell) -> str:
    latency = cell.condition.latency
    if latency is None:
        return "0 ms"
    return f"{latency.database_ms:g} ms database, {latency.client_ms:g} ms client"
