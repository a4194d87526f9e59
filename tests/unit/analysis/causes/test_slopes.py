import pytest

from harness.analysis.causes.slopes import slopes
from tests.toys.ladder import HOP, HOPS, NATIVE, STOCK, ladder_run, true_cost

RUN = ladder_run()
FAMILY = {NATIVE: 0, **{name: k for k, name in HOPS.items()}}
LEVELS = {name: {b: true_cost(name, "io_read") + b for b in (1, 2)} for name in FAMILY}


def test_the_slope_is_the_price_of_a_hop() -> None:
    (found,) = slopes(RUN, LEVELS)
    assert found.base == NATIVE
    assert found.per_hop.mean == pytest.approx(HOP)
    assert found.first is not None
    assert found.first.mean == pytest.approx(HOP)
    assert list(found.levels) == [0, 1, 2, 4]


def test_a_dear_first_hop_is_told_apart_from_further_ones() -> None:
    dear = {name: {1: 1000.0 + (300 + 50 * k if k else 0)} for name, k in FAMILY.items()}
    (found,) = slopes(RUN, dear)
    assert found.first is not None
    assert found.further is not None
    assert found.first.mean == pytest.approx(350)
    assert found.further.mean == pytest.approx(50)


def test_two_points_are_no_family() -> None:
    assert slopes(RUN, {name: LEVELS[name] for name in (NATIVE, HOPS[1])}) == ()


def test_variants_that_differ_in_more_belong_to_no_family() -> None:
    (found,) = slopes(RUN, LEVELS | {STOCK: {1: 5000.0, 2: 5000.0}})
    assert STOCK not in found.base
    assert found.per_hop.mean == pytest.approx(HOP)
