"""Latency against load: for every variant a line through the rates at which it was measured."""

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import Label
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.inputs import conditions
from harness.inputs.study import Condition
from harness.report.charts.specification import (
    DIAMOND,
    LEGEND,
    Spec,
    as_file,
    colour_of,
    colours,
    dash_of,
    dashes,
    layer,
    quantitative,
)
from harness.report.drawing.figures import Figures
from harness.report.words import numbers

_SHOWN = (Measure.P50, Measure.P99)
_NOT_AS_OFFERED = frozenset({Label.OVERLOADED, Label.GENERATOR_BOUND})
_HOLLOW = "; hollow where most trials were overloaded, or not loaded as they should have been"
_LEAST_POINTS = 2
"""A curve needs more than one rate."""


def curve_figures(
    analysis: Analysis, variants: Sequence[str], figures: Figures
) -> list[dict[str, Any]]:
    """A chart per percentile for each endpoint with open loops at two rates or more.

    Args:
        analysis: of a run.
        variants: whose lines are drawn, in the order of their colours.
        figures: where the charts are kept.

    Returns:
        Title, image and alternative text of each.
    """
    groups: dict[Condition, list[ConditionResult]] = {}
    for result in analysis.conditions:
        condition = result.condition
        if condition.share is not None or condition.rate is not None:
            alike = msgspec.structs.replace(condition, rate=None, share=None, group=None)
            groups.setdefault(alike, []).append(result)
    return [
        _chart(alike, results, measure, variants, figures)
        for alike, results in groups.items()
        if len(results) >= _LEAST_POINTS
        for measure in _SHOWN
    ]


def _chart(
    alike: Condition,
    results: Sequence[ConditionResult],
    measure: Measure,
    variants: Sequence[str],
    figures: Figures,
) -> dict[str, Any]:
    points = [
        _point(result, name, rate, latency)
        for result in results
        for name in variants
        if (rate := result.comparisons[Measure.THROUGHPUT].estimates.get(name)) is not None
        and (latency := result.comparisons[measure].estimates.get(name)) is not None
    ]
    return figures.add(
        f"curve-{alike.name}-{measure.value}",
        f"{_title(alike)}: {measure.heading}, by load"
        f"{'' if all(point['offered'] for point in points) else _HOLLOW}",
        _specification(points, measure, variants),
        _alternative(points),
    )


def _title(alike: Condition) -> str:
    """An open loop without its rate, which the axis has."""
    return (
        f"{alike.endpoint}, {alike.arrivals} arrivals, "
        f"{conditions.connections(alike.connections)} at most, {alike.rows:,} rows"
        f"{conditions.added(alike)}"
    )


def _point(result: ConditionResult, name: str, rate: Interval, latency: Interval) -> dict[str, Any]:
    """offered: whether most of its trials were given the rate that they should."""
    failed = [f.trials for f in result.findings[name] if f.label in _NOT_AS_OFFERED]
    return {
        "offered": max(failed, default=0) * 2 <= result.trials[name],
        "variant": name,
        "rate": rate.mean,
        "latency": latency.mean,
        "low": latency.low,
        "high": latency.high,
    }


def _specification(
    points: Sequence[dict[str, Any]], measure: Measure, variants: Sequence[str]
) -> Spec:
    """Latency on a logarithmic axis, because it grows without bound near capacity."""
    channels = {
        "x": quantitative("rate", title="responses per second", scale={"zero": True}),
        "y": quantitative("latency", title=measure.heading, scale={"type": "log"}),
        "color": colour_of("variant", colours(variants), LEGEND),
    }
    bounds = {"y": quantitative("low"), "y2": {"field": "high"}}
    dash = dash_of("variant", dashes(variants), LEGEND)
    return as_file(
        {
            "layer": [
                layer("points", {"type": "line"}, **channels, strokeDash=dash),
                layer("spans", {"type": "rule", "strokeWidth": 2}, **(channels | bounds)),
                layer("offered", {**DIAMOND, "size": 70}, **channels),
                layer("others", {**DIAMOND, "size": 70, "filled": False}, **channels),
            ]
        },
        {
            "points": points,
            "spans": [point for point in points if point["low"] is not None],
            "offered": [point for point in points if point["offered"]],
            "others": [point for point in points if not point["offered"]],
        },
        width=340,
        height=240,
    )


def _alternative(points: list[dict[str, Any]]) -> str:
    """The chart's content as text; the chart's title names the measure."""
    values = [
        f"{p['variant']} {numbers.number(p['latency'])} at {numbers.number(p['rate'])} per second"
        f"{'' if p['offered'] else ' (not as offered)'}"
        for p in sorted(points, key=lambda p: (p["variant"], p["rate"]))
    ]
    return f"{', '.join(values)}."
