"""What is said of the two identical servers."""

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.twins import TwinCheck
from harness.inputs.study import Condition
from harness.report.words.twins import agreement, calibration, cautions
from tests.toys.runs import make_run


def check(
    endpoint: str, mean: float = 1.0, *, agree: bool = True, holds_one: bool = True
) -> TwinCheck:
    ratio = Interval(mean, mean - 0.02, mean + 0.02, 0.008, 6)
    return TwinCheck(Condition(endpoint), Measure.CPU, ratio, holds_one, agree)


def analysis(*checks: TwinCheck) -> Analysis:
    return msgspec.structs.replace(analyse(make_run(), []), twins=checks)


def test_agreement_is_told_with_the_range_of_the_ratios() -> None:
    found = agreement(analysis(check("cpu", 0.994), check("noop", 1.012), check("io_read")))
    assert "agree under all 3 conditions (ratios 0.99 to 1.01)" in found
    assert "under both conditions (ratios 1.00)" in agreement(analysis(check("cpu"), check("noop")))


def test_of_one_condition_the_interval_is_told() -> None:
    assert agreement(analysis(check("cpu"))).endswith("agree (ratio 1.00 [0.98, 1.02]).")


def test_a_disagreement_names_condition_ratio_and_what_it_means() -> None:
    """A ratio below 1 is as far off as its inverse."""
    found = analysis(check("cpu"), check("noop", 0.95, agree=False, holds_one=False))
    (caution,) = cautions(found)
    assert "noop" in caution
    assert "server CPU" in caution
    assert "0.95 [0.93, 0.97]" in caution
    assert "up to 6 %" in caution
    assert "under 1 of 2 conditions (ratio 1.00" in agreement(found)
    assert calibration(found) == "Here 1 of 2 such intervals contains 1."


def test_without_a_check_nothing_is_said() -> None:
    found = analysis()
    assert (agreement(found), cautions(found), calibration(found)) == ("", [], "")


def test_where_all_disagree_nobody_is_said_to_agree() -> None:
    found = analysis(check("cpu", 1.1, agree=False, holds_one=False))
    assert agreement(found) == ""
    assert len(cautions(found)) == 1
