"""What a run is said to tell apart."""

from collections.abc import Mapping

import msgspec
import pytest

from harness.analysis.analyse import Analysis, ConditionResult, analyse
from harness.analysis.measures import Measure
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition
from harness.report.words.power import outlier_note, power_lines, tells_apart
from tests.toys.runs import BASELINE, make_run, make_study, simulate

BARE = Comparison(
    Measure.CPU, {}, {}, {}, {}, ("a", "b"), (), unsaid=None, detectable=0.05, outliers=(),
    noise=None,
)  # fmt: skip


def under(endpoint: str, **changes: object) -> ConditionResult:
    comparison = msgspec.structs.replace(BARE, **changes)
    comparisons: Mapping[Measure, Comparison] = dict.fromkeys(Measure, comparison)
    return ConditionResult(Condition(endpoint), dict(comparisons), {}, {}, {}, {}, {})


def analysis(*results: ConditionResult) -> Analysis:
    return msgspec.structs.replace(analyse(make_run(), []), conditions=results)


def test_the_least_precise_condition_counts() -> None:
    found = analysis(under("cpu", detectable=0.031), under("noop", detectable=0.074))
    assert tells_apart(found) == "finds differences of 4 to 8 %"
    cpu, noop = power_lines(found)
    assert "finds differences of 4 %" in cpu
    assert "finds differences of 8 %" in noop


def test_a_condition_that_tells_nothing_apart_is_not_hidden() -> None:
    found = analysis(under("cpu"), under("noop", detectable=None))
    assert tells_apart(found) == "finds differences of 5 % under 1 of 2 conditions"
    assert "hardly any difference" in power_lines(found)[1]


def test_what_is_not_ranked_tells_nothing_apart_and_says_why() -> None:
    found = analysis(under("cpu", ranking=(), unsaid="the baseline was limited elsewhere"))
    assert tells_apart(found) == ""
    assert power_lines(found) == [
        "cpu, 32 connections, 1,000 rows: no verdict, because the baseline was limited elsewhere."
    ]


def test_one_block_tells_nothing_apart_and_says_why() -> None:
    run = make_run(make_study(blocks=1))
    found = analyse(run, simulate(run, {BASELINE: 500.0, "b/other": 700.0}, 1))
    assert tells_apart(found) == ""
    (line,) = power_lines(found)
    assert "a verdict needs two blocks, and one was measured" in line


@pytest.mark.parametrize(
    ("blocks", "told"),
    [((3,), "Block 3 weighs less"), ((1, 2, 5), "Blocks 1, 2 and 5 weigh less")],
)
def test_blocks_that_weigh_less_are_named_with_the_reason(
    blocks: tuple[int, ...], told: str
) -> None:
    note = outlier_note(msgspec.structs.replace(BARE, outliers=blocks))
    assert note.startswith(told)
    assert "out of line" in note
    assert outlier_note(BARE) == ""
