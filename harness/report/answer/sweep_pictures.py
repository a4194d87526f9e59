"""The pictures of a sweep: a curve with its band for every variant, and crossings."""

from collections.abc import Sequence

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import PERCENTILES, Measure
from harness.analysis.waiting import Waiting
from harness.inputs.conditions import brief
from harness.inputs.kinds import Axis, Sweep, sweeps_of
from harness.records.run import Run
from harness.report.answer.crossings import Crossing, crossings
from harness.report.answer.hero import Hero
from harness.report.answer.levels import (
    TITLES,
    deciding,
    fails,
    quantity,
    results_of,
    short,
    where,
)
from harness.report.charts.lines import (
    MOST_NAMED,
    NARROW,
    WIDE,
    Axes,
    Curve,
    Mark,
    Point,
    crossing_of,
    line_chart,
)
from harness.report.charts.specification import colours
from harness.report.drawing.figures import Figures
from harness.report.words import numbers
from harness.report.words.missing import without_answers
from harness.report.words.sentences import capital, listed

_MEASURES = (Measure.THROUGHPUT, Measure.P99, Measure.CPU, Measure.MEMORY)
"""Those that the page's controls offer."""
_LEAST_POINTS = 2
_MOST_MARKS = 3


def sweep_pictures(run: Run, analysis: Analysis, sweep: Sweep, figures: Figures) -> list[Hero]:
    """A picture for each measure that has values at two places or more; the deciding one first."""
    first = deciding(analysis, sweep)
    results = results_of(analysis, sweep)
    order = [first, *(measure for measure in _MEASURES if measure is not first)]
    return [
        _picture(run, analysis, sweep, measure, figures)
        for measure in order
        if sum(bool(result.comparisons[measure].estimates) for _, result in results)
        >= _LEAST_POINTS
    ]


def _picture(
    run: Run, analysis: Analysis, sweep: Sweep, measure: Measure, figures: Figures
) -> Hero:
    results = results_of(analysis, sweep)
    lines = _lines(run, results, measure)
    if measure is Measure.THROUGHPUT and analysis.waiting is not None:
        lines = [*lines, *_ideal(analysis.waiting, sweep)]
    found = _told(results, measure, lines, analysis.baseline)
    marks, told = _marks(found, lines, sweep.axis)
    others = len(lines) - MOST_NAMED
    captions = [*told, *_fewer(run, results, measure, lines)]
    if others > 0:
        captions.append(f"In grey: {others} more stacks.")
    axes = Axes(
        x=TITLES[sweep.axis],
        y=measure.heading,
        shares=sweep.axis is Axis.SHARE,
        answerless_high=measure.lower_is_better,
    )
    stem = f"sweep-{sweep.endpoint}-{sweep.axis.value}-{measure.value}"
    title = f"{capital(what_of(run, sweep))}: {measure.heading} by {TITLES[sweep.axis]}"
    alt = " ".join([f"{title}.", *(_spoken(line, sweep.axis) for line in lines), *told])
    return Hero(
        figures.add(stem, title, line_chart(lines, axes, WIDE, marks, captions), alt, wide=True),
        condition=results[-1][1].condition.name,
        endpoint=sweep.endpoint,
        measure=measure.value,
        narrow=figures.add(
            f"{stem}-narrow", title, line_chart(lines, axes, NARROW, marks, captions), alt
        ),
    )


def _lines(
    run: Run, results: Sequence[tuple[float, ConditionResult]], measure: Measure
) -> list[Curve]:
    """The variants that have a point, the best at the last value first."""
    palette = colours(run.measured)
    lines = [
        Curve(name, palette[name], points, _note(name, results))
        for name in run.measured
        if (points := _points(name, results, measure))
    ]
    if len(lines) <= MOST_NAMED:
        return lines
    return sorted(lines, key=lambda line: _place(line, run.study.baseline, measure))


_IDEAL = "#8a939c"


def _ideal(waiting: Waiting, sweep: Sweep) -> list[Curve]:
    """What the waiting allows: a line beside those of the stacks, where it is a sweep of these."""
    conditions = {level.condition for level in waiting.levels}
    if sweep.axis is not Axis.CONNECTIONS or not conditions >= set(sweep.conditions):
        return []
    seconds = waiting.wait_ms / 1e3
    points = tuple(Point(value, value / seconds) for value, _ in sweep.points)
    return [Curve(f"the ideal: connections / {seconds:g} s", _IDEAL, points)]


