import random

import msgspec
import pytest

from harness.analysis.causes.prices import CONNECT as CONNECT_NAME
from harness.analysis.causes.prices import THREAD as THREAD_NAME
from harness.analysis.causes.prices import Row, fit_rows, price_list, rows_of
from tests.toys.ladder import (
    CONNECT,
    HOP,
    NO_POOL,
    RAW,
    REUSED,
    STACKS,
    STOCK,
    THREAD,
    ladder_run,
    ladder_study,
    true_cost,
)

RUN = ladder_run()
LEVELS = {
    endpoint: {
        name: {b: true_cost(name, endpoint) * (1 + 0.002 * b) for b in (1, 2, 3)}
        for name in RUN.study.everyone
    }
    for endpoint in ("noop", "io_read")
}


def all_rows() -> list[Row]:
    return [row for endpoint, found in LEVELS.items() for row in rows_of(RUN, endpoint, found)]


def test_prices_are_found_that_the_costs_were_made_of() -> None:
    found = price_list(8, all_rows())
    assert found is not None
    by_name = {price.name: price.value for price in found.prices}
    assert by_name["hop (asgiref)"].mean == pytest.approx(HOP, rel=0.01)
    assert by_name[THREAD_NAME].mean == pytest.approx(THREAD, rel=0.01)
    assert by_name[CONNECT_NAME].mean == pytest.approx(CONNECT, rel=0.01)
    assert by_name["stack: lean, toy"].mean == pytest.approx(STACKS["lean"], rel=0.01)


def test_setups_of_a_few_variants_tell_no_prices() -> None:
    """However many there are: other settings are no other tolls."""
    five = {name: f"of/{at % 5}" for at, name in enumerate(RUN.study.everyone)}
    six = {name: f"of/{at % 6}" for at, name in enumerate(RUN.study.everyone)}
    assert price_list(8, all_rows(), five) is None
    assert price_list(8, all_rows(), six) is not None


def test_a_variant_left_out_is_predicted_from_the_others() -> None:
    found = price_list(8, all_rows())
    assert found is not None
    errors = {(f.variant, f.endpoint): f.error for f in found.forecasts}
    assert errors[STOCK, "io_read"] == pytest.approx(0, abs=0.01)
    assert max(abs(error) for error in errors.values()) < 0.01


def test_what_only_one_variant_has_cannot_be_predicted_without_it() -> None:
    found = price_list(8, all_rows())
    assert found is not None
    predicted = {(f.variant, f.endpoint) for f in found.forecasts}
    assert (NO_POOL, "io_read") not in predicted, "nobody else opens connections"
    assert (NO_POOL, "noop") in predicted


def test_a_variant_that_costs_more_than_its_tolls_is_told_by_its_forecast() -> None:
    rows = [
        Row(r.variant, r.endpoint, r.terms, {b: v * 1.5 for b, v in r.levels.items()})
        if (r.variant, r.endpoint) == (STOCK, "io_read")
        else r
        for r in all_rows()
    ]
    found = price_list(8, rows)
    assert found is not None
    (forecast,) = [f for f in found.forecasts if (f.variant, f.endpoint) == (STOCK, "io_read")]
    assert forecast.error < -0.25


def test_a_price_that_leans_on_one_variant_has_a_wide_interval() -> None:
    plain = price_list(8, all_rows())
    bent = price_list(
        8,
        [
            Row(r.variant, r.endpoint, r.terms, {b: v + 300 for b, v in r.levels.items()})
            if r.variant == STOCK
            else r
            for r in all_rows()
        ],
    )
    assert plain is not None
    assert bent is not None
    widths = [
        next(p.value.half_width for p in found.prices if p.name == THREAD_NAME)
        for found in (plain, bent)
    ]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[1] > 5 * widths[0]


def test_a_price_of_one_variant_alone_says_so() -> None:
    found = price_list(8, all_rows())
    assert found is not None
    alone = {price.name: price.alone for price in found.prices}
    assert alone[CONNECT_NAME] == (NO_POOL,)
    assert alone[THREAD_NAME] == ()


def test_single_pairs_are_held_against_the_list() -> None:
    found = price_list(8, all_rows())
    assert found is not None
    checks = {(c.of, c.to, c.endpoint): c for c in found.checks}
    pair = checks[STOCK, REUSED, "io_read"]
    assert pair.name == THREAD_NAME
    assert pair.measured.mean == pytest.approx(THREAD, rel=0.01)
    assert checks[NO_POOL, STOCK, "io_read"].measured.mean == pytest.approx(CONNECT, rel=0.01)


