"""Counted differences by a price list, beside the measured difference."""

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.causes.bills import Bill, OfferedPrices, unpriced
from harness.analysis.causes.kept_prices import KeptPrices, kept_prices
from harness.analysis.causes.prices import THREAD as THREAD_NAME
from harness.inputs.settings import Setup
from harness.records.run import Run
from harness.records.trial import Trial
from tests.toys.ab import measured, of_the_ladder
from tests.toys.ladder import (
    STOCK,
    THREAD,
    ladder_run,
    ladder_study,
    ladder_trials,
    true_cost,
)


def prices_at(*endpoints: str) -> KeptPrices:
    run = ladder_run(ladder_study(dict.fromkeys(endpoints, 8)))
    found = kept_prices(run, ladder_trials(run, noise=0.002))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def kept() -> KeptPrices:
    return prices_at("noop", "io_read")


def bills_of(made: tuple[Run, list[Trial]], *offers: KeptPrices) -> tuple[Bill, ...]:
    return analyse(*made, prices=[OfferedPrices(prices) for prices in offers]).bills


@pytest.mark.parametrize("speed", [1.0, 1.5])
def test_one_thread_fewer_explains_the_difference_at_this_machines_speed(
    kept: KeptPrices, speed: float
) -> None:
    (bill,) = bills_of(of_the_ladder(speed=speed), kept)
    (item,) = bill.items
    assert (item.name, item.before, item.after) == (THREAD_NAME, 2.0, 1.0)
    assert item.price is not None
    assert item.price.mean == pytest.approx(THREAD * speed, rel=0.05)
    assert bill.differs
    assert bill.predicted is not None
    assert bill.left is not None
    assert bill.predicted.mean == pytest.approx(-THREAD * speed, rel=0.05)
    assert bill.measured.mean == pytest.approx(-THREAD * speed, rel=0.05)
    assert bill.left.mean == pytest.approx(0, abs=0.05 * THREAD * speed)
    assert bill.source is not None
    assert bill.source.scale is not None
    assert bill.source.scale.mean == pytest.approx(speed, rel=0.01)
    assert bill.source.cost is not None
    assert bill.source.cost.mean == pytest.approx(true_cost(STOCK, "io_read"), rel=0.01)


def test_single_pairs_of_the_same_endpoint_stand_beside_the_price(kept: KeptPrices) -> None:
    (bill,) = bills_of(of_the_ladder(speed=1.5), kept)
    (checks,) = ([c for c in prices.checks if c.name == THREAD_NAME] for prices in kept.lists)
    reads = [1.5 * check.measured.mean for check in checks if check.endpoint == "io_read"]
    assert 0 < len(reads) < len(checks)
    assert bill.items[0].pairs == pytest.approx((min(reads), max(reads)), rel=0.01)


def test_what_no_count_explains_is_left(kept: KeptPrices) -> None:
    (bill,) = bills_of(of_the_ladder(beyond=-200.0), kept)
    assert bill.left is not None
    assert bill.left.high is not None
    assert bill.left.high < -150 < -THREAD


def test_the_interval_of_the_sum_holds_the_errors_of_prices_and_scale(kept: KeptPrices) -> None:
    (bill,) = bills_of(of_the_ladder(), kept)
    assert bill.predicted is not None
    assert bill.left is not None
    price = kept.lists[0].total({THREAD_NAME: 1.0})
    assert price is not None
    assert bill.predicted.half_width is not None
    assert bill.left.half_width is not None
    assert price.half_width is not None
    assert bill.measured.half_width is not None
    assert bill.predicted.half_width > 0.99 * price.half_width
    assert bill.left.half_width > max(bill.predicted.half_width, bill.measured.half_width)


def test_prices_of_a_run_without_a_are_not_scaled(kept: KeptPrices) -> None:
    for made, prices in (
        (of_the_ladder(speed=1.5, endpoint="noop"), prices_at("io_read")),
        (of_the_ladder(speed=1.5, rows=7), kept),
    ):
        (bill,) = bills_of(made, prices)
        assert bill.source is not None
        assert bill.source.scale is None
        assert bill.source.cost is None
        assert bill.predicted is not None
        assert bill.predicted.mean == pytest.approx(-THREAD, rel=0.05)


