"""What became of A in B: the headline and the forest plot of an A/B."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from harness.analysis.ab import AbPair, AbVerdict, ab_pairs
from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs.conditions import brief
from harness.inputs.kinds import origin_of, origins_of
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
from harness.report.words.sentences import brief_enough, capital

_SHOWN = (Measure.CPU, Measure.THROUGHPUT, Measure.P99, Measure.MEMORY)
_SHOWN_VERDICTS = (AbVerdict.SLOWER, AbVerdict.FASTER)
_MOST_TOGETHER = 2
"""Bs whose measures stand in one picture; with more, each measure has a picture."""
_MOST_LETTERS = 44
"""Of a label beside a forest plot."""


def headline(run: Run, analysis: Analysis) -> list[str]:
    """Whether B is slower, faster or the same, and what a request of it does differently."""
    pairs = ab_pairs(analysis)
    if not pairs:
        return ranking.headline(run, analysis)
    by_variant = {name: [p for p in pairs if p.variant == name] for name in origins_of(run.study)}
    known = [of_one for of_one in by_variant.values() if of_one]
    if len(known) == 1:
        return [_answer(run, analysis, known[0]), _counts(run, analysis, known[0][0])]
    return [_answer(run, analysis, of_one) for of_one in _worth_telling(known)]


def _worth_telling(known: Sequence[Sequence[AbPair]]) -> list[Sequence[AbPair]]:
    """The B that changes most, and one that does the other way, or has another A, or is next."""
    first, *others = sorted(known, key=lambda pairs: abs(_largest(pairs)), reverse=True)
    opposed = [pairs for pairs in others if _largest(pairs) * _largest(first) < 0]
    elsewhere = [pairs for pairs in others if pairs[0].origin != first[0].origin]
    return [first, (opposed or elsewhere or others)[0]]


def _largest(pairs: Sequence[AbPair]) -> float:
    """The largest shown change of cost of one B, as a logarithm; 0 if none is shown."""
    shown = [math.log(p.cost.mean) for p in pairs if p.verdict in _SHOWN_VERDICTS]
    return max(shown, key=abs, default=0.0)


def _answer(run: Run, analysis: Analysis, pairs: Sequence[AbPair]) -> str:
    """One B in a sentence: the first of several that is short enough."""
    b, a = pairs[0].variant, pairs[0].origin
    what, name = f"With {ab_words.change_of(run, b)}", origin_of(run.study, a)
    shown = [p for p in pairs if p.verdict in _SHOWN_VERDICTS]
    among = [result.condition for result in analysis.conditions]
    on_all = f"{len(pairs)} endpoints" if len(pairs) > 1 else brief(pairs[0].condition, among)
    if not shown:
        if all(pair.verdict is AbVerdict.SAME for pair in pairs):
            same = f"{what}, {name} is {decisions.same(analysis.margin)}"
            return _fitting(f"{same}{of_a} on {on_all}." for of_a in _against(run, a, "as"))
        bounds = [pair.at_most for pair in pairs if pair.verdict is AbVerdict.UNDECIDED]
        if any(bound is None for bound in bounds):
            return f"{what}, one block gives estimates of {name}, and no verdict."
        most = numbers.at_most(max(bound for bound in bounds if bound is not None))
        return _fitting(
            f"{what}, no difference of {name}{of_a} is shown; it is at most {most}."
            for of_a in _against(run, a, "from that")
        )
    first = max(shown, key=lambda pair: abs(math.log(pair.cost.mean)))
    cost = f"{ab_words.cost(first)} on {brief(first.condition, among)}"
    return _fitting(
        f"{what}, {name} is {first.verdict.value}{of_a}{of_all}: {cost}."
        for of_a in _against(run, a, "than")
        for of_all in _extents(pairs, first.verdict)
    )


def _extents(pairs: Sequence[AbPair], verdict: AbVerdict) -> tuple[str, ...]:
    """On how many endpoints B has this verdict, and the opposite one; then the same in fewer words.

    ` on both endpoints`, ` on 2 of 3 endpoints`, or ` on 2 endpoints, slower on 1`. The opposite
    one is told in any case, and nothing of a single endpoint.
    """
    if len(pairs) == 1:
        return ("",)
    counts = Counter(pair.verdict for pair in pairs)
    (opposite,) = (other for other in _SHOWN_VERDICTS if other is not verdict)
    if counts[verdict] == len(pairs):
        return (" on both endpoints" if len(pairs) == 2 else f" on all {len(pairs)} endpoints", "")
    if counts[opposite]:
        noun = "endpoint" if counts[verdict] == 1 else "endpoints"
        whole = f" on {counts[verdict]} {noun}, {opposite.value} on {counts[opposite]}"
        return whole, f", elsewhere {opposite.value}"
    return f" on {counts[verdict]} of {len(pairs)} endpoints", ""


def _against(run: Run, a: str, word: str) -> tuple[str, ...]:
    """What A has, after a word such as `than`: ` than with asgiref 3.11.1`, or shorter ` than A`.

    Empty where A is the variant as it is, which goes without saying.
    """
    if a not in run.study.setups:
        return ("",)
    return f" {word} with {ab_words.change_of(run, a)}", f" {word} A"


def _fitting(sentences: Iterable[str]) -> str:
    """The first that has no more words than a headline may have, or else the last."""
    told = list(sentences)
    return next((text for text in told if brief_enough(text)), told[-1])


def _counts(run: Run, analysis: Analysis, pair: AbPair) -> str:
    """What a request of B is counted to do differently."""
    among = [result.condition for result in analysis.conditions]
    found = ab_words.counted_differences(run.audits, pair.origin, pair.variant, among)
    for condition in among:
        if condition.endpoint in found:
            where = brief(condition, among)
            return ab_words.counts_sentence(found[condition.endpoint], where)
    return "The audit counts the same work in both."


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """A forest plot: B / A by endpoint, for every measure that compares; of many Bs one each."""
    if len(origins_of(run.study)) <= _MOST_TOGETHER:
        found = [_hero(run, analysis, _SHOWN, figures)]
    else:
        found = [_hero(run, analysis, (measure,), figures) for measure in _SHOWN]
    return [hero for hero in found if hero is not None] or ranking.heroes(run, analysis, figures)


def _hero(
    run: Run, analysis: Analysis, measures: Sequence[Measure], figures: Figures
) -> Hero | None:
    rows = [row for result in analysis.conditions for row in _rows(run, analysis, result, measures)]
    if not rows:
        return None
    one = measures[0] if len(measures) == 1 else None
    axis = ForestAxis(
        title="B / A" if one is None else f"B / A: {one.heading}", less="less", more="more",
        band=analysis.margin, band_label=decisions.same(analysis.margin),
    )  # fmt: skip
    title, told = f"{axis.title}, with 95 % intervals", forest_alternative(rows, axis)
    name = "ab" if one is None else f"ab-{one.value}"
    wide, narrow = (
        figures.add(f"{name}{suffix}", title, forest_chart(rows, axis, phone=phone), told)
        for suffix, phone in (("", False), ("-narrow", True))
    )
    return Hero(wide, narrow=narrow, measure=None if one is None else one.value)


def _rows(
    run: Run, analysis: Analysis, result: ConditionResult, measures: Sequence[Measure]
) -> list[ForestRow]:
    among = [other.condition for other in analysis.conditions]
    where = brief(result.condition, among)
    return [
        _row(run, analysis, result, measure, name, capital(where))
        for name in origins_of(run.study)
        for measure in measures
        if _compares(result.comparisons[measure]) and name in result.comparisons[measure].to_origin
    ]


def _labels(run: Run) -> dict[str, str]:
    """Each of many Bs by its change, and its A if there are several; or all by their names.

    They have their names where a change and its A have no room in a row.
    """
    origins = origins_of(run.study)
    labels = {name: ab_words.change_of(run, name) for name in origins}
    if len(set(origins.values())) > 1:
        labels = {name: f"{label}: {origins[name]}" for name, label in labels.items()}
    too_long = any(len(label) > _MOST_LETTERS for label in labels.values())
    return {name: name for name in labels} if too_long else labels


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
    against = result.comparisons[measure].to_origin[name]
    ratio = against.ratio
    decision = against.decision if measure in ranked(result.condition) else None
    match len(origins_of(run.study)):
        case 1:
            label = measure.short
        case count if count <= _MOST_TOGETHER:
            label = f"{ab_words.change_of(run, name)}: {measure.short}"
        case _:
            label = _labels(run)[name]
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
