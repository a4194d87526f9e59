"""Verdicts: each of the three, by its own test, and how often they are wrong."""

import math

import msgspec
import numpy as np
import pytest
from scipy import stats

from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.verdicts import (
    Family,
    Verdict,
    decide,
    detectable,
    same_within,
    to_baseline,
)

MARGIN = 0.03
FAMILIES = list(Family)


def effect(percent: float, se: float, freedom: float = 15.0) -> Estimate:
    return Estimate(math.log1p(percent / 100), se, freedom, 6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_large_difference_differs(family: Family) -> None:
    decision = decide(effect(10, 0.01), family, 6, MARGIN)
    assert decision.verdict is Verdict.DIFFERS
    assert decision.at_most is None
    assert decision.interval.low is not None
    assert decision.interval.low > 1
    assert decision.interval.mean == pytest.approx(1.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_small_and_precise_one_is_the_same(family: Family) -> None:
    decision = decide(effect(0.5, 0.008), family, 6, MARGIN)
    assert (decision.verdict, decision.at_most) == (Verdict.SAME, None)


def test_a_vague_one_is_undecided_and_told_how_large_it_may_be() -> None:
    decision = decide(effect(2, 0.02), Family.TUKEY, 6, MARGIN)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.at_most is not None
    assert decision.interval.high is not None
    assert decision.at_most == pytest.approx(decision.interval.high - 1)
    assert decision.at_most > 0.02 + 2 * 0.02


def test_how_large_it_may_be_is_told_alike_in_both_directions() -> None:
    there = decide(effect(2, 0.02), Family.TUKEY, 6, MARGIN)
    back = decide(effect(2, 0.02).negated(), Family.TUKEY, 6, MARGIN)
    assert there.at_most == pytest.approx(back.at_most)


def test_blocks_that_contradict_each_other_leave_a_finite_bound() -> None:
    decision = decide(effect(0, 1e4, freedom=1.0), Family.TUKEY, 2, MARGIN)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.at_most is not None
    assert math.isfinite(decision.at_most)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_block_is_undecided_without_a_bound(family: Family) -> None:
    decision = decide(Estimate(0.5, None, 0.0, 1), family, 3, MARGIN)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.at_most is None
    assert (decision.interval.low, decision.interval.high) == (None, None)
    assert decision.interval.mean == pytest.approx(math.exp(0.5))


def test_a_small_difference_beyond_doubt_differs_although_it_lies_within_the_margin() -> None:
    assert decide(effect(1, 0.001), Family.TUKEY, 6, MARGIN).verdict is Verdict.DIFFERS


def test_a_wider_margin_calls_more_the_same_and_nothing_less_different() -> None:
    vague, clear = effect(2, 0.012), effect(10, 0.012)
    assert decide(vague, Family.TUKEY, 6, 0.03).verdict is Verdict.UNDECIDED
    assert decide(vague, Family.TUKEY, 6, 0.10).verdict is Verdict.SAME
    for margin in (0.03, 0.10, 1.0):
        assert decide(clear, Family.TUKEY, 6, margin).verdict is Verdict.DIFFERS


@pytest.mark.parametrize("family", FAMILIES)
def test_the_interval_of_a_decision_excludes_one_exactly_where_it_differs(family: Family) -> None:
    verdicts = set()
    for percent in np.linspace(-8, 8, 65):
        decision = decide(effect(float(percent), 0.015), family, 5, MARGIN)
        low, high = decision.interval.low, decision.interval.high
        assert low is not None
        assert high is not None
        assert (not low <= 1 <= high) == (decision.verdict is Verdict.DIFFERS)
        verdicts.add(decision.verdict)
    assert Verdict.DIFFERS in verdicts
    assert Verdict.UNDECIDED in verdicts


def test_the_same_is_that_the_ninety_percent_interval_lies_within_the_margin() -> None:
    """Schuirmann's two one-sided tests at 5 % each."""
    edge = math.log1p(MARGIN)
    reach = 0.01 * float(stats.t.ppf(0.95, 15))
    assert same_within(Estimate(edge - reach - 1e-9, 0.01, 15.0, 6), MARGIN)
    assert not same_within(Estimate(edge - reach + 1e-9, 0.01, 15.0, 6), MARGIN)
    assert same_within(Estimate(-(edge - reach - 1e-9), 0.01, 15.0, 6), MARGIN)
    assert not same_within(Estimate(0.0, None, 0.0, 1), MARGIN)


def test_against_the_baseline_alone_a_difference_needs_less_than_among_all_pairs() -> None:
    for size in (2, 5, 9):
        against = Family.DUNNETT.critical(size, 15.0)
        among = Family.TUKEY.critical(size + 1, 15.0)
        assert float(stats.t.ppf(0.975, 15)) < against < among


def test_one_variant_against_its_baseline_is_judged_by_students_test() -> None:
    assert Family.DUNNETT.critical(1, 9.0) == pytest.approx(float(stats.t.ppf(0.975, 9)), rel=1e-6)
    assert Family.TUKEY.critical(2, 9.0) == pytest.approx(float(stats.t.ppf(0.975, 9)), rel=1e-6)


def test_only_variants_that_share_a_block_with_the_baseline_are_judged_and_counted() -> None:
    values = {
        "a/base": {1: 0.0, 2: 0.1, 3: 0.05},
        "b/other": {1: 0.2, 2: 0.31, 3: 0.24},
        "c/third": {1: 0.4, 2: 0.52, 3: 0.43},
    }
    lonely = values | {"d/elsewhere": {9: 0.0}}
    others = ["b/other", "c/third"]
    model = BlockModel(values)
    found = to_baseline(model, "a/base", [*others, "e/none"], MARGIN)
    assert list(found) == others
    alone = model.difference("b/other", "a/base")
    assert alone is not None
    assert found["b/other"] == decide(alone, Family.DUNNETT, 2, MARGIN)
    assert list(to_baseline(BlockModel(lonely), "a/base", [*others, "d/elsewhere"], MARGIN)) == (
        others
    )
    assert to_baseline(model, "e/none", others, MARGIN) == {}


def test_what_is_detectable_by_hand() -> None:
    """Against one baseline it is Student's: with 4 degrees of freedom its quantiles are 2.7764
    (97.5 %) and 0.9410 (80 %)."""
    found = detectable(effect(30, 0.01, freedom=4.0), Family.DUNNETT, 1)
    assert found == pytest.approx(0.01 * (2.7764 + 0.9410), abs=1e-5)
    assert detectable(Estimate(0.3, None, 0.0, 1), Family.DUNNETT, 1) is None


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
        pairs_called += any(Pairs(model, names, MARGIN).told_apart().values())
        ratios = to_baseline(model, "e0", names[1:], MARGIN)
        baseline_called += any(d.verdict is Verdict.DIFFERS for d in ratios.values())
        there = model.difference("e0", "e1")
        assert there is not None
        at_margin = msgspec.structs.replace(there, mean=there.mean + math.log1p(MARGIN))
        same_wrongly += same_within(at_margin, MARGIN)
    # 15 are allowed on average; three standard errors more.
    assert pairs_called <= 26
    assert baseline_called <= 26
    assert same_wrongly <= 26
