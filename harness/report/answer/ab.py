"""What became of A in B: the headline and the forest plot of an A/B."""

import math
from collections.abc import Sequence

from harness.analysis.ab import AbPair, AbVerdict, ab_pairs
from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs.conditions import brief
from harness.records.run import Run
from harness.report.answer import ranking
from harness.report.answer.hero import Hero
from harness.report.charts.forest import (
    ForestAxis,
    ForestRow,
    Tone,
    forest_alternative,
    forest_chart,
)
from harness.report.drawing.figures import Figures
from harness.report.words import ab as ab_words
from harness.report.words import decisions, numbers

_SHOWN = (Measure.CPU, Measure.THROUGHPUT, Measure.P99, Measure.MEMORY)


def headline(run: Run, analysis: Analysis) -> list[str]:
    """Whether B is slower, faster or the same, and what a request of it does differently."""
    pairs = ab_pairs(analysis)
    if not pairs:
        return ranking.headline(run, analysis)
    by_variant = {name: [p for p in pairs if p.variant == name] for name in run.study.setups}
    known = {name: of_one for name, of_one in by_variant.items() if of_one}
    told = [_answer(run, analysis, of_one) for of_one in known.values()]
    only = [_counts(run, analysis, name) for name in known] if len(known) == 1 else []
    return [told[0], *(only or told[1:2])]


def _answer(run: Run, analysis: Analysis, pairs: Sequence[AbPair]) -> str:
    """One B in a sentence."""
    what, a = f"With {ab_words.change_of(run, pairs[0].variant)}", run.study.baseline
    shown = [p for p in pairs if p.verdict in (AbVerdict.SLOWER, AbVerdict.FASTER)]
    among = [result.condition for result in analysis.conditions]
    on_all = f"{len(pairs)} endpoints" if len(pairs) > 1 else brief(pairs[0].condition, among)
    if not shown:
        if all(pair.verdict is AbVerdict.SAME for pair in pairs):
            return f"{what}, {a} is {decisions.same(analysis.margin)} on {on_all}."
        bounds = [pair.at_most for pair in pairs if pair.verdict is AbVerdict.UNDECIDED]
        if any(bound is None for bound in bounds):
            return f"{what}, one block gives estimates of {a}, and no verdict."
        most = numbers.at_most(max(bound for bound in bounds if bound is not None))
        return f"{what}, no difference of {a} is shown; it is at most {most}."
    first = max(shown, key=lambda pair: abs(math.log(pair.cost.mean)))
    where = brief(first.condition, among)
    count = f" on {len(shown)} of {len(pairs)} endpoints" if len(pairs) > 1 else ""
    return f"{what}, {a} is {first.verdict.value}{count}: {ab_words.cost(first)} on {where}."


def _counts(run: Run, analysis: Analysis, b: str) -> str:
    """What a request of B is counted to do differently."""
    among = [result.condition for result in analysis.conditions]
    found = ab_words.counted_differences(run.audits, run.study.baseline, b, among)
    for condition in among:
        if condition.endpoint in found:
            where = brief(condition, among)
            return ab_words.counts_sentence(found[condition.endpoint], where)
    return "The audit counts the same work in both."


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """One forest plot: B / A by endpoint, for every measure that compares."""
    rows = [row for result in analysis.conditions for row in _rows(run, analysis, result)]
    if not rows:
        return ranking.heroes(run, analysis, figures)
    axis = ForestAxis(
        title="B / A", less="less", more="more", band=analysis.margin,
        band_label=decisions.same(analysis.margin),
    )  # fmt: skip
    title, told = "B / A, with 95 % intervals", forest_alternative(rows, axis)
    wide, narrow = (
        figures.add(f"ab{suffix}", title, forest_chart(rows, axis, phone=phone), told)
        for suffix, phone in (("", False), ("-narrow", True))
    )
    return [Hero(wide, narrow=narrow)]


def _rows(run: Run, analysis: Analysis, result: ConditionResult) -> list[ForestRow]:
    among = [other.condition for other in analysis.conditions]
    where = brief(result.condition, among)
    return [
        _row(run, analysis, result, measure, name, where[:1].upper() + where[1:])
        for name in run.study.setups
        for measure in _SHOWN
        if _compares(result.comparisons[measure]) and name in result.comparisons[measure].ratios
    ]


def _compares(comparison: Comparison) -> bool:
    """Throughput compares only where the servers were the limit."""
    return comparison.measure is not Measure.THROUGHPUT or comparison.unsaid is None


def _row(
    run: Run,
    analysis: Analysis,
    result: ConditionResult,
    measure: Measure,
    name: str,
    group: str,
) -> ForestRow:
    comparison = result.comparisons[measure]
    ratio = comparison.ratios[name]
    decision = comparison.decisions.get(name) if measure in ranked(result.condition) else None
    several = len(run.study.setups) > 1
    label = f"{ab_words.change_of(run, name)}: {measure.short}" if several else measure.short
    verdict = decisions.beside_ratio(decision, analysis.margin)
    text = f"{numbers.times(ratio.mean)}×{', one block' if ratio.low is None else ''}"
    return ForestRow(
        label, group, ratio.mean, ratio.low, ratio.high,
        _tone(decision, better=(ratio.mean < 1) is measure.lower_is_better),
        f"{text} {verdict}".strip(), text,
    )  # fmt: skip


def _tone(decision: Decision | None, *, better: bool) -> Tone:
    if decision is None or decision.verdict is Verdict.UNDECIDED:
        return Tone.OPEN
    if decision.verdict is Verdict.SAME:
        return Tone.SAME
    return Tone.BETTER if better else Tone.WORSE
