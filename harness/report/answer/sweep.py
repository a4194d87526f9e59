"""From where on which stack wins: the headline and the pictures of a sweep."""

from collections.abc import Sequence
from itertools import takewhile

from harness.analysis.analyse import Analysis
from harness.analysis.measures import Measure
from harness.inputs.kinds import Axis, Sweep, sweeps_of
from harness.records.run import Run
from harness.report.answer import ranking, scaling
from harness.report.answer.hero import Hero
from harness.report.answer.levels import ALIKE, Level, levels_of, quantity, span
from harness.report.answer.sweep_pictures import sweep_pictures
from harness.report.drawing.figures import Figures
from harness.report.words import numbers
from harness.report.words.sentences import brief_enough, capital, listed
from harness.report.words.verdicts import one_block

_GAPS = {
    Measure.CPU: "{worse} uses {ratio} times the CPU of {best}",
    Measure.THROUGHPUT: "{best} answers {ratio} times as many requests as {worse}",
    Measure.P99: "{worse} has {ratio} times the 99th percentile of {best}",
}
_COMPARED = {
    Measure.CPU: "the CPU",
    Measure.THROUGHPUT: "the throughput",
    Measure.P99: "the 99th percentile",
}
_LEAST_LEVELS = 2
_MOST_NAMES = 2


def headline(run: Run, analysis: Analysis) -> list[str]:
    """Who wins from where on, and by how much at the last value; or what more workers gain."""
    first = _first(sweeps_of(run.study), analysis)
    if first is not None and first.axis is Axis.WORKERS:
        return scaling.headline(run, analysis, first.endpoint)
    levels = _told_first(run, analysis)
    if len(levels) < _LEAST_LEVELS or all(len(lv.comparison.ranking) == 1 for lv in levels):
        return ranking.headline(run, analysis)
    if all(d.interval.low is None for lv in levels for d in lv.to_best.values()):
        return one_block(f"{levels[-1].best} comes first {levels[-1].at}")
    return [_who(levels), _how_much(levels, analysis)]


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """A picture for each sweep and measure; the measure of the headline comes first.

    Those of a ranking if no value has a neighbour with figures.
    """
    swept = sweeps_of(run.study)
    first = _first(swept, analysis)
    order = [*([first] if first else []), *(sweep for sweep in swept if sweep is not first)]
    found = [hero for sweep in order for hero in sweep_pictures(run, analysis, sweep, figures)]
    return found or ranking.heroes(run, analysis, figures)


def _first(swept: Sequence[Sweep], analysis: Analysis) -> Sweep | None:
    """The sweep that the headline tells: of requests that work, if there is one with a ranking."""
    usable = [s for s in swept if _known(s, analysis) >= _LEAST_LEVELS]
    working = [s for s in usable if s.endpoint != "noop"]
    return next(iter(working or usable), None)


def _known(sweep: Sweep, analysis: Analysis) -> int:
    """At how many of its values there is something to tell."""
    if sweep.axis is Axis.WORKERS:
        own = (s for s in analysis.scalings if s.endpoint == sweep.endpoint)
        return max((len(s.steps) for s in own), default=0)
    return len(levels_of(analysis, sweep))


def _told_first(run: Run, analysis: Analysis) -> list[Level]:
    sweep = _first(sweeps_of(run.study), analysis)
    return [] if sweep is None else levels_of(analysis, sweep)


def _who(levels: Sequence[Level]) -> str:
    """Who leads, and where."""
    if all(level.unshown and not level.failing for level in levels):
        return f"No stack is shown to be ahead {span(levels)}."
    alike = list(takewhile(lambda level: level.alike, levels))
    if 0 < len(alike) < len(levels):
        return f"{_up_to(alike)}, {_alike(alike)}."
    if len(alike) == len(levels):
        return f"All stacks answer within {_within(levels)} of each other {span(levels)}."
    return _leads(levels)


