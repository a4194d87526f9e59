"""Successes per second while Locust's users come: a panel per added latency, a line per setup."""

from collections.abc import Sequence

from harness.analysis.locust import PEAK_S, Cell, Ramps
from harness.report.charts.specification import (
    Spec,
    as_file,
    colour_of,
    colours,
    dash_of,
    nominal,
    quantitative,
)
from harness.report.words import numbers


def ramp_chart(ramps: Ramps, setups: Sequence[str], endpoint: str) -> Spec:
    """Means over five seconds; failures are dashed.

    Each panel has its own axis, because added latency changes rates by two orders of magnitude.
    """
    rows = [
        {"second": at, "rate": rate, "setup": cell.setup, "kind": kind, "added": _added(cell)}
        for cell in ramps.cells
        if cell.condition.endpoint == endpoint
        for kind, series in (("succeeded", cell.series), ("failed", cell.failed))
        if kind == "succeeded" or any(series)
        for at, rate in _smooth(series)
    ]
    panels = list(dict.fromkeys(_added(cell) for cell in ramps.cells))
    kinds = {"succeeded": [1, 0], "failed": [4, 3]}
    channels = {
        "x": quantitative("second", title="seconds since the first user"),
        "y": quantitative("rate", title="per second", scale={"zero": True}),
        "color": colour_of("setup", colours(setups), {"orient": "bottom", "labelLimit": 400}),
        "strokeDash": dash_of("kind", kinds, {"orient": "bottom"}),
    }
    return as_file(
        {
            "data": {"name": "rows"},
            "facet": {"column": nominal("added", title=None, sort=panels)},
            "spec": {
                "mark": {"type": "line", "strokeWidth": 1.5},
                "encoding": channels,
                "width": 230,
                "height": 170,
            },
            "resolve": {"scale": {"y": "independent"}},
        },
        {"rows": rows},
    )


def alternative(ramps: Ramps, endpoint: str) -> str:
    """The chart's content as text."""
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
