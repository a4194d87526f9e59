"""The price list of a run, for others."""

import msgspec
import pytest

from harness.analysis.causes.explain import prices_of
from harness.analysis.causes.kept_prices import (
    KeptPrices,
    kept_prices,
    may_have_prices,
    tolls_taken,
)
from harness.analysis.causes.prices import CONNECT as CONNECT_NAME
from harness.analysis.causes.prices import THREAD as THREAD_NAME
from harness.analysis.causes.prices import of_one_factor
from harness.inputs.study import Condition
from tests.toys.ab import measured, of_the_ladder
from tests.toys.labelling import measured_conditions
from tests.toys.ladder import (
    CONNECT,
    HOP,
    REUSED,
    STOCK,
    THREAD,
    ladder_run,
    ladder_study,
    ladder_trials,
    true_cost,
)
from tests.toys.ramps import ramp_run

RUN = ladder_run()
READ = Condition(endpoint="io_read", connections=8)


@pytest.fixture(scope="module")
def kept() -> KeptPrices:
    found = kept_prices(RUN, ladder_trials(RUN, noise=0.002))
    assert found is not None
    return found


def test_it_has_the_prices_of_tolls_and_knows_where_they_are_from(kept: KeptPrices) -> None:
    (prices,) = kept.lists
    by_name = {price.name: price.value.mean for price in prices.prices}
    assert by_name == {
        "hop (asgiref)": pytest.approx(HOP, rel=0.05),
        THREAD_NAME: pytest.approx(THREAD, rel=0.05),
        CONNECT_NAME: pytest.approx(CONNECT, rel=0.05),
    }
    assert (kept.run, kept.machine, kept.started_at) == (RUN.id, RUN.machine, RUN.started_at)


def test_its_checks_are_of_pairs_that_differ_in_one_factor(kept: KeptPrices) -> None:
    (prices,) = kept.lists
    assert (STOCK, REUSED) in {(check.of, check.to) for check in prices.checks}
    assert all(of_one_factor(RUN, check) for check in prices.checks)
    (unfiltered,) = prices_of(RUN, measured_conditions(RUN, ladder_trials(RUN, noise=0.002)))
    assert len(unfiltered.checks) > len(prices.checks)


def test_it_knows_what_each_variant_cost_under_each_condition(kept: KeptPrices) -> None:
    cost = kept.cost(STOCK, READ)
    assert cost is not None
    assert cost.mean == pytest.approx(true_cost(STOCK, "io_read"), rel=0.01)
    assert kept.cost(STOCK, msgspec.structs.replace(READ, group="few")) == cost
    for other in ({"endpoint": "io_create"}, {"rows": 7}):
        assert kept.cost(STOCK, msgspec.structs.replace(READ, **other)) is None
    assert kept.cost("full/unknown", READ) is None


def test_another_concurrency_has_the_list_and_the_costs_of_the_nearest(kept: KeptPrices) -> None:
    few, many = (msgspec.structs.replace(kept.lists[0], connections=n) for n in (4, 64))
    both = msgspec.structs.replace(kept, lists=(few, many))
    assert [both.at(n).connections for n in (1, 8, 30, 500)] == [4, 4, 64, 64]
    cost = kept.cost(STOCK, msgspec.structs.replace(READ, connections=32))
    assert cost == kept.cost(STOCK, READ)


def test_what_is_kept_can_be_written_and_read_again(kept: KeptPrices) -> None:
    text = msgspec.msgpack.encode(kept)
    assert msgspec.msgpack.decode(text, type=KeptPrices) == kept


def test_too_few_variants_and_other_loads_have_no_prices() -> None:
    assert may_have_prices(RUN)
    assert not may_have_prices(of_the_ladder()[0])
    assert not may_have_prices(ramp_run())
    assert not may_have_prices(msgspec.structs.replace(RUN, audits=()))
    unlike_tolls = [
        Condition(endpoint="io_read", connections=8, window_s=1.0),
        Condition(endpoint="io_read", connections=8, rate=100.0),
    ]
    study = msgspec.structs.replace(ladder_study(), conditions=tuple(unlike_tolls))
    assert not may_have_prices(ladder_run(study))
    run, trials = measured(1100.0)
    assert kept_prices(run, trials) is None


def test_a_run_tells_which_tolls_its_variants_take(kept: KeptPrices) -> None:
    (prices,) = kept.lists
    assert tolls_taken(RUN) == {price.name for price in prices.prices}
    assert tolls_taken(msgspec.structs.replace(RUN, audits=())) == frozenset()