def _up_to(levels: Sequence[Level]) -> str:
    if len(levels) == 1:
        return capital(levels[0].at)
    return f"Up to {quantity(levels[-1].axis, levels[-1].value)}"


def _alike(levels: Sequence[Level]) -> str:
    """What the levels at which variants are alike have shown."""
    spreads = [level.spread for level in levels]
    if all(spread is not None and spread <= ALIKE for spread in spreads):
        what = _COMPARED[levels[0].comparison.measure]
        return f"{what} of all stacks is within {_within(levels)} of the best"
    return "no stack is shown to be ahead"


def _within(levels: Sequence[Level]) -> str:
    return numbers.at_most(max(level.spread or 0.0 for level in levels))


def _leads(levels: Sequence[Level]) -> str:
    """Who leads at the last value, from which value on, and who was ahead before."""
    winner, last = levels[-1].best, levels[-1]
    held = list(takewhile(lambda level: winner in level.leaders, reversed(levels)))
    shared = any(level.leaders != {winner} for level in held)
    verb = "leads or ties" if shared else "leads"
    if len(held) == len(levels):
        return f"{winner} {verb} {span(levels)}."
    before = levels[: len(levels) - len(held)]
    earlier = before[-1].best
    start = quantity(last.axis, held[-1].value)
    if all(earlier in level.leaders for level in before):
        tied = any(level.leaders != {earlier} for level in before)
        led = "leads or ties" if tied else "leads"
        return f"{_up_to(before)}, {earlier} {led}; from {start} on, {winner} {verb}."
    return f"From {start} on, {winner} {verb}; no stack leads at all values before."


def _how_much(levels: Sequence[Level], analysis: Analysis) -> str:
    """The distance at the last value, or who answered nothing there."""
    last = levels[-1]
    if last.failing:
        return f"{capital(last.at)}, {_failing(last)}; {_best_value(last)}."
    worse = _worse(last, analysis)
    if worse is None:
        most = max((d.at_most for d in last.to_best.values() if d.at_most), default=None)
        if most is None:
            return f"{capital(last.at)}, {last.best} comes first, within the margin."
        return f"{capital(last.at)}, differences from the best are at most {numbers.at_most(most)}."
    ratio = last.ratio(worse, analysis.baseline)
    assert ratio is not None
    text = f"{capital(last.at)}, {_gap(last, worse, ratio)}"
    first = levels[0]
    grown = first.ratio(worse, analysis.baseline) if first.best == last.best else None
    if grown is not None and worse not in first.leaders and not first.alike:
        longer = f"{text}; {first.at}, {numbers.rough(grown)} times."
        if brief_enough(longer):
            return longer
    return f"{text}."


def _failing(level: Level) -> str:
    """Who fails; who answers nothing at all is told so."""
    who, one = level.failing, len(level.failing) == 1
    names = f"{len(who)} stacks" if len(who) > _MOST_NAMES else listed(who)
    if set(who) == set(level.silent):
        return f"{names} {'gives' if one else 'give'} no correct answer"
    return f"{names} {'fails' if one else 'fail'}"


def _worse(level: Level, analysis: Analysis) -> str | None:
    """The baseline if it is behind the best, else the last that is."""
    behind = [name for name in level.comparison.ranking if name not in level.leaders]
    known = [name for name in behind if level.ratio(name, analysis.baseline) is not None]
    if analysis.baseline in known:
        return analysis.baseline
    return known[-1] if known else None


def _gap(level: Level, worse: str, ratio: float) -> str:
    text = _GAPS[level.comparison.measure]
    return text.format(worse=worse, best=level.best, ratio=numbers.rough(ratio))


_VALUES = {
    Measure.CPU: "{best} uses {value} µs of CPU per request",
    Measure.THROUGHPUT: "{best} answers {value} requests per second",
    Measure.P99: "{best} has a 99th percentile of {value} ms",
}


def _best_value(level: Level) -> str:
    value = numbers.number(level.comparison.estimates[level.best].mean)
    return _VALUES[level.comparison.measure].format(best=level.best, value=value)
