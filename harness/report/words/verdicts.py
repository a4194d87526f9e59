"""Verdicts on conditions, and disturbances of a run, as sentences made from the data alone."""

from collections.abc import Mapping, Sequence

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import FAILED, LIMITS, Label, LabelCount
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs.conditions import condition_title
from harness.records.run import Run
from harness.report.words import decisions, numbers
from harness.report.words.missing import missing_sentence
from harness.report.words.sentences import listed

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
        verdict(known[condition], analysis)
        if condition in known
        else f"{condition_title(condition)}: no trial of it can be found."
        for condition in (() if run.study.ramped else run.study.conditions)
    ]


def verdict(result: ConditionResult, analysis: Analysis) -> str:
    """A few sentences on a condition, from its data alone; the last names what has no figures."""
    if not result.first.estimates and result.missing:
        return f"{condition_title(result.condition)}: no variant has figures."
    return " ".join(filter(None, (_ranked(result, analysis), missing_sentence(result.missing))))


def _ranked(result: ConditionResult, analysis: Analysis) -> str:
    comparison = result.first
    where = condition_title(result.condition)
    if not comparison.ranking:
        return f"{where}: no ranking, because {comparison.unsaid or 'no variant has figures'}."
    best, *others = comparison.ranking
    if not others:
        return f"{where}: only {best} has figures."
    found = to_best(comparison, analysis.baseline)
    ties = [name for name in others if name in found and not _differs(found[name])]
    ahead = "" if len(ties) < len(others) else "no variant is ahead. "
    text = f"{where}: {ahead}{best} {_BEST[comparison.measure]}."
    parts = [text, *_ties(ties, found, analysis.margin)]
    parts.append(_against_baseline(comparison, best, analysis.baseline))
    return " ".join(filter(None, parts))


def to_best(comparison: Comparison, baseline: str) -> Mapping[str, Decision]:
    """Verdicts on the ratios to the first of a ranking.

    Ratios to the baseline have a family of their own (Dunnett); its verdicts are the same wherever
    the two variants are compared.
    """
    best = comparison.ranking[0]
    if best == baseline:
        return comparison.decisions
    known = comparison.decisions.get(best)
    return {**comparison.to_best, **({} if known is None else {baseline: known})}


def _differs(decision: Decision) -> bool:
    return decision.verdict is Verdict.DIFFERS


def _ties(ties: Sequence[str], found: Mapping[str, Decision], margin: float) -> list[str]:
    """Which of them are the same as the best, and which could not be told from it."""
    same = [name for name in ties if found[name].verdict is Verdict.SAME]
    open_ = [name for name in ties if name not in same]
    parts = []
    if same:
        are = "is" if len(same) == 1 else "are"
        parts.append(f"{listed(same)} {are} {decisions.same(margin)}.")
    if open_:
        told = listed([f"{name}{_bound(found[name])}" for name in open_])
        parts.append(f"Not told apart from it: {told}.")
    return parts


def _bound(decision: Decision) -> str:
    most = decision.at_most
    return "" if most is None else f" (at most {numbers.at_most(most)})"


def _against_baseline(comparison: Comparison, best: str, baseline: str) -> str:
    """The baseline compared with the best; or, if they do not differ, the last with it.

    The last is the last variant that differs from the baseline. Empty if the baseline has no
    figures.
    """
    found = comparison.decisions
    if best != baseline and best in found and _differs(found[best]):
        return _times(comparison, baseline, best, comparison.ratios[best].inverse())
    if baseline not in comparison.ranking or not found:
        return ""
    differing = [name for name in comparison.ranking if name in found and _differs(found[name])]
    if not differing:
        return f"No other variant differs from {baseline}."
    last = differing[-1]
    return _times(comparison, last, baseline, comparison.ratios[last])


def _times(comparison: Comparison, one: str, other: str, interval: Interval) -> str:
    return _TIMES[comparison.measure].format(one=one, other=other, ratio=numbers.ratio(interval))


def times_behind(comparison: Comparison, worse: str, baseline: str) -> float | None:
    """How many times as good the first of the ranking is as another; None if it is unknown."""
    best = comparison.ranking[0]
    ratios = {baseline: 1.0} | {n: r.mean for n, r in comparison.ratios.items()}
    if worse in ratios and best in ratios:
        ratio = ratios[worse] / ratios[best]
    elif worse in comparison.to_best:  # without the baseline, each pair still has its ratio
        ratio = comparison.to_best[worse].interval.mean
    else:
        return None
    return ratio if comparison.measure.lower_is_better else 1 / ratio


def one_block(estimated: str) -> list[str]:
    """What is told of a single block: that there is no verdict, and a clause of its estimates."""
    return ["One block gives estimates, and no verdict.", f"By its estimates {estimated}."]


_CANCELLED = "none needed: the design cancels it, and intervals include it"
"""What to do about a busy machine where ratios are precise all the same."""


def disturbances(analysis: Analysis, *, precise: bool = False) -> list[str]:
    """A line for each label and remedy of disturbed trials, over the whole run.

    A busy machine calls for a remedy only where the run is not `precise`; see `analysis.precision`.
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
        f"{_CANCELLED if precise and label is Label.NOISY else remedy}."
        for (label, remedy), counts in groups.items()
    ]
