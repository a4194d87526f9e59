"""Variants that were measured under one condition in several runs: what came of it each time."""

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.inputs.study import Condition
from harness.records.comparability import reasons
from harness.records.differences import differences
from harness.records.run import Run

_LEAST_RUNS = 2


class Point(msgspec.Struct, frozen=True):
    """What one run says.

    number: of the run among those that are published, by date, the earliest being 1.
    estimates: absolute values with intervals over blocks, of the measures that the condition ranks
        by and that the run has.
    unranked: those of them by which the run itself ranks nobody, e.g. because PostgreSQL was the
        limit.
    ratio: to the run's baseline, by the condition's first measure; None of the baseline itself.
    changed: what is not as it was at the point before; empty at the first.
    apart: why it cannot be compared with the point before; empty where it can, and at the first.
    """

    number: int
    run: Run
    estimates: dict[Measure, Interval]
    ratio: Interval | None
    changed: tuple[str, ...]
    apart: tuple[str, ...] = ()
    unranked: frozenset[Measure] = frozenset()


class Trend(msgspec.Struct, frozen=True):
    """One variant under one condition, in two runs or more, in order of date.

    condition: without the name that a study may give to a group of variants.
    """

    variant: str
    condition: Condition
    points: tuple[Point, ...]

    @property
    def stretches(self) -> tuple[int, ...]:
        """For each point the number of the stretch it is in; within one, runs are comparable."""
        return tuple(accumulate(1 if point.apart else 0 for point in self.points))


def trends(found: Sequence[tuple[Run, Analysis]]) -> tuple[Trend, ...]:
    """All that can be followed from run to run, those of one condition together.

    Args:
        found: runs with what came of them, in order of date. Ramps of Locust have no intervals, and
            are not followed.
    """
    points: dict[Condition, dict[str, list[Point]]] = {}
    for number, (run, analysis) in enumerate(found, start=1):
        for result in analysis.conditions:
            condition = msgspec.structs.replace(result.condition, group=None)
            known = points.setdefault(condition, {})
            for variant in _variants(analysis, result):
                before = known.setdefault(variant, [])
                if not before or before[-1].run is not run:
                    before.append(_point(number, run, result, variant, before[-1:]))
    return tuple(
        Trend(variant, condition, tuple(each))
        for condition, variants in points.items()
        for variant, each in variants.items()
        if len(each) >= _LEAST_RUNS
    )


def _variants(analysis: Analysis, result: ConditionResult) -> list[str]:
    estimates = result.comparisons[ranked(result.condition)[0]].estimates
    return [name for name in estimates if name != analysis.duplicate]


def _point(
    number: int, run: Run, result: ConditionResult, variant: str, before: Sequence[Point]
) -> Point:
    measures = ranked(result.condition)
    estimates = {m: result.comparisons[m].estimates.get(variant) for m in measures}
    return Point(
        number=number,
        run=run,
        estimates={m: value for m, value in estimates.items() if value is not None},
        ratio=result.comparisons[measures[0]].ratios.get(variant),
        changed=tuple(d for point in before for d in differences(point.run, run, variant)),
        apart=tuple(reason for point in before for reason in reasons(point.run, run)),
        unranked=frozenset(m for m in estimates if result.comparisons[m].unsaid),
    )