def test_noise_draws_prices_neither_up_nor_down() -> None:
    """Weights by measured costs would: a cost that is low by chance would weigh more."""
    draw = random.Random(3)
    rows = [
        Row(r.variant, r.endpoint, r.terms, {1: r.mean * (1 + draw.gauss(0, 0.15))})
        for _ in range(60)
        for r in all_rows()
    ]
    unique = [  # few variants, because each is left out in turn
        Row(f"variant {at % 8}", row.endpoint, row.terms, row.levels) for at, row in enumerate(rows)
    ]
    found = fit_rows(unique, list(dict.fromkeys(t for r in unique for t in r.terms)))
    hop = found.by_block[1][found.names.index("hop (asgiref)")]
    lean = found.by_block[1][found.names.index("stack: lean, toy")]
    assert hop == pytest.approx(HOP, rel=0.2)
    assert lean == pytest.approx(STACKS["lean"], rel=0.025)


def test_prices_of_two_lists_are_compared_block_by_block() -> None:
    dear = [
        Row(
            r.variant, r.endpoint, r.terms,
            {b: v + 10 * r.terms.get("hop (asgiref)", 0) for b, v in r.levels.items()},
        )
        for r in all_rows()
    ]  # fmt: skip
    low, high = price_list(8, all_rows()), price_list(64, dear)
    assert low is not None
    assert high is not None
    one, other = low.price("hop"), high.price("hop")
    assert one is not None
    assert other is not None
    change = other.change_from(one)
    assert change is not None
    assert change.mean == pytest.approx(10, abs=0.2)


def test_a_variant_that_failed_in_one_block_or_in_all_takes_none_from_the_others() -> None:
    rows = [
        Row(r.variant, r.endpoint, r.terms, {b: v for b, v in r.levels.items() if b != 2})
        if r.variant == RAW
        else r
        for r in all_rows()
    ]
    found = price_list(8, rows)
    assert found is not None
    hop = found.price("hop")
    assert hop is not None
    assert set(hop.by_block) == {1, 2, 3}
    failed = LEVELS["noop"] | {STOCK: {}}
    assert STOCK not in {row.variant for row in rows_of(RUN, "noop", failed)}


def test_an_endpoint_without_statements_has_a_price_for_its_work() -> None:
    run = ladder_run(ladder_study({"noop": 8, "cpu": 8}))
    found = {name: {b: true_cost(name, "cpu") + 1000 for b in (1, 2, 3)} for name in LEVELS["noop"]}
    rows = [*rows_of(run, "noop", LEVELS["noop"]), *rows_of(run, "cpu", found)]
    prices = price_list(8, rows)
    assert prices is not None
    work = prices.price("work of cpu")
    assert work is not None
    assert work.value.mean == pytest.approx(1000, rel=0.01)


def test_variants_without_an_audit_give_no_row() -> None:
    bare = msgspec.structs.replace(RUN, audits=())
    assert rows_of(bare, "noop", LEVELS["noop"]) == []


def test_a_handful_of_variants_makes_no_price_list() -> None:
    few = [row for row in all_rows() if row.variant in (STOCK, RAW)]
    assert price_list(8, few) is None


def test_a_sum_of_prices_knows_that_they_depend_on_each_other() -> None:
    draw = random.Random(3)
    noisy = [
        msgspec.structs.replace(
            row, levels={b: v * draw.lognormvariate(0, 0.02) for b, v in row.levels.items()}
        )
        for row in all_rows()
    ]
    found = price_list(8, noisy)
    assert found is not None
    hop, thread = (found.price(name) for name in ("hop", THREAD_NAME))
    assert hop is not None
    assert thread is not None
    alone = found.total({THREAD_NAME: 1.0})
    assert alone is not None
    assert alone.mean == pytest.approx(thread.value.mean)
    assert alone.half_width == pytest.approx(thread.value.half_width)
    both = found.total({hop.name: 2.0, THREAD_NAME: -3.0})
    assert both is not None
    assert both.mean == pytest.approx(2 * hop.value.mean - 3 * thread.value.mean)
    assert both.half_width
    by_block = [2 * hop.by_block[b] - 3 * thread.by_block[b] for b in hop.by_block]
    assert both.mean == pytest.approx(sum(by_block) / len(by_block))
    assert found.total({THREAD_NAME: 1.0, "hop (unknown)": 1.0}) is None
    assert found.total({}) is None
