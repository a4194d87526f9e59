"""Trends: variants that several runs measured under the same condition."""

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import Measure, ranked
from harness.analysis.missing import Absence, MissingFigures
from harness.analysis.stats.intervals import Interval
from harness.inputs.study import Condition
from harness.records.comparability import Change, reasons, variant_changes
from harness.records.run import Run
from harness.report.charts.specification import (
    DIAMOND,
    Spec,
    as_file,
    nominal,
    ordinal,
    quantitative,
)
from harness.report.words import numbers

_LEAST_RUNS = 2
_PANELS = 3
"""Panels of the chart in a row."""
_HEIGHT = 110
"""Of a panel, in pixels."""
_COLOUR = "#33414d"
"""Of no variant: each panel shows one variant and names it."""
_WORD = {"type": "text", "angle": 270, "align": "left", "baseline": "middle", "color": "#8a4b00"}
"""Upright from the axis on, where a value would stand."""


class TrendPoint(msgspec.Struct, frozen=True):
    """The result of one run.

    number: of the run among the published ones, by date from 1.
    estimates: absolute values with intervals over blocks, by the measures of the ranking.
    unranked: measures by which the run has no ranking, e.g. because PostgreSQL was the limit.
    missing: why it has no figures, though its trials were measured; None if it has some.
    ratio: to the run's baseline, by the condition's first measure; None for the baseline itself.
    changed: differences to the point before; empty for the first point.
    apart: reasons why it cannot be compared with the point before; empty if it can.
    """

    number: int
    run: Run
    estimates: dict[Measure, Interval]
    ratio: Interval | None
    changed: tuple[str, ...]
    apart: tuple[str, ...] = ()
    unranked: frozenset[Measure] = frozenset()
    missing: MissingFigures | None = None


class VariantTrend(msgspec.Struct, frozen=True):
    """One variant under one condition in at least two runs, by date.

    condition: without the name of a group of variants.
    """

    variant: str
    condition: Condition
    points: tuple[TrendPoint, ...]

    @property
    def stretches(self) -> tuple[int, ...]:
        """The stretch of each point, by number; runs of one stretch are comparable."""
        return tuple(accumulate(1 if point.apart else 0 for point in self.points))


def trends(results: Sequence[tuple[Run, Analysis]]) -> tuple[VariantTrend, ...]:
    """All trends, grouped by condition: of variants with figures or failed trials in two runs.

    Args:
        results: runs with their analyses, by date. Locust ramps have no intervals, so they have
            no trends.
    """
    points: dict[Condition, dict[str, list[TrendPoint]]] = {}
    for number, (run, analysis) in enumerate(results, start=1):
        for result in analysis.conditions:
            condition = msgspec.structs.replace(result.condition, group=None)
            by_variant = points.setdefault(condition, {})
            for variant in _variants(analysis, result):
                before = by_variant.setdefault(variant, [])
                if not before or before[-1].run is not run:
                    before.append(_point(number, run, result, variant, before[-1:]))
    return tuple(
        VariantTrend(variant, condition, tuple(series))
        for condition, by_variant in points.items()
        for variant, series in by_variant.items()
        if len(series) >= _LEAST_RUNS
    )


def _variants(analysis: Analysis, result: ConditionResult) -> list[str]:
    """Those that were measured, and failed trials are a result too."""
    estimates = result.first.estimates
    failed = [item.entry for item in result.missing if item.absence is Absence.FAILED]
    return [name for name in (*estimates, *failed) if name != analysis.duplicate]


def _point(
    number: int, run: Run, result: ConditionResult, variant: str, before: Sequence[TrendPoint]
) -> TrendPoint:
    measures = ranked(result.condition)
    estimates = {m: result.comparisons[m].estimates.get(variant) for m in measures}
    return TrendPoint(
        number=number,
        run=run,
        estimates={m: value for m, value in estimates.items() if value is not None},
        ratio=result.comparisons[measures[0]].ratios.get(variant),
        changed=tuple(
            _worded(change)
            for point in before
            for change in variant_changes(point.run, run, variant)
        ),
        apart=tuple(reason for point in before for reason in reasons(point.run, run)),
        unranked=frozenset(m for m in estimates if result.comparisons[m].unsaid),
        missing=result.why_missing(variant),
    )


def trend_chart(trends: Sequence[VariantTrend], measure: Measure) -> Spec:
    """A small panel per variant: estimates with their intervals, by run.

    Each panel has an axis of its own, which begins at zero. A line joins only runs that can be
    compared. A run in which the variant has no figures says why, in words.

    Args:
        trends: of one condition.
        measure: one that their points have estimates of.
    """
    rows: list[dict[str, object]] = [
        {
            "variant": trend.variant,
            "run": point.number,
            "value": value.mean,
            "low": value.low,
            "high": value.high,
            "stretch": stretch,
        }
        for trend in trends
        for point, stretch in zip(trend.points, trend.stretches, strict=True)
        if (value := point.estimates.get(measure)) is not None
    ]
    words: list[dict[str, object]] = [
        {"variant": trend.variant, "run": point.number, "word": point.missing.word}
        for trend in trends
        for point in trend.points
        if point.missing is not None
    ]
    x = ordinal("run", title="run", axis={"labelAngle": 0})
    y = quantitative("value", title=None, scale={"zero": True}, axis={"tickCount": 4})
    low, high = quantitative("low", title=None), {"field": "high"}
    line = {"type": "line", "strokeWidth": 1.5, "color": _COLOUR}
    bar = {"type": "rule", "strokeWidth": 3, "color": _COLOUR}
    diamond = {**DIAMOND, "size": 60, "color": _COLOUR}
    panel = {
        "layer": [
            {"mark": line, "encoding": {"x": x, "y": y, "detail": nominal("stretch")}},
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": bar,
                "encoding": {"x": x, "y": low, "y2": high},
            },
            {"mark": diamond, "encoding": {"x": x, "y": y}},
            {
                "transform": [{"filter": "isValid(datum.word)"}],
                "mark": _WORD,
                "encoding": {"x": x, "y": {"value": _HEIGHT - 4}, "text": nominal("word")},
            },
        ],
        "width": 200,
        "height": _HEIGHT,
    }
    names = [trend.variant for trend in trends]
    return as_file(
        {
            "data": {"name": "rows"},
            "facet": nominal("variant", title=None, sort=names, header={"labelLimit": 220}),
            "columns": _PANELS,
            "spec": panel,
            "resolve": {"scale": {"y": "independent"}},
        },
        {"rows": rows + words},
    )


def alternative(trends: Sequence[VariantTrend], measure: Measure) -> str:
    """The chart's content as text."""
    series = [
        f"{trend.variant} {', '.join(values)}"
        for trend in trends
        if (values := [text for point in trend.points if (text := _told(point, measure))])
    ]
    return f"{measure.heading}: {'; '.join(series)}. The table has the intervals."


def _told(point: TrendPoint, measure: Measure) -> str:
    """A point as text; empty where the run has another measure alone."""
    if point.missing is not None:
        return f"{point.missing.word} in run {point.number}"
    value = point.estimates.get(measure)
    return "" if value is None else f"{numbers.number(value.mean)} in run {point.number}"


def _worded(change: Change) -> str:
    """E.g. `orjson 3.13.0 to 3.14.1`."""
    return f"{change.name} {change.a or 'none'} to {change.b or 'none'}"
