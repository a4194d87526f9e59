import msgspec
import pytest

from harness.analysis.causes.explain import Causes, explain
from harness.inputs.study import Condition
from harness.records.run import Run
from tests.toys.labelling import measured_condition
from tests.toys.ladder import HOP, STOCK, WATERFALL, ladder_run, ladder_study, ladder_trials


def causes_of(run: Run) -> Causes:
    trials = ladder_trials(run, noise=0.001)
    return explain(
        run,
        [
            measured_condition(run, c, [t for t in trials if t.condition == c])
            for c in run.study.conditions
        ],
    )


@pytest.fixture(scope="module")
def ladder() -> Causes:
    return causes_of(ladder_run())


def test_every_condition_tells_what_the_study_asks(ladder: Causes) -> None:
    (_, read) = ladder.conditions
    (fall,) = read.falls
    assert fall.steps[-1].variant == WATERFALL.steps[-1] == STOCK
    assert fall.steps[-1].called, "two threads of 120 µs"
    assert read.interactions[0].called is not None
    assert len(read.interactions) == 1
    assert len(read.slopes) == 1
    assert {"bridge", "one-hop"} <= {effect.contrast.name for effect in read.effects}


def test_endpoints_of_one_concurrency_share_a_price_list(ladder: Causes) -> None:
    (prices,) = ladder.prices
    assert {f.endpoint for f in prices.forecasts} == {"noop", "io_read"}
    assert ladder.trend == (), "one concurrency has no trend"


def test_a_trend_is_taken_from_variants_that_stand_at_every_concurrency() -> None:
    study = ladder_study({"io_read": 8})
    everyone = study.variants
    changed = msgspec.structs.replace(
        study,
        conditions=(
            Condition(endpoint="io_read", connections=8),
            Condition(endpoint="noop", connections=8),
            Condition(endpoint="io_read", connections=64, group="few"),
            Condition(endpoint="noop", connections=64, group="few"),
        ),
        groups={"few": everyone[:-2]},
    )
    found = causes_of(ladder_run(changed))
    assert [prices.connections for prices in found.trend] == [8, 64]
    assert [prices.variants for prices in found.trend] == [len(everyone) - 2] * 2
    assert [prices.variants for prices in found.prices] == [len(everyone), len(everyone) - 2]
    for prices in found.trend:
        price = prices.price("hop")
        assert price is not None
        assert price.value.mean == pytest.approx(HOP, rel=0.05)


def test_a_run_of_variants_without_a_common_factor_tells_nothing() -> None:
    study = ladder_study()
    bare = msgspec.structs.replace(
        study, variants=("full/stock", "lean/raw"), contrasts=(), waterfalls=(), squares=()
    )
    found = causes_of(ladder_run(bare))
    assert all(not c.effects and not c.falls and not c.interactions for c in found.conditions)
    assert found.prices == ()
