"""Levels of looks: against published ones, and how often a run that stops by verdicts is wrong."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.stats.blocks import BlockModel
from harness.analysis.stats.sequential import (
    ONCE,
    Looks,
    crossing,
    look_levels,
    looks_after,
    spent,
)
from harness.analysis.stats.simultaneous import dunnett_critical, tukey_critical
from harness.analysis.stats.ties import ALPHA
from harness.analysis.stats.verdicts import Verdict, to_baseline

LOOKS, BLOCKS = (4, 6), 8
SCHEDULES = [((4, 6), 8), ((4, 5), 6), ((4, 5, 6, 7), 8), ((10, 15), 20), ((5, 8, 10), 12)]
KNOWN = 1e7
"""Degrees of freedom of a variance that is as good as known."""


@pytest.mark.parametrize(("looks", "chance"), [(2, 0.083), (3, 0.107), (5, 0.142), (10, 0.193)])
def test_unadjusted_looks_go_wrong_as_often_as_published(looks: int, chance: float) -> None:
    """Table 2 of Armitage, McPherson and Rowe 1969, for 5 % at each of equally spaced looks."""
    shares = [(look + 1) / looks for look in range(looks)]
    assert sum(crossing(shares, [1.959964] * looks)) == pytest.approx(chance, abs=5e-4)


def test_published_bounds_spend_what_they_should() -> None:
    """Bounds of the O'Brien-Fleming type for five looks (Lan and DeMets 1983, one-sided 2.5 %)."""
    bounds = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
    spending = [2 * crossing_of(2.241403 / math.sqrt(look / 5)) for look in range(1, 6)]
    both = np.cumsum(crossing([0.2, 0.4, 0.6, 0.8, 1.0], bounds))
    assert both == pytest.approx([2 * one for one in spending], rel=2e-3)


def crossing_of(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))


def test_spending_starts_with_little_and_ends_with_all() -> None:
    shares = [0.01, 0.2, 0.5, 0.75, 0.9, 1.0]
    amounts = [spent(share) for share in shares]
    assert amounts == sorted(amounts)
    assert amounts[0] < 1e-9
    assert spent(0.5) == pytest.approx(2 * crossing_of(1.959964 / math.sqrt(0.5)), rel=1e-6)
    assert amounts[-1] == pytest.approx(ALPHA)


def test_a_run_that_cannot_end_early_has_the_whole_level() -> None:
    assert ONCE.level() == ONCE.level(40) == ALPHA
    assert looks_after((), 3, 8) == ONCE


def test_levels_rise_from_look_to_look_and_all_are_stricter_than_one_look() -> None:
    levels = look_levels(LOOKS, BLOCKS)
    assert list(levels) == [4, 6, 8]
    assert list(levels.values()) == sorted(levels.values())
    assert levels[4] == pytest.approx(spent(0.5))
    assert 0.035 < levels[8] < ALPHA


def test_a_larger_family_is_judged_more_strictly_at_later_looks() -> None:
    looks = looks_after(LOOKS, 8, BLOCKS)
    levels = [looks.level(tests) for tests in (1, 4, 15, 45)]
    assert levels == sorted(levels, reverse=True)
    increment = spent(1.0) - spent(0.75)
    assert levels[-1] > increment  # never as strict as if looks were independent


def test_a_run_cut_short_between_looks_is_judged_by_what_it_may_spend_by_then() -> None:
    assert looks_after(LOOKS, 7, BLOCKS) == Looks((0.5, 0.75, 0.875))
    assert looks_after(LOOKS, 3, BLOCKS) == Looks((0.375,))
    assert looks_after(LOOKS, 3, BLOCKS).level() == pytest.approx(spent(0.375))
    assert looks_after(LOOKS, 4, BLOCKS).level() < looks_after(LOOKS, 5, BLOCKS).level()


def test_a_handful_of_blocks_of_very_many_has_a_level_that_can_be_computed() -> None:
    level = looks_after((5_000,), 2, 10_000).level()
    assert 0 < level <= 1e-6
    assert math.isfinite(dunnett_critical(5, 1.0, level))


def test_looks_that_follow_each_other_closely_are_integrated_as_exactly() -> None:
    far = looks_after((4, 9_998), 9_998, 10_000).level()
    levels = [looks_after((4, 9_998, 9_999), n, 10_000).level() for n in (9_998, 9_999)]
    assert levels[0] == far
    chance = sum(crossing([0.9998, 0.9999], [bound(far), bound(levels[1])]))
    assert chance == pytest.approx(spent(0.9999), abs=1e-7)


def bound(level: float) -> float:
    from scipy import special

    return float(-special.ndtri(level / 2))


