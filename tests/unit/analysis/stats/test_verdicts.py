"""Verdicts: each of the three, by its own test, and how often they are wrong."""

import math

import numpy as np
import pytest

from harness.analysis.stats.blocks import BlockModel, LogContrast
from harness.analysis.stats.verdicts import (
    Family,
    Verdict,
    all_pairs,
    decide,
    same_within,
    to_baseline,
)

MARGIN = 0.03


def effect(percent: float, se: float, freedom: float = 15.0) -> LogContrast:
    return LogContrast(math.log1p(percent / 100), se, freedom, 6)


@pytest.mark.parametrize("family", list(Family))
def test_a_large_difference_differs(family: Family) -> None:
    decision = decide(effect(10, 0.01), family, 6, MARGIN)
    assert decision.verdict is Verdict.DIFFERS
    assert decision.p is not None
    assert decision.p < 0.01
    assert decision.interval.low is not None
    assert decision.interval.low > 0


def test_a_small_and_precise_one_is_the_same() -> None:
    assert decide(effect(0.5, 0.008), Family.TUKEY, 6, MARGIN).verdict is Verdict.SAME


def test_a_vague_one_is_undecided_and_told_how_large_it_may_be() -> None:
    decision = decide(effect(2, 0.02), Family.TUKEY, 6, MARGIN)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.at_most is not None
    assert decision.at_most == pytest.approx(decision.interval.high)
    assert decision.at_most > math.log1p(0.02) + 2 * 0.02


def test_one_block_is_undecided_without_a_bound() -> None:
    decision = decide(LogContrast(0.5, None, 0.0, 1), Family.DUNNETT, 3, MARGIN)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.p is None
    assert decision.at_most is None


def test_a_small_difference_beyond_doubt_differs_although_it_lies_within_the_margin() -> None:
    assert decide(effect(1, 0.001), Family.TUKEY, 6, MARGIN).verdict is Verdict.DIFFERS


def test_the_interval_of_a_decision_excludes_nought_exactly_where_it_differs() -> None:
    for percent in np.linspace(0, 8, 33):
        decision = decide(effect(float(percent), 0.015), Family.TUKEY, 5, MARGIN)
        assert decision.interval.low is not None
        assert (decision.interval.low > 0) == (decision.verdict is Verdict.DIFFERS)


def test_equal_servers_are_called_different_in_at_most_one_run_of_twenty() -> None:
    runs, pairs_called, baseline_called, same_wrongly = 300, 0, 0, 0
    names = [f"e{index}" for index in range(6)]
    draw = np.random.default_rng(20261128)
    for _ in range(runs):
        level = draw.normal(0, 0.2, 6)
        noise = draw.normal(0, 0.022, (6, 6))
        values = {
            name: {b: float(level[b] + noise[b, at]) for b in range(6)}
            for at, name in enumerate(names)
        }
        model = BlockModel(values)
        pairs = all_pairs(model, names, MARGIN)
        ratios = to_baseline(model, "e0", names[1:], MARGIN)
        pairs_called += any(d.verdict is Verdict.DIFFERS for d in pairs.values())
        baseline_called += any(d.verdict is Verdict.DIFFERS for d in ratios.values())
        there = model.difference("e0", "e1")
        assert there is not None
        at_margin = LogContrast(
            there.mean + math.log1p(MARGIN), there.se, there.freedom, there.blocks
        )
        same_wrongly += same_within(at_margin, MARGIN)
    # 15 are allowed on average; three standard errors more.
    assert pairs_called <= 26
    assert baseline_called <= 26
    assert same_wrongly <= 26
