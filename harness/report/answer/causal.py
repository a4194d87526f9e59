"""What a difference comes from: the headline and the waterfalls of a study of causes."""

import math
import re
from collections.abc import Sequence

from harness.analysis.analyse import Analysis
from harness.analysis.causes.contrasts import Effect
from harness.analysis.causes.explain import ConditionCauses
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.inputs.conditions import brief
from harness.records.run import Run
from harness.report.answer import ranking
from harness.report.answer.hero import Hero
from harness.report.answer.steps import largest_cause, working
from harness.report.charts.causes import waterfall_chart
from harness.report.charts.forest import (
    ForestAxis,
    ForestRow,
    Tone,
    forest_alternative,
    forest_chart,
)
from harness.report.drawing.figures import Figures
from harness.report.words import causes as cause_words
from harness.report.words import decisions, numbers
from harness.report.words.changes import step_names
from harness.report.words.sentences import capital


def headline(run: Run, analysis: Analysis) -> list[str]:
    """What the whole difference is, and its largest cause."""
    causes = working(analysis)
    fallen = next((item for item in causes if item.falls), None)
    if fallen is not None:
        fall = fallen.falls[0]
        whole = (
            f"{fall.steps[-1].variant} uses {numbers.rough(fall.ratio.mean)} times the CPU of "
            f"{fall.first} on {_where(fallen, analysis)}."
        )
        return [whole, largest_cause(run, fall)]
    declared = [item for item in causes if _declared(item)]
    if declared:
        return _effects(declared[0], analysis)
    return ranking.headline(run, analysis)


def _declared(item: ConditionCauses) -> list[Effect]:
    return [e for e in item.effects if e.factor is None and e.contrast.against is None]


def _effects(item: ConditionCauses, analysis: Analysis) -> list[str]:
    """The first declared effect, and the largest of the others."""
    first, *others = _declared(item)
    where = _where(item, analysis)
    told = [f"{_effect(first)} on {where}."]
    shown = [effect for effect in others if effect.called]
    if shown:
        most = max(shown, key=lambda effect: abs(math.log(effect.cpu.mean)))
        told.append(f"{_effect(most)} there.")
    elif others and first.called is None:
        told.append("One block gives estimates, and no verdict.")
    return told


def _effect(effect: Effect) -> str:
    ratio = numbers.rough(effect.cpu.mean)
    text = f"{effect.contrast.of} uses {ratio} times the CPU of {effect.contrast.to}"
    return text if effect.called is not False else f"{text}, which is not a shown difference,"


def _where(item: ConditionCauses, analysis: Analysis) -> str:
    among: Sequence[ConditionCauses] = analysis.causes.conditions
    return brief(item.condition, [other.condition for other in among])


_WIDE, _NARROW = 1060, 330
"""Pixels of a waterfall on a screen and on a phone."""


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """The first waterfall under every condition that has it, or else the declared effects.

    Without either they are dot plots.
    """
    first = working(analysis)
    ordered = sorted(analysis.causes.conditions, key=lambda item: item not in first)
    fallen = [_waterfall(run, analysis, item, figures) for item in ordered if item.falls]
    if fallen:
        return fallen
    declared = [_forest(run, analysis, item, figures) for item in ordered if _declared(item)]
    return declared or ranking.heroes(run, analysis, figures)


def _waterfall(run: Run, analysis: Analysis, item: ConditionCauses, figures: Figures) -> Hero:
    fall, name = item.falls[0], item.condition.name
    causes = step_names(run, fall)
    told = cause_words.fall_sentences(fall, causes)
    title = f"{fall.title}: {_where(item, analysis)}"
    wide, narrow = (
        figures.add(f"waterfall-{name}{suffix}", title, waterfall_chart(fall, causes, width), told)
        for suffix, width in (("", _WIDE), ("-narrow", _NARROW))
    )
    return Hero(wide, name, item.condition.endpoint, Measure.CPU.value, narrow)


def _forest(run: Run, analysis: Analysis, item: ConditionCauses, figures: Figures) -> Hero:
    """The declared effects under one condition, by the measure that it ranks by first."""
    name, where = item.condition.name, _where(item, analysis)
    measure = ranked(item.condition)[0]
    by_throughput = measure is Measure.THROUGHPUT
    effects = [
        (effect, effect.throughput if by_throughput else effect.cpu) for effect in _declared(item)
    ]
    rows = [_forest_row(effect, ratio, higher_is_better=by_throughput) for effect, ratio in effects]
    axis = ForestAxis(
        title=f"ratio of {'throughput' if by_throughput else 'CPU per request'}",
        band=run.study.margin,
        band_label=decisions.same(run.study.margin),
    )
    title = f"{capital(where)}: declared effects"
    told = forest_alternative(rows, axis)
    wide, narrow = (
        figures.add(
            f"effects-{name}{suffix}",
            title,
            forest_chart(rows, axis, phone=phone, long_labels=True),
            told,
        )
        for suffix, phone in (("", False), ("-narrow", True))
    )
    return Hero(wide, name, item.condition.endpoint, measure.value, narrow)


_LETTERS = re.compile(r" \([A-Z0-9a-z+]+ / [A-Z0-9a-z+]+\)$")
"""How older studies end a title: the arms' letters, which nobody can decode."""


def _forest_row(effect: Effect, ratio: Interval | None, *, higher_is_better: bool) -> ForestRow:
    label = _LETTERS.sub("", effect.contrast.title)
    if ratio is None:
        return ForestRow(label, "", None, None, None, Tone.OPEN, "something else was the limit")
    called = effect.called if not higher_is_better else _excludes_one(ratio)
    better = (ratio.mean > 1) is higher_is_better
    tone = (Tone.BETTER if better else Tone.WORSE) if called else Tone.OPEN
    unclear = {True: "", False: ", not shown", None: ", one block"}[called]
    return ForestRow(
        label, "", ratio.mean, ratio.low, ratio.high, tone,
        f"{numbers.times(ratio.mean)}×{unclear}",
    )  # fmt: skip


def _excludes_one(ratio: Interval) -> bool | None:
    if ratio.low is None or ratio.high is None:
        return None
    return ratio.low > 1 or ratio.high < 1
