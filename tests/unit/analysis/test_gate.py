"""What a gate answers of pairs whose ratios are given."""

import math
from typing import Literal

import pytest
from scipy import stats

from harness.analysis.gate import MOST_BLOCKS, GateAnswer, gate
from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict, VariantCondition
from harness.analysis.stats.intervals import Interval
from tests.toys.runs import CONDITION

FREEDOM = 10.0
REFERENCE = ("z/still",)


def pair(
    name: str, ratio: float, se: float, verdict: RunVerdict, reference: tuple[str, ...] = REFERENCE
) -> ComparedVariant:
    value = Interval(math.log(ratio), math.log(ratio), math.log(ratio), se, 12).exp()
    return ComparedVariant(
        name, CONDITION, verdict, reference, {}, {}, value, FREEDOM, value, None, 0.5
    )


def silent(
    name: str, unfit: Literal["A", "B"] | None, ratio: Interval | None = None
) -> ComparedVariant:
    return ComparedVariant(
        name, CONDITION, RunVerdict.NOT_COMPARABLE, (), {}, {}, ratio, None, ratio, None, None,
        f"in {unfit} it died", unfit,
    )  # fmt: skip


def comparison(
    *pairs: ComparedVariant, measure: Measure = Measure.CPU, alone: tuple[str, ...] = ()
) -> RunComparison:
    return RunComparison(
        "before", "after", measure, (), 0.03, (Reference(CONDITION, REFERENCE, {}, None),), pairs,
        tuple(VariantCondition(name, CONDITION) for name in alone), (),
    )  # fmt: skip


GOOD = pair("a/good", 1.0, 0.01, RunVerdict.SAME)
BOUND = float(stats.t.ppf(0.95, FREEDOM))


@pytest.mark.parametrize("measure", [Measure.CPU, Measure.THROUGHPUT])
@pytest.mark.parametrize(("over", "answer"), [(-1e-6, "passed"), (1e-6, "undecided")])
def test_a_pair_passes_where_a_one_sided_test_rules_out_more_than_is_allowed(
    measure: Measure, over: float, answer: str
) -> None:
    se = 0.02
    worse = math.log(1.05) - BOUND * se + over
    ratio = math.exp(worse if measure is Measure.CPU else -worse)
    found = gate(comparison(pair("a/x", ratio, se, RunVerdict.UNDECIDED), measure=measure), 0.05)
    assert found.answer == answer


@pytest.mark.parametrize(
    ("measure", "verdict", "ratio", "answer"),
    [
        (Measure.CPU, RunVerdict.SLOWER, 1.051, GateAnswer.REGRESSED),
        (Measure.CPU, RunVerdict.SLOWER, 1.049, GateAnswer.UNDECIDED),
        (Measure.CPU, RunVerdict.UNDECIDED, 1.2, GateAnswer.UNDECIDED),
        (Measure.CPU, RunVerdict.FASTER, 0.5, GateAnswer.PASSED),
        (Measure.THROUGHPUT, RunVerdict.SLOWER, 1 / 1.051, GateAnswer.REGRESSED),
        (Measure.THROUGHPUT, RunVerdict.SLOWER, 1 / 1.049, GateAnswer.UNDECIDED),
        (Measure.THROUGHPUT, RunVerdict.FASTER, 2.0, GateAnswer.PASSED),
    ],
)
def test_a_regression_is_slower_beyond_doubt_and_by_more_than_allowed(
    measure: Measure, verdict: RunVerdict, ratio: float, answer: GateAnswer
) -> None:
    odd = pair("a/x", ratio, 0.02, verdict)
    found = gate(comparison(odd, GOOD, measure=measure), 0.05)
    assert found.answer is answer
    assert found.regressed == ((odd,) if answer is GateAnswer.REGRESSED else ())
    assert found.undecided == ((odd,) if answer is GateAnswer.UNDECIDED else ())


def test_a_certain_small_slowdown_passes() -> None:
    assert gate(comparison(pair("a/x", 1.02, 0.001, RunVerdict.SLOWER)), 0.05).answer is (
        GateAnswer.PASSED
    )


def test_a_regression_is_told_also_where_others_measured_nothing() -> None:
    slow = pair("a/x", 1.2, 0.01, RunVerdict.SLOWER)
    found = gate(comparison(slow, silent("b/dead", "B")), 0.05)
    assert found.answer is GateAnswer.REGRESSED
    assert list(found.missing) == ["b/dead"]


