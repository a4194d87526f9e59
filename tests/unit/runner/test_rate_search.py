import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runner.rate_search import Search


def run(search: Search, limit: float, blur: float = 0.0, seed: int = 0) -> list[float]:
    """Try what the search asks for, against a server that meets rates up to about its limit."""
    draw = random.Random(seed)
    tried: list[float] = []
    while (step := search.next_step()) is not None:
        tried.append(step.rate_per_s)
        search.observe(step.rate_per_s <= limit * (1 + blur * draw.uniform(-1, 1)))
    return tried


@given(st.floats(1, 1e5), st.floats(0.2, 3))
def test_a_sharp_limit_is_found_within_its_resolution(limit: float, guess: float) -> None:
    search = Search(limit * guess)
    tried = run(search, limit)
    assert search.sustained_per_s is not None
    assert limit / 1.031 <= search.sustained_per_s <= limit
    assert tried[-1] == tried[-2] == search.sustained_per_s
    assert len(tried) <= 20


@given(st.integers(), st.floats(0.5, 2))
def test_a_blurred_limit_is_never_overstated_beyond_its_blur(seed: int, guess: float) -> None:
    search = Search(1000 * guess)
    run(search, 1000, blur=0.05, seed=seed)
    assert search.sustained_per_s is None or search.sustained_per_s <= 1050


def test_what_was_sustained_was_met_each_time_it_was_confirmed() -> None:
    """A rate that is met by luck once is given up for a lower one."""
    search = Search(100.0)
    outcomes = iter([True, False, False, False, False, True, False, True, False, True, True])
    last = None
    for outcome in outcomes:
        step = search.next_step()
        if step is None:
            break
        last = step
        search.observe(outcome)
    assert last is not None
    assert last.confirming


@pytest.mark.parametrize("share", [0.7, 0.45, 0.3, 0.15])
def test_a_limit_that_falls_when_it_is_to_be_confirmed_is_searched_anew(share: float) -> None:
    """As where a neighbour takes the processor from then on."""
    search, limit, tries = Search(800.0), 1000.0, 0
    while (step := search.next_step()) is not None:
        limit = 1000.0 * share if step.confirming else limit
        search.observe(step.rate_per_s <= limit)
        tries += 1
    assert search.sustained_per_s is not None
    assert limit / 1.06 <= search.sustained_per_s <= limit
    assert tries < 24


def test_an_objective_that_is_never_met_ends_without_a_rate() -> None:
    search = Search(1000.0)
    tried = run(search, limit=0.0)
    assert search.sustained_per_s is None
    assert len(tried) < 10
    assert tried[-1] < 0.05 * tried[0]
    assert tried == sorted(tried, reverse=True)


def test_one_that_is_always_met_ends_at_the_highest_rate_allowed() -> None:
    search = Search(100.0, highest_per_s=250.0)
    tried = run(search, limit=1e9)
    assert search.sustained_per_s == 250.0
    assert max(tried) == 250.0


@pytest.mark.parametrize("start", [400.0, 250.0])
def test_no_rate_above_the_highest_is_tried(start: float) -> None:
    assert max(run(Search(start, 250.0), 1e9)) == 250.0