def test_a_list_that_knows_a_is_preferred_and_one_that_knows_the_toll_before_it(
    kept: KeptPrices,
) -> None:
    made = of_the_ladder(endpoint="noop")
    stranger = msgspec.structs.replace(prices_at("io_read"), run="stranger")
    (bill,) = bills_of(made, stranger, kept)
    assert bill.source is not None
    assert bill.source.run == kept.run
    (prices,) = kept.lists
    ignorant = msgspec.structs.replace(prices, prices=prices.prices[:1])
    assert ignorant.total({THREAD_NAME: 1.0}) is None
    (bill,) = bills_of(made, msgspec.structs.replace(kept, lists=(ignorant,)), stranger)
    assert bill.source is not None
    assert bill.source.run == "stranger"


def test_without_prices_the_counts_and_the_measured_difference_remain() -> None:
    (bill,) = bills_of(of_the_ladder())
    assert bill.predicted is None
    assert bill.source is None
    assert [item.name for item in bill.items] == [THREAD_NAME]
    assert bill.measured.mean == pytest.approx(-THREAD, rel=0.05)


def test_a_difference_without_a_counted_one_has_a_bill_without_items(kept: KeptPrices) -> None:
    (bill,) = bills_of(of_the_ladder(threads=2, beyond=100.0), kept)
    assert bill.items == ()
    assert bill.predicted is None
    assert bill.differs


def test_counts_that_differ_have_a_bill_though_the_cpu_does_not(kept: KeptPrices) -> None:
    (bill,) = bills_of(of_the_ladder(threads=1, beyond=THREAD), kept)
    assert not bill.differs
    assert bill.predicted is not None
    assert bill.left is not None
    assert bill.left.low is not None
    assert bill.left.low > 0


def test_equal_variants_and_what_is_no_ab_have_no_bill(kept: KeptPrices) -> None:
    assert bills_of(of_the_ladder(threads=2), kept) == ()
    assert bills_of(measured(1100.0), kept) == (), "without an audit nothing is known"
    run, trials = of_the_ladder()
    study = msgspec.structs.replace(run.study, setups={})
    assert bills_of((msgspec.structs.replace(run, study=study), trials), kept) == ()


def test_prices_are_needed_where_tolls_differ() -> None:
    run, _ = of_the_ladder()
    assert unpriced(run) == ((STOCK, "io_read"),)
    assert unpriced(of_the_ladder(threads=2)[0]) == ()
    assert unpriced(of_the_ladder(window_s=1.0)[0]) == ()
    assert unpriced(ladder_run()) == ()


def test_one_block_has_figures_and_no_intervals(kept: KeptPrices) -> None:
    (bill,) = bills_of(of_the_ladder(blocks=1), kept)
    assert bill.measured.low is None
    assert bill.predicted is not None
    assert bill.predicted.low is None
    assert bill.predicted.mean == pytest.approx(-THREAD, rel=0.05)


def test_each_b_is_set_against_the_variant_that_it_changes(kept: KeptPrices) -> None:
    """A second A, which costs more and starts two threads, beside a setup of it with one."""
    run, trials = of_the_ladder(threads=2)
    (b,) = run.study.setups
    (other, changed), (dear, _) = ("full/other", "full/other-b"), of_the_ladder(threads=1)
    names = {STOCK: other, b: changed}
    setups = {**run.study.setups, changed: Setup(other, title="B")}
    study = msgspec.structs.replace(
        run.study, variants=(*run.study.variants, other, changed), setups=setups
    )
    renamed = [
        msgspec.structs.replace(
            trial, entry=names[trial.entry], variant=names[trial.entry],
            slices=tuple(
                msgspec.structs.replace(s, server_cpu_ns=2 * s.server_cpu_ns) for s in trial.slices
            ),
        )
        for trial in of_the_ladder(threads=1)[1]
        if trial.entry in names
    ]  # fmt: skip
    audits = (
        *run.audits,
        *(msgspec.structs.replace(audit, variant=names[audit.variant]) for audit in dear.audits),
    )
    variants = run.variants | {new: run.variants[old] for old, new in names.items()}
    run = msgspec.structs.replace(run, study=study, audits=audits, variants=variants)
    assert unpriced(run) == ((other, "io_read"),)
    (bill,) = bills_of((run, [*trials, *renamed]), kept)
    assert (bill.variant, bill.origin) == (changed, other)
    assert bill.measured.mean == pytest.approx(-2 * THREAD, rel=0.1)
    assert bill.source is not None
    assert bill.source.scale is None, "the list has no such variant"
