"""Intervals hold what they say, and verdicts are seldom false, on simulated runs.

docs/calibration.md has the same from more runs, under more kinds of noise.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from msgspec.structs import replace

from harness.analysis.noise.fit import NO_MEMORY
from harness.analysis.stats.ties import ALPHA
from tests.toys.calling import BASELINE, MARGIN, PLANTED, TWIN, Said, Shares, say, shares
from tests.toys.noise import Noise, draw_starts, simulate

ENTRIES, ROUNDS = 7, 15
SHARED = Noise()
PROBED = Noise(probe_sd=0.04)
BAD = Noise(speed_sd=0.25, tau_s=1.5, drift=0.5, burst_share=0.05)
STARTS = Noise(start_sd=0.0243)
DRAWN = {
    "normal": STARTS,
    "heavy tails": replace(STARTS, start_tail=3.0),
    "a noisy variant": replace(STARTS, noisy=((3,), 3.0)),
    "a noisy baseline": replace(STARTS, noisy=((BASELINE, TWIN), 3.0)),
    "a bad block": replace(STARTS, bad_block=5.0),
    "missing trials": replace(STARTS, missing=3),
}
RUNS = 150


def within(values: list[float], low: float, high: float) -> bool:
    """Whether the mean of runs lies there, as far as its standard error tells."""
    error = 2 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return low - error <= float(np.mean(values)) <= high + error


def at_most(share: float, runs: int) -> float:
    """Two standard errors above: a figure beyond is no chance."""
    return share + 2 * math.sqrt(share * (1 - share) / runs)


def mean(of: Callable[[Shares], float], judged: list[Shares]) -> float:
    return float(np.mean([of(one) for one in judged]))


@cache
def drawn(name: str) -> list[Shares]:
    """Runs of six blocks whose values are drawn, without slices."""
    draw = np.random.default_rng(16)
    judged: list[Shares] = []
    for _ in range(RUNS):
        starts = draw_starts(6, ENTRIES, DRAWN[name], draw)
        rows = zip(starts.error.tolist(), starts.present.tolist(), strict=True)
        means = [
            {e: v for e, (v, here) in enumerate(zip(*row, strict=True)) if here} for row in rows
        ]
        judged.append(shares(Said(means, ENTRIES)))
    return judged


@pytest.mark.parametrize("name", DRAWN)
def test_intervals_hold_the_truth_in_about_95_of_100_runs(name: str) -> None:
    assert within([one.covered for one in drawn(name)], 0.92, 0.98)


@pytest.mark.parametrize("name", DRAWN)
def test_identical_variants_are_called_different_in_at_most_one_run_of_twenty(name: str) -> None:
    judged = drawn(name)
    assert mean(lambda one: one.letters, judged) <= at_most(ALPHA, RUNS)
    assert mean(lambda one: one.baseline, judged) <= at_most(ALPHA, RUNS)


@pytest.mark.parametrize("name", DRAWN)
def test_a_difference_as_large_as_the_margin_is_seldom_called_the_same(name: str) -> None:
    assert mean(lambda one: one.edge, drawn(name)) <= at_most(ALPHA, RUNS)


def test_planted_differences_are_found_far_more_often_than_by_the_old_rule() -> None:
    judged = drawn("normal")
    three, five, ten = range(len(PLANTED))
    assert mean(lambda one: one.found_baseline[five], judged) >= 0.6
    assert mean(lambda one: one.found_letters[five], judged) >= 0.5
    assert mean(lambda one: one.found_letters[ten], judged) >= 0.98
    assert mean(lambda one: one.found_old[five], judged) <= 0.1
    assert mean(lambda one: one.found_letters[three], judged) >= 0.1


def test_one_noisier_variant_does_not_take_the_verdicts_from_all() -> None:
    judged = drawn("a noisy variant")
    assert mean(lambda one: one.found_letters[2], judged) >= 0.8


@pytest.mark.parametrize("noise", [SHARED, PROBED])
def test_slices_give_intervals_that_hold_the_truth(noise: Noise) -> None:
    """Drift, memory, bursts, a probe, and starts that differ: through the whole estimator."""
    runs = 24
    judged = [
        shares(say(simulate([0.0] * ENTRIES, 6, ROUNDS, noise, seed), ENTRIES))
        for seed in range(runs)
    ]
    assert within([one.covered for one in judged], 0.92, 0.98)
    assert mean(lambda one: one.letters, judged) <= at_most(ALPHA, runs)
    assert mean(lambda one: one.baseline, judged) <= at_most(ALPHA, runs)
    assert mean(lambda one: one.twins, judged) >= 1 - at_most(ALPHA, runs)


@pytest.mark.parametrize("noise", [PROBED, BAD])
def test_a_slower_variant_moves_its_estimate_by_exactly_that_and_no_error(noise: Noise) -> None:
    """So calibration may plant an effect after the fit."""
    effects = [0.0, 0.0, math.log1p(0.1), 0.0, math.log1p(MARGIN)]
    plain = say(simulate([0.0] * 5, 6, ROUNDS, noise, 1), 5)
    planted = say(simulate(effects, 6, ROUNDS, noise, 1), 5)
    for entry, effect in enumerate(effects[1:], start=1):
        moved, there = plain.ratio(entry, effect), planted.ratio(entry)
        assert there.mean == pytest.approx(moved.mean, abs=1e-9)
        assert there.se == pytest.approx(moved.se, rel=1e-6)
        assert there.freedom == pytest.approx(moved.freedom, rel=1e-6)
    added = {2: effects[2], 4: effects[4]}
    assert planted.old.called() == plain.old.called(added)


def test_knowing_the_noises_memory_narrows_intervals_and_so_does_the_probe() -> None:
    def width(noise: Noise, *, plain: bool) -> float:
        widths = [
            say(simulate([0.0] * 5, 6, ROUNDS, noise, seed), 5, NO_MEMORY if plain else None)
            .ratio(3)
            .interval()
            .half_width
            for seed in range(12)
        ]
        return sum(w for w in widths if w is not None)

    quiet_start = Noise(start_sd=0.0, speed_sd=0.25, tau_s=1.5)
    means = width(quiet_start, plain=True)
    neighbours = width(quiet_start, plain=False)
    probe = width(replace(quiet_start, probe_sd=0.04), plain=False)
    assert probe < 0.8 * neighbours
    assert neighbours < 0.9 * means
