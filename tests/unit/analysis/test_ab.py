"""Verdicts on B, and the gate."""

import pytest

from harness.analysis.ab import AbPair, AbVerdict, ab_gate, ab_pairs
from harness.analysis.analyse import analyse
from harness.analysis.gate import GateAnswer
from tests.toys.ab import B, measured


def pairs(cost: float, noise: float = 0.004, blocks: int = 6) -> tuple[AbPair, ...]:
    return ab_pairs(analyse(*measured(cost, noise, blocks)))


@pytest.mark.parametrize(
    ("cost", "verdict"),
    [(1100.0, AbVerdict.SLOWER), (900.0, AbVerdict.FASTER), (1000.0, AbVerdict.SAME)],
)
def test_b_is_slower_faster_or_the_same(cost: float, verdict: AbVerdict) -> None:
    (pair,) = pairs(cost)
    assert pair.verdict is verdict
    assert pair.variant == B
    assert pair.cost.mean == pytest.approx(cost / 1000, rel=0.02)


def test_noise_leaves_it_undecided_and_bounded() -> None:
    (pair,) = pairs(1000.0, noise=0.5)
    assert pair.verdict is AbVerdict.UNDECIDED
    assert pair.at_most is not None
    assert pair.at_most > 0.03


@pytest.mark.parametrize(
    ("cost", "noise", "answer"),
    [
        (1000.0, 0.004, GateAnswer.PASSED),
        (900.0, 0.004, GateAnswer.PASSED),
        (1100.0, 0.004, GateAnswer.REGRESSED),
        (1000.0, 0.5, GateAnswer.UNDECIDED),
    ],
)
def test_the_gate_tells_slower_from_unsure(cost: float, noise: float, answer: GateAnswer) -> None:
    assert ab_gate(pairs(cost, noise), 0.03) is answer


def test_what_is_slower_within_the_allowance_is_no_regression() -> None:
    assert ab_gate(pairs(1020.0), 0.1) is GateAnswer.PASSED


def test_one_block_or_nothing_passes_no_gate() -> None:
    assert ab_gate(pairs(1000.0, blocks=1), 0.03) is GateAnswer.UNDECIDED
    assert ab_gate((), 0.03) is GateAnswer.UNDECIDED
