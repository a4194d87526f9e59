"""The price list that a run leaves behind, for others: what tolls cost there and then.

A price in microseconds is of one machine at one time. So the list also knows what each variant cost
there: another run that has one of them is as much slower as that variant costs more.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from harness.analysis.causes.explain import prices_of
from harness.analysis.causes.levels import levels, sum_of_levels
from harness.analysis.causes.prices import LEAST_VARIANTS, TOLLS, PriceList, of_one_factor, tolls_of
from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.labels.trials import label_trials
from harness.analysis.stats.intervals import Interval
from harness.inputs.factors import factors_of
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial


class KnownCost(msgspec.Struct, frozen=True, rename={"cost": "cost_us"}):
    """What a request of a variant cost in that run. cost: microseconds of server CPU."""

    variant: str
    condition: Condition
    cost: Interval


class KeptPrices(msgspec.Struct, frozen=True):
    """Prices of tolls, with the run and the machine that they are of.

    run, started_at, machine: as that run has them.
    lists: by concurrency; only prices of tolls, and their checks by single pairs.
    costs: of its variants, under the conditions that the lists are made of.
    """

    run: str
    started_at: str
    machine: dict[str, str | int]
    lists: tuple[PriceList, ...]
    costs: tuple[KnownCost, ...]

    def at(self, connections: int) -> PriceList:
        """The list of this concurrency, or else of the nearest, by ratio."""
        return min(
            self.lists,
            key=lambda prices: (
                max(connections, prices.connections) / min(connections, prices.connections)
            ),
        )

    def cost(self, variant: str, condition: Condition) -> Interval | None:
        """What a request of a variant cost there, at the concurrency of the list for this one.

        None if that was not measured under a condition that is otherwise the same.
        """
        there = msgspec.structs.replace(
            condition, connections=self.at(condition.connections).connections, group=None
        )
        found = (k.cost for k in self.costs if (k.variant, k.condition) == (variant, there))
        return next(found, None)


def is_priced(condition: Condition) -> bool:
    """Whether a request has a cost of its own there: in a saturating closed loop, alone."""
    return (
        condition.objective is None
        and condition.beside is None
        and condition.window_s is None
        and not condition.open_loop
    )


def may_have_prices(run: Run) -> bool:
    """Whether a run's design may tell prices apart, seen from its description alone.

    Its analysis takes seconds, and most runs compare too few variants with too few tolls.
    """
    if run.study.ramped or not any(is_priced(condition) for condition in run.study.conditions):
        return False
    kinds = {
        setup.variant if (setup := run.study.setups.get(name)) else name for name in run.measured
    }
    tolls = {(endpoint, tuple(counts.items())) for endpoint, counts in _counted(run)}
    endpoints = {endpoint for endpoint, _ in tolls}
    return len(kinds) >= LEAST_VARIANTS and len(tolls) > len(endpoints)


def tolls_taken(run: Run) -> frozenset[str]:
    """Names of the prices of all tolls that a run's variants take; its analysis may tell fewer."""
    return frozenset(name for _, counts in _counted(run) for name in counts)


def _counted(run: Run) -> Iterator[tuple[str, dict[str, float]]]:
    """Endpoint by endpoint and variant by variant, how many of each toll a request takes."""
    for audit in run.audits:
        if (name := audit.variant) in run.variants:
            for toll in audit.tolls:
                yield toll.endpoint, tolls_of(factors_of(name, run.variants[name]), toll)


def kept_prices(run: Run, trials: Sequence[Trial]) -> KeptPrices | None:
    """The price list of a run; None if its variants do not tell the price of any toll."""
    conditions = [
        measured
        for measured in conditions_of(run, label_trials(run, trials))
        if is_priced(measured.condition)
    ]
    lists = [_tolls_alone(run, prices) for prices in prices_of(run, conditions)]
    lists = [prices for prices in lists if prices.prices]
    if not lists:
        return None
    at = {prices.connections for prices in lists}
    return KeptPrices(
        run=run.id,
        started_at=run.started_at,
        machine=run.machine,
        lists=tuple(lists),
        costs=tuple(
            KnownCost(name, msgspec.structs.replace(measured.condition, group=None), cost)
            for measured in conditions
            if measured.condition.connections in at
            for name, cost in _costs(measured).items()
        ),
    )


def _tolls_alone(run: Run, prices: PriceList) -> PriceList:
    return msgspec.structs.replace(
        prices,
        prices=tuple(price for price in prices.prices if price.name.startswith(TOLLS)),
        untold=(),
        forecasts=(),
        checks=tuple(check for check in prices.checks if of_one_factor(run, check)),
    )


def _costs(measured: MeasuredCondition) -> Mapping[str, Interval]:
    by_entry = levels(measured)
    costs = {
        name: sum_of_levels(measured, by_entry, {name: 1.0}, sorted(by_entry[name]))
        for name in measured.variants
        if by_entry.get(name)
    }
    return {name: cost.interval() for name, cost in costs.items() if cost is not None}
