import math
from typing import Literal, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.protocol import Arrivals
from harness.load.worker.schedule import due_times

START = 5_000_000_000


type Kind = Literal["poisson", "constant"]


def draw(
    kind: Kind = "poisson", rate: float = 1000.0, *seed: int, seconds: float = 20.0
) -> list[int]:
    return due_times(Arrivals(kind, rate, seed), START, START + round(seconds * 1e9))


@given(
    st.sampled_from(get_args(Kind.__value__)),
    st.floats(0.01, 20_000),
    st.integers(0, 2**32 - 1),
    st.floats(0.001, 2.0),
)
def test_arrivals_ascend_and_lie_within_the_time(
    kind: Kind, rate: float, seed: int, seconds: float
) -> None:
    times = draw(kind, rate, seed, seconds=seconds)
    assert times == sorted(times)
    assert all(START <= time <= START + round(seconds * 1e9) for time in times)


@pytest.mark.parametrize("kind", get_args(Kind.__value__))
def test_no_arrival_is_due_in_a_window_that_is_over(kind: Kind) -> None:
    assert draw(kind, seconds=-4.0) == []


def test_the_same_seed_gives_the_same_arrivals_and_another_others() -> None:
    """Such as one process's in the next round: its number and the round's are not added up."""
    assert draw("poisson", 1000.0, 3, 4) == draw("poisson", 1000.0, 3, 4)
    seeds = [(3, 4), (4, 3), (2, 5), (3, 5), (7,)]
    assert len({tuple(draw("poisson", 1000.0, *seed)) for seed in seeds}) == len(seeds)


def test_poisson_gaps_are_exponential() -> None:
    """Kolmogorov-Smirnov distance below the 0.1 % point, and counts as variable as their mean."""
    times = np.array(draw(rate=2_000.0))
    gaps = np.sort(np.diff(times)) / 1e9
    distance = np.abs(1 - np.exp(-2_000.0 * gaps) - np.arange(1, gaps.size + 1) / gaps.size).max()
    assert distance < 1.95 / math.sqrt(gaps.size)
    per_50_ms = np.bincount((times - START) // 50_000_000)
    assert per_50_ms.var() / per_50_ms.mean() == pytest.approx(1.0, abs=0.25)


def test_constant_arrivals_stand_at_equal_distances() -> None:
    times = draw("constant", 250.0, seconds=2.0)
    assert len(times) == 500
    assert set(np.diff(times).tolist()) == {4_000_000}


def test_an_offset_shifts_constant_arrivals() -> None:
    arrivals = Arrivals("constant", 100.0, (0,), offset_s=0.004)
    assert due_times(arrivals, START, START + 25_000_000) == [
        START + 4_000_000, START + 14_000_000, START + 24_000_000,
    ]  # fmt: skip
