"""Latency against load: for every variant a line through the rates at which it was measured."""

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import Label
from harness.analysis.measures import Measure
from harness.inputs import conditions
from harness.inputs.study import Condition
from harness.report.charts.lines import Axes, Curve, Point, line_chart
from harness.report.charts.specification import colours
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
    palette = colours(variants)
    curves = [
        Curve(name, palette[name], points)
        for name in variants
        if (points := _points(results, name, measure))
    ]
    offered = not any(point.hollow for curve in curves for point in curve.points)
    axes = Axes(x="responses per second", y=measure.heading, measured=False)
    return figures.add(
        f"curve-{alike.name}-{measure.value}",
        f"{_title(alike)}: {measure.heading}, by load{'' if offered else _HOLLOW}",
        line_chart(curves, axes),
        _alternative(curves),
        wide=True,
    )


def _title(alike: Condition) -> str:
    """An open loop without its rate, which the axis has."""
    return (
        f"{alike.endpoint}, {alike.arrivals} arrivals, "
        f"{conditions.connections(alike.connections)} at most, {alike.rows:,} rows"
        f"{conditions.added(alike)}"
    )


def _points(results: Sequence[ConditionResult], name: str, measure: Measure) -> tuple[Point, ...]:
    """By the rate that was reached. Hollow: most trials were not given the rate they should."""
    found = [
        Point(rate.mean, latency.mean, latency.low, latency.high, hollow=not _offered(result, name))
        for result in results
        if (rate := result.comparisons[Measure.THROUGHPUT].estimates.get(name)) is not None
        and (latency := result.comparisons[measure].estimates.get(name)) is not None
    ]
    return tuple(sorted(found, key=lambda point: point.x))


def _offered(result: ConditionResult, name: str) -> bool:
    failed = [f.trials for f in result.findings[name] if f.label in _NOT_AS_OFFERED]
    return max(failed, default=0) * 2 <= result.trials[name]


def _alternative(curves: Sequence[Curve]) -> str:
    """The chart's content as text; the chart's title names the measure."""
    values = [
        f"{curve.name} {numbers.number(point.y)} at {numbers.number(point.x)} per second"
        f"{' (not as offered)' if point.hollow else ''}"
        for curve in sorted(curves, key=lambda curve: curve.name)
        for point in curve.points
        if point.y is not None
    ]
    return f"{', '.join(values)}."