def test_unchanged_variants_are_the_yardstick_and_need_not_pass() -> None:
    noisy = pair("z/still", 1.0, 0.1, RunVerdict.UNDECIDED)
    found = gate(comparison(GOOD, noisy), 0.05)
    assert (found.answer, found.judged) == (GateAnswer.PASSED, 1)
    slow = pair("z/still", 1.2, 0.01, RunVerdict.SLOWER)
    assert gate(comparison(GOOD, slow), 0.05).regressed == (slow,)


def test_where_nothing_changed_all_must_pass() -> None:
    noisy = pair("z/still", 1.0, 0.1, RunVerdict.UNDECIDED)
    found = gate(comparison(noisy), 0.05)
    assert (found.answer, found.undecided) == (GateAnswer.UNDECIDED, (noisy,))


def test_what_b_did_not_measure_is_not_passed() -> None:
    dead = gate(comparison(GOOD, silent("b/dead", "B")), 0.05)
    assert (dead.answer, dead.missing) == (GateAnswer.UNDECIDED, {"b/dead": "in B it died"})
    gone = gate(comparison(GOOD, alone=("c/gone",)), 0.05)
    assert gone.answer is GateAnswer.UNDECIDED
    assert list(gone.missing) == ["c/gone"]
    nothing = gate(comparison(silent("b/dead", "B")), 0.05)
    assert nothing.answer is GateAnswer.UNDECIDED


def test_what_a_did_not_measure_cannot_have_become_slower() -> None:
    assert gate(comparison(GOOD, silent("b/new", "A")), 0.05).answer is GateAnswer.PASSED


def test_one_block_decides_nothing() -> None:
    estimate = Interval(1.0, None, None, None, 2)
    found = gate(comparison(silent("a/x", "A", estimate)), 0.05)
    assert found.answer is GateAnswer.UNDECIDED


@pytest.mark.parametrize("pairs", [(), (silent("a/x", "A"),), (silent("a/x", None),)])
def test_runs_of_which_no_pair_is_judged_are_not_comparable(
    pairs: tuple[ComparedVariant, ...],
) -> None:
    assert gate(comparison(*pairs), 0.05).answer is GateAnswer.NOT_COMPARABLE
    strange = gate(comparison(alone=("c/other",)), 0.05)
    assert strange.answer is GateAnswer.NOT_COMPARABLE


@pytest.mark.parametrize(("ratio", "verdict"), [(0.7, "faster"), (1.3, "slower")])
def test_without_a_reference_neither_is_told_because_the_machine_may_have_changed(
    ratio: float, verdict: str
) -> None:
    absolute = pair("a/x", ratio, 0.01, RunVerdict(verdict), reference=())
    found = gate(comparison(absolute, GOOD), 0.05)
    assert found.answer is GateAnswer.UNDECIDED
    assert found.unrelated == (absolute,)
    assert (found.undecided, found.regressed) == ((), ())


@pytest.mark.parametrize(
    ("ratio", "verdict", "answer"), [(0.7, "faster", "passed"), (1.3, "slower", "regressed")]
)
def test_memory_needs_no_reference(ratio: float, verdict: str, answer: str) -> None:
    absolute = pair("a/x", ratio, 0.01, RunVerdict(verdict), reference=())
    assert gate(comparison(absolute, measure=Measure.MEMORY), 0.05).answer == answer


def test_as_many_blocks_as_are_told_would_decide() -> None:
    """Their standard error, with the same estimate and degrees of freedom, passes exactly."""
    open_ = pair("a/x", 1.02, 0.03, RunVerdict.UNDECIDED)
    blocks = gate(comparison(open_), 0.05).blocks
    assert blocks is not None
    assert blocks > 6

    def after(count: int) -> GateAnswer:
        se = 0.03 * math.sqrt(6 / count)
        return gate(comparison(pair("a/x", 1.02, se, RunVerdict.UNDECIDED)), 0.05).answer

    assert after(blocks) is GateAnswer.PASSED
    assert after(blocks - 1) is GateAnswer.UNDECIDED


def test_a_slowdown_at_the_limit_needs_more_blocks_than_are_advice() -> None:
    at_limit = pair("a/x", 1.0499, 0.02, RunVerdict.SLOWER)
    assert gate(comparison(at_limit), 0.05).blocks is None
    beyond = pair("a/x", 1.08, 0.04, RunVerdict.UNDECIDED)
    blocks = gate(comparison(beyond, GOOD), 0.05).blocks
    assert blocks is not None
    assert 6 < blocks <= MOST_BLOCKS