@pytest.mark.parametrize(("looks", "blocks"), SCHEDULES)
@pytest.mark.parametrize("entries", [2, 5, 10])
def test_families_keep_their_level_over_all_looks(
    looks: tuple[int, ...], blocks: int, entries: int
) -> None:
    """Equal entries with a known variance: the chance of even one call, at any look."""
    runs = 60_000
    draw = np.random.default_rng(20_261_128)
    sums, before = np.zeros((runs, entries)), 0
    baseline, pairs, naive = (np.zeros(runs, dtype=bool) for _ in range(3))
    for n in (*looks, blocks):
        sums += draw.normal(size=(runs, entries)) * math.sqrt(n - before)
        before, now = n, looks_after(looks, n, blocks)
        z = np.abs(sums[:, 1:] - sums[:, :1]).max(axis=1) / math.sqrt(2 * n)
        reach = np.ptp(sums, axis=1) / math.sqrt(2 * n)
        size = entries * (entries - 1) // 2
        baseline |= z > dunnett_critical(entries - 1, KNOWN, now.level(entries - 1))
        pairs |= reach > tukey_critical(entries, KNOWN, now.level(size))
        naive |= z > dunnett_critical(entries - 1, KNOWN, ALPHA)
    error = math.sqrt(ALPHA * (1 - ALPHA) / runs)
    for called in (baseline, pairs):
        assert 0.045 < called.mean() < ALPHA + 3 * error
    assert naive.mean() > 0.065


class Outcome:
    """How simulated runs of five entries and the duplicate end: by blocks, and how often wrong.

    Args:
        runs: how many.
        truth: true logarithms of the ratios to the baseline.
        sd: of the logarithm of a block's value.
    """

    def __init__(self, runs: int, truth: Sequence[float], sd: float, margin: float = 0.03) -> None:
        draw = np.random.default_rng(runs)
        names = [f"e{at}" for at in range(len(truth) + 1)]
        level = np.array([0.0, *truth, 0.0])
        self.ended: Counter[int] = Counter()
        self.differs, self.same = 0, 0
        for _ in range(runs):
            block = draw.normal(0, 0.1, (BLOCKS, 1))
            values = level + block + draw.normal(0, sd, (BLOCKS, len(level)))
            for n in (*LOOKS, BLOCKS):
                model = BlockModel(
                    {
                        name: {b: float(values[b, at]) for b in range(n)}
                        for at, name in enumerate([*names, "twin"])
                    }
                )
                looks = looks_after(LOOKS, n, BLOCKS)
                found = to_baseline(model, names[0], names[1:], margin, looks)
                told = [found[name].verdict for name in names[1:]]
                if n == BLOCKS or Verdict.UNDECIDED not in told:
                    break
            self.ended[n] += 1
            wrong = zip(told, truth, strict=True)
            pairs = [(verdict, true) for verdict, true in wrong]
            self.differs += any(v is Verdict.DIFFERS and true == 0 for v, true in pairs)
            # One pair of each run: the level holds for each, not for all together.
            self.same += pairs[0][0] is Verdict.SAME and abs(pairs[0][1]) >= math.log1p(margin)


def most(runs: int) -> float:
    """So many of 5 % of runs, and three standard errors more."""
    return runs * ALPHA + 3 * math.sqrt(runs * ALPHA * (1 - ALPHA))


@pytest.mark.parametrize("truth", [(0.0, 0.0, 0.0, 0.0), (0.22, -0.22, 0.3, 0.0)])
def test_equal_servers_seldom_differ_in_runs_that_stop_by_verdicts(
    truth: tuple[float, ...],
) -> None:
    found = Outcome(200, truth, sd=0.02)
    assert found.differs <= most(200)


@pytest.mark.parametrize("sd", [0.006, 0.012])
def test_servers_at_the_margin_are_seldom_the_same_in_runs_that_stop_by_verdicts(
    sd: float,
) -> None:
    found = Outcome(200, (math.log1p(0.03), 0.0, 0.0, 0.0), sd=sd)
    assert found.same <= most(200)


def test_a_clear_case_ends_at_its_first_look() -> None:
    """All ratios are 1.2 or more: half of the blocks are saved, in almost every run."""
    found = Outcome(100, (math.log(1.2), -math.log(1.2), 0.25, 0.4), sd=0.02)
    assert found.ended[LOOKS[0]] >= 95


def test_a_run_that_cannot_tell_goes_on_to_its_last_block() -> None:
    found = Outcome(50, (0.03, -0.03, 0.02, 0.01), sd=0.03)
    assert found.ended[BLOCKS] >= 45
