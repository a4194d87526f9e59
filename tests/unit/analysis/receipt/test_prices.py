"""Prices from a ladder whose truth is known."""

import random

import pytest

from harness.analysis.causes.kept_prices import KeptPrices
from harness.analysis.causes.prices import CONNECT, THREAD, Price, PriceList
from harness.analysis.receipt.prices import (
    MEASURED_HERE,
    WRAPPER,
    TakenPrices,
    hop,
    hop_that_waits,
    is_toll,
    measured_prices,
    names_in_runs,
    step_costs,
)
from harness.analysis.stats.intervals import Interval
from harness.records.observation import LadderStep, Loaded, LoadedBlock

HOP = hop("asgiref")
WAITING = hop_that_waits("asgiref")
TRUTH = {
    "request": 60.0, "work": 12.0, "context": 5.0, HOP: 70.0, THREAD: 150.0, CONNECT: 3_000.0,
    "asking": 20.0, "query": 60.0, WAITING: 100.0, WRAPPER: 110.0,
}  # fmt: skip
STEPS: dict[str, dict[str, float]] = {
    "none": {"request": 1},
    "one": {"request": 1, "context": 1, "work": 4, HOP: 1},
    "four": {"request": 1, "context": 1, "work": 4, HOP: 4},
    "own-one": {"request": 1, "context": 1, "work": 4, HOP: 1, THREAD: 2},
    "own-four": {"request": 1, "context": 1, "work": 4, HOP: 4, THREAD: 2},
    "connect": {"request": 1, "context": 1, "work": 4, HOP: 1, CONNECT: 1},
    "ask-one": {"request": 1, "asking": 1, "query": 4, WAITING: 1},
    "ask-four": {"request": 1, "asking": 1, "query": 4, WAITING: 4},
    "own-ask-one": {"request": 1, "asking": 1, "query": 4, WAITING: 1, THREAD: 2, WRAPPER: 1},
}
BLOCKS = 4


def ladder(
    noise: float = 0.0, speeds: tuple[float, ...] = (1.0,) * BLOCKS, seed: int = 1
) -> dict[str, LadderStep]:
    draw = random.Random(seed)
    return {
        name: LadderStep(
            terms,
            tuple(
                LoadedBlock(
                    block=block,
                    cpu_ns=round(
                        1_000_000
                        * sum(count * TRUTH[term] for term, count in terms.items())
                        * speed
                        * draw.lognormvariate(0.0, noise)
                    ),
                    correct=1_000,
                    failed=0,
                    load_ns=10**9,
                )
                for block, speed in enumerate(speeds)
            ),
        )
        for name, terms in STEPS.items()
    }


def test_prices_are_found_and_the_work_of_the_requests_is_no_price() -> None:
    prices = measured_prices(Loaded(32, {}, ladder=ladder()))
    assert prices is not None
    shown = prices.prices
    assert (shown.source, shown.connections) == (MEASURED_HERE, 32)
    assert {tag.name: round(tag.value.mean, 2) for tag in shown.tags} == {
        name: price for name, price in TRUTH.items() if is_toll(name)
    }


def test_a_slow_block_is_brought_to_the_speed_of_the_others() -> None:
    prices = measured_prices(Loaded(32, {}, ladder=ladder(speeds=(1.0, 1.3, 0.8, 1.0))))
    assert prices is not None
    values = list(prices.by_block[HOP].values())
    assert max(values) == pytest.approx(min(values))
    assert values[0] == pytest.approx(70.0, rel=0.05)


def test_a_sum_is_narrower_than_its_parts_where_they_come_from_one_fit() -> None:
    prices = measured_prices(Loaded(32, {}, ladder=ladder(noise=0.02)))
    assert prices is not None
    both = prices.total({HOP: 3.0, THREAD: 2.0})
    one, other = prices.total({HOP: 3.0}), prices.total({THREAD: 2.0})
    assert both is not None
    assert one is not None
    assert other is not None
    assert both.mean == pytest.approx(one.mean + other.mean)
    assert both.mean == pytest.approx(510.0, rel=0.05)
    assert both.half_width is not None
    assert one.half_width is not None
    assert other.half_width is not None
    assert both.half_width < one.half_width + other.half_width