def _place(line: Curve, baseline: str, measure: Measure) -> tuple[bool, float]:
    """The baseline first, then by the last value, the best first."""
    last = line.points[-1].y
    worst = float("inf")
    value = worst if last is None else last if measure.lower_is_better else -last
    return line.name != baseline, value


def _points(
    name: str, results: Sequence[tuple[float, ConditionResult]], measure: Measure
) -> tuple[Point, ...]:
    found = []
    for value, result in results:
        estimate = result.comparisons[measure].estimates.get(name)
        why = result.why_missing(name)
        if estimate is not None:
            found.append(Point(value, estimate.mean, estimate.low, estimate.high))
        elif why is not None and fails(why) and measure is not Measure.MEMORY:
            found.append(Point(value, None))
    return tuple(found)


def _note(name: str, results: Sequence[tuple[float, ConditionResult]]) -> str:
    """What is told of a variant that failed at some value, of the last such one."""
    missing = [why for _, result in results if (why := result.why_missing(name)) is not None]
    return next((without_answers(why) for why in reversed(missing) if fails(why)), "")


def _fewer(
    run: Run,
    results: Sequence[tuple[float, ConditionResult]],
    measure: Measure,
    lines: Sequence[Curve],
) -> list[str]:
    """Which variants have answers, and too few of them for this measure."""
    drawn = {line.name for line in lines}
    answering = {n for _, r in results for n in r.comparisons[Measure.THROUGHPUT].estimates}
    few = [name for name in run.measured if name in answering - drawn]
    if not few or measure not in PERCENTILES:
        return []
    return [f"Too few answers for this percentile: {listed(few)}."]


def _told(
    results: Sequence[tuple[float, ConditionResult]],
    measure: Measure,
    lines: Sequence[Curve],
    baseline: str,
) -> list[Crossing]:
    """The crossings of named lines; those with the baseline or the last winner come first."""
    ranked = [
        (value, result.comparisons[measure])
        for value, result in results
        if result.comparisons[measure].ranking
    ]
    if not ranked:
        return []
    named = {line.name for line in lines[:MOST_NAMED]}
    noted = {baseline, ranked[-1][1].ranking[0]}
    failing = {value: _failing_always(result) for value, result in results}
    found = [c for c in crossings(ranked, failing) if {c.ahead, c.behind} <= named]
    return sorted(found, key=lambda c: not {c.ahead, c.behind} & noted)[:_MOST_MARKS]


_LEAST_BLOCKS = 2
"""One failed trial may be an accident."""


def _failing_always(result: ConditionResult) -> frozenset[str]:
    """The variants that failed in every block."""
    return frozenset(i.entry for i in result.missing if fails(i) and i.trials >= _LEAST_BLOCKS)


def _marks(
    found: Sequence[Crossing], lines: Sequence[Curve], axis: Axis
) -> tuple[list[Mark], list[str]]:
    """Rings where lines cross as drawn, and sentences.

    What lies between two measured values is unknown, so both tell the values and no place between.
    """
    by_name = {line.name: line for line in lines}
    places = [
        (crossing, crossing_of(lines, by_name[crossing.ahead], by_name[crossing.behind]))
        for crossing in found
    ]
    marks = [
        Mark(*inside[0], label=f"{crossing.before:,g} to {crossing.after:,g}")
        for crossing, all_ in places
        if (inside := [p for p in all_ if crossing.before <= p[0] <= crossing.after])
    ]
    overtaken: dict[tuple[str, float, float, tuple[float, ...]], list[str]] = {}
    for c in found:
        overtaken.setdefault((c.ahead, c.before, c.after, c.undecided), []).append(c.behind)
    return marks, [_overtakes(*key, behind, axis) for key, behind in overtaken.items()]


def _overtakes(
    ahead: str,
    before: float,
    after: float,
    undecided: Sequence[float],
    behind: Sequence[str],
    axis: Axis,
) -> str:
    between = f"between {short(axis, before)} and {quantity(axis, after)}"
    text = f"{ahead} overtakes {listed(behind)} {between}"
    if undecided:
        text += f"; undecided at {listed([short(axis, value) for value in undecided])}"
    return f"{text}."


def what_of(run: Run, sweep: Sweep) -> str:
    """What is requested in a sweep, and what tells it from the run's other sweeps."""
    heads = [other.conditions[0] for other in sweeps_of(run.study)]
    return brief(sweep.conditions[0], heads)


def _spoken(line: Curve, axis: Axis) -> str:
    values = [
        f"{'no figure' if p.y is None else numbers.number(p.y)} {where(axis, p.x)}"
        for p in line.points
    ]
    note = f" ({line.note})" if line.note else ""
    return f"{line.name}: {', '.join(values)}{note}."
