"""Verdicts on conditions, and disturbances of a run, as sentences made from the data alone."""

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import FAILED, LIMITS, Label, LabelCount
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.analysis.variants import Comparison
from harness.inputs.conditions import condition_title
from harness.records.run import Run
from harness.report.words.missing import missing_sentence
from harness.report.words.numbers import ratio


def names(group: tuple[str, ...]) -> str:
    """The members of a tie group in a sentence."""
    if len(group) == 1:
        return group[0]
    return f"{', '.join(group[:-1])} and {group[-1]}"


_BEST = {
    Measure.CPU: "used the least server CPU per request",
    Measure.THROUGHPUT: "answered the most requests per second",
    Measure.P99: "had the lowest 99th percentile of latency",
    Measure.SUSTAINED: "sustained the highest rate within the objective",
}
_TIMES = {
    Measure.CPU: "{one} used {ratio} times as much as {other}.",
    Measure.THROUGHPUT: "{one} answered {ratio} times as many as {other}.",
    Measure.P99: "{one} had {ratio} times the latency of {other}.",
    Measure.SUSTAINED: "{one} sustained {ratio} times the rate of {other}.",
}


def verdicts(run: Run, analysis: Analysis) -> list[str]:
    """A verdict for every condition of the study, measured or not."""
    known = {result.condition: result for result in analysis.conditions}
    return [
        verdict(known[condition], analysis.baseline)
        if condition in known
        else f"{condition_title(condition)}: no trial of it can be found."
        for condition in (() if run.study.ramped else run.study.conditions)
    ]


def verdict(result: ConditionResult, baseline: str) -> str:
    """A few sentences on a condition, from its data alone; the last names what has no figures."""
    if not result.comparisons[ranked(result.condition)[0]].estimates and result.missing:
        return f"{condition_title(result.condition)}: no variant has figures."
    return " ".join(filter(None, (_ranked(result, baseline), missing_sentence(result.missing))))


def _ranked(result: ConditionResult, baseline: str) -> str:
    comparison = result.comparisons[ranked(result.condition)[0]]
    where = condition_title(result.condition)
    if not comparison.ranking:
        return f"{where}: no ranking, because {comparison.unsaid or 'no variant has figures'}."
    best, *others = comparison.ranking
    if not others:
        return f"{where}: only {best} has figures."
    tied = [name for name in others if _together(comparison, best, name)]
    text = f"{where}: {best} {_BEST[comparison.measure]}"
    if tied and len(tied) == len(others):
        return f"{text}, but no other variant differs from it beyond noise."
    if tied:
        text += f" (tied with {names(tuple(tied))})"
    return f"{text}. {_against_baseline(comparison, best, baseline)}"


def _together(comparison: Comparison, one: str, other: str) -> bool:
    return any(one in group and other in group for group in comparison.groups)


def _against_baseline(comparison: Comparison, best: str, baseline: str) -> str:
    """The baseline compared with the best; or, if it ties with the best, the last with it.

    The last is the last variant that differs from the baseline.
    """
    if baseline == best or _together(comparison, best, baseline):
        others = [name for name in reversed(comparison.ranking) if name != baseline]
        last = next((n for n in others if not _together(comparison, n, baseline)), None)
        if last is None:
            return f"No other variant differs from {baseline} beyond noise."
        return _times(comparison, last, baseline, comparison.ratios.get(last))
    return _times(comparison, baseline, best, _inverse(comparison.ratios[best]))


def _times(comparison: Comparison, one: str, other: str, interval: Interval | None) -> str:
    return _TIMES[comparison.measure].format(one=one, other=other, ratio=ratio(interval))


def disturbances(analysis: Analysis) -> list[str]:
    """A line for each label and remedy of disturbed trials, over the whole run.

    Of entries without figures, the labels for which they have none stand with them.
    """
    total = sum(sum(result.trials.values()) for result in analysis.conditions)
    counted = [
        count
        for result in analysis.conditions
        for entry, counts in result.findings.items()
        for count in counts
        if count.label not in LIMITS
        and (count.label not in FAILED or result.why_missing(entry) is None)
    ]
    groups: dict[tuple[Label, str], list[LabelCount]] = {}
    for label in Label:
        for count in counted:
            if count.label is label:
                groups.setdefault((label, count.remedy), []).append(count)
    return [
        f"{label}: {sum(c.trials for c in counts)} of {total} trials, e.g. {counts[0].detail}; "
        f"{remedy}."
        for (label, remedy), counts in groups.items()
    ]


def _inverse(interval: Interval) -> Interval:
    return Interval(
        mean=1 / interval.mean,
        low=None if interval.high is None else 1 / interval.high,
        high=None if interval.low is None else 1 / interval.low,
        se=interval.se,
        blocks=interval.blocks,
    )