def test_what_has_no_step_has_no_price() -> None:
    prices = measured_prices(Loaded(32, {}, ladder=ladder()))
    assert prices is not None
    assert prices.total({HOP: 1.0, "hop (anyio)": 1.0}) is None
    assert prices.total({}) is None


def without_queries() -> dict[str, LadderStep]:
    return {name: step for name, step in ladder().items() if "query" not in step.terms}


def test_a_hop_that_queries_costs_as_any_other_where_the_database_was_not_asked() -> None:
    prices = measured_prices(Loaded(32, {}, ladder=without_queries()))
    assert prices is not None
    assert prices.total({WRAPPER: 1.0}) is None
    both = prices.total({HOP: 1.0, hop_that_waits("asgiref"): 2.0})
    assert both is not None
    assert both.mean == pytest.approx(3 * 70.0)


def test_a_toll_that_the_steps_cannot_separate_has_no_price() -> None:
    steps = without_queries()
    for name in ("one", "own-one"):  # every step with context and work hops four times
        del steps[name]
    del steps["connect"]
    prices = measured_prices(Loaded(32, {}, ladder=steps))
    assert prices is not None
    assert set(prices.by_block) == {THREAD}


def test_a_step_without_a_correct_answer_is_left_out() -> None:
    steps = ladder()
    broken = tuple(LoadedBlock(block, 10**6, 0, 50, 10**9) for block in range(BLOCKS))
    steps["connect"] = LadderStep(STEPS["connect"], broken)
    prices = measured_prices(Loaded(32, {}, ladder=steps))
    assert prices is not None
    assert CONNECT not in prices.by_block
    assert HOP in prices.by_block


@pytest.mark.parametrize("steps", [{}, {"none": ladder()["none"]}], ids=["no step", "no toll"])
def test_without_tolls_there_are_no_prices(steps: dict[str, LadderStep]) -> None:
    assert measured_prices(Loaded(32, {}, ladder=steps)) is None


def test_steps_tell_what_a_request_of_each_costs() -> None:
    costs = step_costs(ladder())
    assert costs["none"].mean == pytest.approx(60.0)
    assert costs["four"].mean == pytest.approx(393.0)


def kept(connections: int, **values: float) -> PriceList:
    prices = tuple(
        Price(
            name,
            Interval(value, value - 5, value + 5, 2.0, 2),
            (),
            {0: value - 2, 1: value + 2},
            {"a": value - 1, "b": value + 1},
        )
        for name, value in values.items()
    )
    return PriceList(connections, 20, prices, (), (), ())


def test_prices_of_a_kept_run_are_those_of_the_nearest_concurrency() -> None:
    run = KeptPrices(
        "bridge-1", "2026-11-21", {},
        (kept(1, **{HOP: 130.0}), kept(64, **{HOP: 70.0, THREAD: 170.0})), (),
    )  # fmt: skip
    prices = TakenPrices(run, 32)
    assert (prices.prices.source, prices.prices.connections) == ("bridge-1", 64)
    assert {tag.name: tag.value.mean for tag in prices.prices.tags} == {HOP: 70.0, THREAD: 170.0}
    assert all("kept run" in tag.how for tag in prices.prices.tags)
    total = prices.total({HOP: 1.0, hop_that_waits("asgiref"): 2.0, THREAD: 1.0})
    assert total is not None  # a run has one price for all hops of a kind
    assert total.mean == pytest.approx(3 * 70.0 + 170.0)
    assert prices.total({CONNECT: 1.0}) is None
    assert prices.total({WRAPPER: 1.0}) is None


def test_it_is_told_which_run_lacks_which_price() -> None:
    run = KeptPrices("bridge-1", "2026-11-21", {}, (kept(64, **{HOP: 70.0}),), ())
    prices = TakenPrices(run, 32)
    assert "bridge-1 has no price for: hop (anyio)" in prices.lacking([hop("anyio")])
    both = prices.lacking([WRAPPER, hop("anyio")])
    assert "hop (anyio)" in both
    assert "a thread includes its database wrapper" in both
    assert "no price for" not in prices.lacking([WRAPPER])


def test_a_run_has_one_name_for_all_hops_of_a_kind() -> None:
    assert names_in_runs([HOP, WAITING, THREAD]) == {HOP, THREAD}
