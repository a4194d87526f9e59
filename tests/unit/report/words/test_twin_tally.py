"""The tally of identical servers as sentences."""

import pytest

from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.twins import RunTwins, TwinCheck, TwinTally, tally_twins
from harness.report.words.twin_tally import failures, left_out, ratio, result, row
from tests.toys.runs import CONDITION

INTERVAL = Interval(1.002, 0.9904, 1.0141, 0.005, 6)


def check(*, holds: bool = True, agree: bool = True) -> TwinCheck:
    return TwinCheck(CONDITION, Measure.CPU, INTERVAL, holds, agree)


def run(name: str, *checks: TwinCheck, **changes: object) -> RunTwins:
    usual = {"started_at": "2026-01-01T00:00:00+00:00", "checks": checks}
    return RunTwins(run=name, **(usual | changes))  # type: ignore[arg-type]


def tally(held: int, of: int) -> TwinTally:
    return tally_twins([run("one", *(check(holds=n < held) for n in range(of)))])


def test_the_result_is_a_count_beside_what_would_be_usual() -> None:
    told = result(tally(87, 92))
    assert "1 in 87 of 92 conditions (95 % expected; between 83 and 91 would be usual)." in told
    assert told.endswith("usual).")


@pytest.mark.parametrize(("held", "word"), [(82, "too narrow"), (92, "too wide")])
def test_an_unusual_result_says_what_it_means(held: int, word: str) -> None:
    assert word in result(tally(held, 92))


@pytest.mark.parametrize("held", [83, 91])
def test_the_ends_of_the_usual_range_are_usual(held: int) -> None:
    assert "too" not in result(tally(held, 92))


def test_without_a_check_there_is_one_sentence() -> None:
    none = tally_twins([])
    assert "No run has two identical servers" in result(none)
    assert (failures(none), left_out(none)) == ([], [])


def test_each_failed_check_is_named_with_its_run_condition_and_ratio() -> None:
    both = tally_twins([run("good", check()), run("bad", check(), check(holds=False, agree=False))])
    (sentence,) = failures(both)
    assert "check of bad failed" in sentence
    assert "io_read, 8 connections" in sentence
    assert "1.002 [0.990, 1.014]" in sentence
    assert "Holm" in sentence


def test_an_interval_without_one_in_it_is_no_failed_check() -> None:
    """One of twenty has to be like that; after adjustment the two agree."""
    (sentence,) = failures(tally_twins([run("one", check(holds=False)), run("two", check())]))
    assert "in none of 2 runs" in sentence


def test_what_does_not_count_is_named_with_the_reason() -> None:
    ramps = [run(name, without="no duplicate") for name in ("r1", "r2")]
    short = run("short", check(), unchecked=(CONDITION,))
    told = left_out(tally_twins([*ramps, short]))
    assert told[0] == "Not counted, because no duplicate: r1, r2."
    assert "1 condition of short" in told[1]


def test_a_row_has_three_decimals_because_two_hide_what_matters_near_one() -> None:
    cells = row(check(holds=False))
    assert (cells["ratio"], cells["holds"], cells["blocks"]) == ("1.002 [0.990, 1.014]", "no", 6)
    assert cells["measure"] == Measure.CPU.heading
    assert ratio(Interval(1.0, None, None, None, 1)) == "1.000 [n/a, n/a]"
