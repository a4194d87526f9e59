"""The values of a sweep, each with its comparison and its words."""

import math
from collections.abc import Sequence

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import Label
from harness.analysis.measures import Measure, ranked
from harness.analysis.missing import Absence, MissingFigures
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs.conditions import connections, workers
from harness.inputs.kinds import Axis, Sweep
from harness.records.plan import DUPLICATE
from harness.report.words.verdicts import times_behind, to_best

ALIKE = 0.1
"""Variants are alike if intervals exclude larger differences from the best, as a share."""
_OPEN = frozenset({Axis.RATE, Axis.SHARE})


class Level(msgspec.Struct, frozen=True):
    """One value of a sweep.

    comparison: by the measure that answers the sweep's question; it has a ranking.
    to_best: verdicts on the ratios to the first of the ranking.
    """

    axis: Axis
    value: float
    result: ConditionResult
    comparison: Comparison
    to_best: dict[str, Decision]

    @property
    def at(self) -> str:
        """The value after a clause: at 10 connections."""
        return where(self.axis, self.value)

    @property
    def best(self) -> str:
        """The first of the ranking."""
        return self.comparison.ranking[0]

    @property
    def leaders(self) -> frozenset[str]:
        """The best, and all that are not shown to differ from it by more than one block."""
        known = {n: d for n, d in self.to_best.items() if d.interval.low is not None}
        tied = {n for n, d in known.items() if d.verdict is not Verdict.DIFFERS}
        return frozenset({self.best, *tied})

    @property
    def unshown(self) -> bool:
        """Whether no difference from the best is shown."""
        return self.leaders >= set(self.comparison.ranking)

    @property
    def spread(self) -> float | None:
        """How far any variant may be from the best, as a share; None if a ratio has no interval."""
        most = 0.0
        for decision in self.to_best.values():
            if decision.interval.blocks == 1:
                continue
            low, high = decision.interval.low, decision.interval.high
            if low is None or high is None or low <= 0:
                return None
            most = max(most, max(abs(math.log(low)), abs(math.log(high))))
        return math.expm1(most)

    @property
    def alike(self) -> bool:
        """Whether all variants answer about as well as the best."""
        return not self.failing and (self.unshown or (self.spread or math.inf) <= ALIKE)

    @property
    def silent(self) -> tuple[str, ...]:
        """Variants that answered nothing."""
        return tuple(
            item.entry
            for item in self.result.missing
            if answered_nothing(item) and not item.entry.endswith(DUPLICATE)
        )

    @property
    def failing(self) -> tuple[str, ...]:
        """Variants that were asked and have no figure: they answered nothing, or failed."""
        return tuple(
            item.entry
            for item in self.result.missing
            if fails(item) and not item.entry.endswith(DUPLICATE)
        )

    def ratio(self, worse: str, baseline: str) -> float | None:
        """How many times as good the best is as another variant; None if it is unknown."""
        return times_behind(self.comparison, worse, baseline)


def levels_of(analysis: Analysis, sweep: Sweep) -> list[Level]:
    """The measured values of a sweep that have a ranking, ascending."""
    measure = deciding(analysis, sweep)
    found = []
    for value, result in results_of(analysis, sweep):
        comparison = result.comparisons[measure]
        if comparison.ranking:
            to = dict(to_best(comparison, analysis.baseline))
            kept = {name: to[name] for name in comparison.ranking[1:] if name in to}
            found.append(Level(sweep.axis, value, result, comparison, kept))
    return found


def results_of(analysis: Analysis, sweep: Sweep) -> list[tuple[float, ConditionResult]]:
    """The measured values of a sweep, ascending."""
    known = {result.condition: result for result in analysis.conditions}
    return [(value, known[c]) for value, c in sweep.points if c in known]


def deciding(analysis: Analysis, sweep: Sweep) -> Measure:
    """The measure that tells who wins: throughput in a closed loop, else latency, else cost."""
    wanted = Measure.P99 if sweep.axis in _OPEN else Measure.THROUGHPUT
    if sweep.axis is Axis.WORKERS:
        return wanted  # how it grows can be told where nobody can be ranked by it
    results = [result for _, result in results_of(analysis, sweep)]
    if any(result.comparisons[wanted].ranking for result in results):
        return wanted
    return ranked(sweep.conditions[0])[0]


def answered_nothing(item: MissingFigures) -> bool:
    """Whether it was asked, and no correct answer came."""
    return item.label is Label.STARVED


def fails(item: MissingFigures) -> bool:
    """Whether it was asked, and has no figure: no answer came, or too many requests failed."""
    return item.absence is Absence.FAILED


_LEGS = {Axis.DATABASE_MS: "database", Axis.CLIENT_MS: "client"}


def quantity(axis: Axis, value: float) -> str:
    """A value of an axis as a noun."""
    match axis:
        case Axis.CONNECTIONS:
            return connections(int(value)) if value < 1_000 else f"{value:,.0f} connections"
        case Axis.RATE:
            return f"{value:,g} arrivals per second"
        case Axis.SHARE:
            return f"{100 * value:g} % of capacity"
        case Axis.ROWS:
            return f"{value:,.0f} row{'' if value == 1 else 's'}"
        case Axis.DATABASE_MS | Axis.CLIENT_MS:
            return f"+{value:g} ms to the {_LEGS[axis]}"
        case Axis.WORKERS:
            return workers(int(value))


def short(axis: Axis, value: float) -> str:
    """A value of an axis without its unit."""
    return f"{100 * value:g} %" if axis is Axis.SHARE else f"{value:,g}"


def where(axis: Axis, value: float) -> str:
    """A value of an axis after a clause, as `at 10 connections`."""
    if axis in _LEGS and not value:
        return "without added latency"
    return f"{'with' if axis in _LEGS or axis is Axis.WORKERS else 'at'} {quantity(axis, value)}"


TITLES = {
    Axis.CONNECTIONS: "connections",
    Axis.RATE: "arrivals per second",
    Axis.SHARE: "share of each stack's capacity",
    Axis.ROWS: "rows per response",
    Axis.DATABASE_MS: "ms added to the round trip to the database",
    Axis.CLIENT_MS: "ms added to the round trip to the client",
    Axis.WORKERS: "workers of each server",
}
"""Of a chart's horizontal axis."""


def span(levels: Sequence[Level]) -> str:
    """The whole of a sweep, after a clause."""
    axis, last = levels[0].axis, quantity(levels[0].axis, levels[-1].value)
    if axis in _LEGS and not levels[0].value:
        return f"up to {last}"
    return f"from {short(axis, levels[0].value)} to {last}"
