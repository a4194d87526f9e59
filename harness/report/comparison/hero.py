"""The picture of two runs: a forest plot of B / A, a row per variant and condition."""

from collections.abc import Sequence

from harness.analysis.measures import Measure
from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict
from harness.inputs.conditions import brief
from harness.inputs.study import Condition
from harness.report.charts.forest import ForestAxis, ForestRow, Tone
from harness.report.comparison.headline import size
from harness.report.words import decisions, numbers
from harness.report.words.comparison import verdict_text, verdict_word
from harness.report.words.sentences import capital

_TONES = {
    RunVerdict.FASTER: Tone.BETTER,
    RunVerdict.SLOWER: Tone.WORSE,
    RunVerdict.SAME: Tone.SAME,
}
_FIRST = (RunVerdict.SLOWER, RunVerdict.FASTER, RunVerdict.UNDECIDED)
"""Rows that stay where not all can be shown; then come those with the largest change."""


def forest_rows(
    comparison: RunComparison, pairs: Sequence[ComparedVariant] | None = None
) -> list[ForestRow]:
    """Rows of all pairs, or of some, by condition in the order of run A's study."""
    shown = comparison.pairs if pairs is None else pairs
    return [
        _row(pair, comparison)
        for reference in comparison.references
        for pair in shown
        if pair.condition == reference.condition
    ]


def forest_axis(comparison: RunComparison) -> ForestAxis:
    """What the ratios of a comparison are."""
    faster, slower = (
        f"B {verdict_word(verdict, comparison.measure)}"
        for verdict in (RunVerdict.FASTER, RunVerdict.SLOWER)
    )
    less, more = (faster, slower) if comparison.measure.lower_is_better else (slower, faster)
    band = decisions.same(comparison.margin) if comparison.margin else ""
    title = f"B / A: {comparison.measure.heading.partition(' (')[0]}"
    return ForestAxis(title, less, more, comparison.margin, band)


def foremost(comparison: RunComparison, most: int) -> list[ComparedVariant]:
    """The pairs that a reader must see: those that changed, then the undecided, the largest first.

    They come back in their order.
    """
    if len(comparison.pairs) <= most:
        return list(comparison.pairs)
    ranks = {verdict: rank for rank, verdict in enumerate(_FIRST)}
    ranked = sorted(comparison.pairs, key=lambda p: (ranks.get(p.verdict, len(_FIRST)), -size(p)))
    kept = {id(pair) for pair in ranked[:most]}
    return [pair for pair in comparison.pairs if id(pair) in kept]


def heading(condition: Condition, comparison: RunComparison) -> str:
    """A condition as a heading in a few words."""
    return capital(brief(condition, [reference.condition for reference in comparison.references]))


def _row(pair: ComparedVariant, comparison: RunComparison) -> ForestRow:
    ratio = pair.ratio_b_to_a
    return ForestRow(
        label=pair.variant,
        group=heading(pair.condition, comparison),
        ratio=None if ratio is None else ratio.mean,
        low=None if ratio is None else ratio.low,
        high=None if ratio is None else ratio.high,
        tone=_TONES.get(pair.verdict, Tone.OPEN),
        told=_told(pair, comparison.measure),
        brief=_brief(pair, comparison.measure),
    )


def _told(pair: ComparedVariant, measure: Measure) -> str:
    if pair.ratio_b_to_a is None:
        return _without_figure(pair, measure)
    figure = numbers.ratio(pair.ratio_b_to_a)
    if pair.verdict is RunVerdict.NOT_COMPARABLE:
        return f"{figure}, no verdict"
    return f"{figure} {verdict_text(pair, measure)}"


def _brief(pair: ComparedVariant, measure: Measure) -> str:
    if pair.ratio_b_to_a is None:
        return _without_figure(pair, measure)
    word = verdict_word(pair.verdict, measure)
    if pair.verdict is RunVerdict.NOT_COMPARABLE:
        word = "no verdict"
    return f"{numbers.times(pair.ratio_b_to_a.mean)} {word}"


def _without_figure(pair: ComparedVariant, measure: Measure) -> str:
    if pair.verdict is RunVerdict.NOT_COMPARABLE:
        lacking = [run for run, values in (("A", pair.a), ("B", pair.b)) if not values]
        if lacking:
            return f"no figures in {' and '.join(lacking)}"
    return verdict_word(pair.verdict, measure)
