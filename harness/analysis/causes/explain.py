"""Explain why variants differ: contrasts, waterfalls, interactions, slopes and prices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.causes.contrasts import Effect, Hypothesis, effects
from harness.analysis.causes.levels import Levels, levels
from harness.analysis.causes.prices import PriceList, Row, price_list, rows_of
from harness.analysis.causes.slopes import Slope, slopes
from harness.analysis.causes.squares import Interaction, interaction
from harness.analysis.causes.waterfalls import Fall, fall
from harness.analysis.condition import MeasuredCondition
from harness.inputs.study import Condition
from harness.records.run import Run


class ConditionCauses(msgspec.Struct, frozen=True):
    """The causes under one condition."""

    condition: Condition
    effects: tuple[Effect, ...]
    falls: tuple[Fall, ...]
    interactions: tuple[Interaction, ...]
    slopes: tuple[Slope, ...]


class Causes(msgspec.Struct, frozen=True):
    """The causes that a run shows.

    prices: by concurrency, from all variants measured at it.
    trend: likewise, only from the variants that were measured at every concurrency, so that one
        list can be compared with another; empty with one concurrency.
    """

    conditions: tuple[ConditionCauses, ...]
    prices: tuple[PriceList, ...]
    trend: tuple[PriceList, ...]


def explain(run: Run, conditions: Sequence[MeasuredCondition]) -> Causes:
    """Estimate every cause that the study's design identifies.

    A search for the highest rate and a second load give no cost per request: both are left out.
    """
    conditions = _priced(conditions)
    by_condition = {measured.condition: levels(measured) for measured in conditions}
    untested = [
        _condition(run, measured, by_condition[measured.condition]) for measured in conditions
    ]
    others = [hypothesis for causes in untested for hypothesis in _hypotheses(causes)]
    contrasts, called = effects(run, conditions, others)
    rows = _rows(run, by_condition)
    return Causes(
        conditions=tuple(
            _tested(causes, contrasts[causes.condition], called) for causes in untested
        ),
        prices=_lists(run, rows),
        trend=_lists(run, _everywhere(rows)) if len(rows) > 1 else (),
    )


def prices_of(run: Run, conditions: Sequence[MeasuredCondition]) -> tuple[PriceList, ...]:
    """The price lists of `explain` alone, which take far less time than all causes."""
    alike = [measured for measured in _priced(conditions) if measured.condition.window_s is None]
    return _lists(run, _rows(run, {measured.condition: levels(measured) for measured in alike}))


def _priced(conditions: Sequence[MeasuredCondition]) -> list[MeasuredCondition]:
    return [
        measured
        for measured in conditions
        if measured.condition.objective is None and measured.condition.beside is None
    ]


def _condition(run: Run, measured: MeasuredCondition, costs: Levels) -> ConditionCauses:
    """Without contrasts and tests, which are adjusted for the number of tests in the study."""
    falls = (fall(run, waterfall, measured, costs) for waterfall in run.study.waterfalls)
    squares = (interaction(run, square, measured, costs) for square in run.study.squares)
    return ConditionCauses(
        condition=measured.condition,
        effects=(),
        falls=tuple(item for item in falls if item is not None),
        interactions=tuple(item for item in squares if item is not None),
        slopes=slopes(run, costs),
    )


def _hypotheses(causes: ConditionCauses) -> list[Hypothesis]:
    condition = causes.condition
    steps = [hypothesis for item in causes.falls for hypothesis in item.hypotheses(condition)]
    return [*steps, *(item.hypothesis(condition) for item in causes.interactions)]


def _tested(
    causes: ConditionCauses,
    contrasts: tuple[Effect, ...],
    called: Mapping[tuple[Condition, str], bool],
) -> ConditionCauses:
    condition = causes.condition
    return msgspec.structs.replace(
        causes,
        effects=contrasts,
        falls=tuple(item.tested(condition, called) for item in causes.falls),
        interactions=tuple(item.tested(condition, called) for item in causes.interactions),
    )


def _rows(run: Run, by_condition: Mapping[Condition, Levels]) -> dict[int, list[Row]]:
    """By concurrency; only from saturating closed loops, where a request's cost is its own."""
    rows: dict[int, list[Row]] = defaultdict(list)
    for condition, costs in by_condition.items():
        if condition.window_s is None:
            rows[condition.connections] += rows_of(run, condition.endpoint, costs)
    return {connections: rows[connections] for connections in sorted(rows)}


def _everywhere(rows: Mapping[int, list[Row]]) -> dict[int, list[Row]]:
    """The rows whose variant and endpoint were measured at every concurrency."""
    keys = [{(row.variant, row.endpoint) for row in some} for some in rows.values()]
    shared = set.intersection(*keys) if keys else set()
    return {
        connections: [row for row in some if (row.variant, row.endpoint) in shared]
        for connections, some in rows.items()
    }


def _lists(run: Run, rows: Mapping[int, list[Row]]) -> tuple[PriceList, ...]:
    variant_of = {name: setup.variant for name, setup in run.study.setups.items()}
    lists = (price_list(connections, some, variant_of) for connections, some in rows.items())
    return tuple(prices for prices in lists if prices is not None)
