"""A row per ratio to the baseline, with its verdict, for spreadsheets and data frames."""

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import Measure
from harness.analysis.stats.ties import letters
from harness.analysis.variants import Comparison
from harness.report.data.rows import Row, Value, csv_text

COLUMNS = (
    "run", "condition", "endpoint", "measure", "variant", "baseline",
    "value", "value_low", "value_high", "ratio", "ratio_low", "ratio_high",
    "verdict", "at_most_share", "simultaneous_low", "simultaneous_high", "ties", "limited_by",
)  # fmt: skip
"""Bounds are of 95 % intervals; the simultaneous ones allow for all ratios of a condition."""


def ratios_csv(analysis: Analysis) -> str:
    """Every variant with a value, under every condition by every measure, as CSV.

    The baseline's ratio is 1. A verdict is missing where the measure must not rank; letters are of
    ties in the ranking. Missing values are empty.
    """
    rows = [
        _row(analysis, result, measure, variant)
        for result in analysis.conditions
        for measure, comparison in result.comparisons.items()
        for variant in comparison.estimates
        if variant != analysis.duplicate
    ]
    return csv_text(COLUMNS, rows)


def _row(analysis: Analysis, result: ConditionResult, measure: Measure, variant: str) -> Row:
    comparison = result.comparisons[measure]
    value = comparison.estimates[variant]
    decision = comparison.decisions.get(variant)
    return (
        analysis.run,
        result.condition.name,
        result.condition.endpoint,
        measure.value,
        variant,
        analysis.baseline,
        value.mean,
        value.low,
        value.high,
        *_ratio(analysis, comparison, variant),
        None if decision is None else decision.verdict.value,
        None if decision is None else decision.at_most,
        None if decision is None else decision.interval.low,
        None if decision is None else decision.interval.high,
        letters(comparison.groups, variant) or None,
        ", ".join(finding.label for finding in result.limits(variant)) or None,
    )


def _ratio(analysis: Analysis, comparison: Comparison, variant: str) -> tuple[Value, Value, Value]:
    if variant == analysis.baseline:
        return 1.0, None, None
    ratio = comparison.ratios.get(variant)
    return (None, None, None) if ratio is None else (ratio.mean, ratio.low, ratio.high)
