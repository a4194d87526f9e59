import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runner.plan import balanced_orders


def neighbours(orders: tuple[tuple[int, ...], ...]) -> Counter[tuple[int, int]]:
    return Counter(pair for order in orders for pair in pairwise(order))


@given(st.integers(1, 12), st.integers(1, 40), st.integers())
def test_every_round_has_every_entry_once(entries: int, rounds: int, seed: int) -> None:
    orders = balanced_orders(entries, rounds, random.Random(seed))
    assert len(orders) == rounds
    assert all(sorted(order) == list(range(entries)) for order in orders)


@pytest.mark.parametrize("entries", range(2, 41))
def test_over_whole_squares_everyone_follows_everyone_equally_often(entries: int) -> None:
    rows = entries if entries % 2 == 0 else 2 * entries
    found = neighbours(balanced_orders(entries, 2 * rows, random.Random(1)))
    assert len(found) == entries * (entries - 1)
    assert set(found.values()) == {2 if entries % 2 == 0 else 4}


@pytest.mark.parametrize("entries", [4, 7, 8, 36])
def test_over_a_part_of_a_square_no_pair_stands_out(entries: int) -> None:
    found = neighbours(balanced_orders(entries, entries // 2, random.Random(2)))
    assert max(found.values()) <= (1 if entries % 2 == 0 else 2)


@pytest.mark.parametrize("entries", [4, 7])
def test_over_whole_squares_everyone_stands_everywhere_equally_often(entries: int) -> None:
    rows = entries if entries % 2 == 0 else 2 * entries
    orders = balanced_orders(entries, rows, random.Random(3))
    for place in range(entries):
        assert len(set(Counter(order[place] for order in orders).values())) == 1


def test_the_seed_decides() -> None:
    one, same, other = (balanced_orders(7, 20, random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
