"""Verdicts on conditions, as sentences made from the data alone."""

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import LIMITS, REMEDIES, Label
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.analysis.variants import Comparison
from harness.records.run import Run
from harness.report.words.conditions import condition_title
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
    Measure.SUSTAINED: "sustained the highest rate that meets the objective",
}


_MORE = {
    Measure.CPU: "used {} times as much",
    Measure.THROUGHPUT: "answered {} times as many",
    Measure.P99: "had {} times its",
    Measure.SUSTAINED: "sustained {} times its rate",
}


def verdicts(run: Run, analysis: Analysis) -> list[str]:
    """A verdict for every condition, also for those that nothing is known of."""
    known = {result.condition: result for result in analysis.conditions}
    return [
        verdict(known[condition], analysis.baseline)
        if condition in known
        else f"{condition_title(condition)}: not measured."
        for condition in (() if run.study.ramped else run.study.conditions)
    ]


def verdict(result: ConditionResult, baseline: str) -> str:
    """One or two sentences on a condition, made from its data alone."""
    comparison = result.comparisons[ranked(result.condition)[0]]
    where = condition_title(result.condition)
    if not comparison.ranking:
        return f"{where}: no ranking, because {comparison.unsaid or 'nothing was measured'}."
    best = comparison.ranking[0]
    tied = [n for n in comparison.ranking[1:] if _together(comparison, best, n)]
    if len(tied) == len(comparison.ranking) - 1 and tied:
        return (
            f"{where}: {best} {_BEST[comparison.measure]}, but no other could be told "
            "apart from it beyond what two identical servers differ by."
        )
    also = f", with {names(tuple(tied))} not told apart from it" if tied else ""
    return (
        f"{where}: {best} {_BEST[comparison.measure]}{also}; "
        f"{_against_baseline(comparison, best, baseline)}"
    )


def _together(comparison: Comparison, one: str, other: str) -> bool:
    return any(one in group and other in group for group in comparison.groups)


def _against_baseline(comparison: Comparison, best: str, baseline: str) -> str:
    """How the baseline stands to the best, or the last to a baseline that is tied with it.

    The last of those that differ from the baseline: of others nothing is said.
    """
    if baseline == best or _together(comparison, best, baseline):
        others = [name for name in reversed(comparison.ranking) if name != baseline]
        if not others:
            return "no other was measured."
        apart = (name for name in others if not _together(comparison, name, baseline))
        last = next(apart, None)
        if last is None:
            return f"none was told apart from {baseline}."
        told = _times(comparison, ratio(comparison.ratios.get(last)))
        return f"{last} {told}, compared with {baseline}."
    inverse = _inverse(comparison.ratios[best])
    return f"{baseline} {_times(comparison, ratio(inverse))}."


def _times(comparison: Comparison, told: str) -> str:
    return _MORE[comparison.measure].format(told)


def disturbances(analysis: Analysis) -> list[str]:
    """A line for each label that says that trials were disturbed, over the whole run."""
    total = sum(sum(result.trials.values()) for result in analysis.conditions)
    found = [f for r in analysis.conditions for counts in r.findings.values() for f in counts]
    lines: list[str] = []
    for label in Label:
        counts = [f for f in found if f.label is label]
        if counts and label not in LIMITS:
            some = sum(f.trials for f in counts)
            lines.append(
                f"{label}: {some} of {total} trials, e.g. {counts[0].detail}; {REMEDIES[label]}."
            )
    return lines


def _inverse(interval: Interval) -> Interval:
    return Interval(
        mean=1 / interval.mean,
        low=None if interval.high is None else 1 / interval.high,
        high=None if interval.low is None else 1 / interval.low,
        se=interval.se,
        blocks=interval.blocks,
    )
