"""Headlines and pictures of sweeps with ties, crossings, one block and stacks that fall silent."""

from typing import Any

import msgspec
import pytest

from harness.analysis.analyse import Analysis
from harness.analysis.measures import Measure
from harness.inputs.kinds import StudyKind, kind_of
from harness.inputs.study import Condition, Latency
from harness.records.run import Run
from harness.report.answer.headline import headline
from harness.report.answer.hero import Hero
from harness.report.answer.sweep import heroes
from harness.report.drawing.figures import Figures
from harness.report.words.sentences import MOST_WORDS
from tests.toys.runs import BASELINE
from tests.toys.sweeps import SILENT, swept
from tests.toys.waits import Broken, waited

pytestmark = pytest.mark.usefixtures("undrawn_unless_asked")
OTHER, LONG = "b/other", f"c/{'long-' * 7}name"
SAME: dict[str, float | None] = {BASELINE: 500.0, OTHER: 500.0}
AHEAD: dict[str, float | None] = {BASELINE: 500.0, OTHER: 250.0}
BEHIND: dict[str, float | None] = {BASELINE: 500.0, OTHER: 1_000.0}
FALLEN: dict[str, float | None] = {BASELINE: SILENT, OTHER: 250.0}


def told(run: Run, analysis: Analysis) -> str:
    assert kind_of(run.study) is StudyKind.SWEEP
    sentences = headline(run, analysis)
    assert len(sentences) <= 2
    assert all(len(sentence.split()) <= MOST_WORDS for sentence in sentences), sentences
    return " ".join(sentences)


def pictures(run: Run, analysis: Analysis) -> list[Hero]:
    with Figures() as figures:
        found = heroes(run, analysis, figures)
        figures.finish()
    return found


def of(found: list[Hero], measure: Measure) -> dict[str, Any]:
    return next(hero.figure for hero in found if hero.measure == measure.value)


def test_alike_up_to_a_value_and_then_a_winner() -> None:
    text = told(*swept({1: SAME, 10: SAME, 1_000: AHEAD}))
    assert text.startswith("Up to 10 connections, the throughput of all stacks is within")
    assert f"At 1,000 connections, {OTHER} answers 2" in text
    assert text.endswith(f"times as many requests as {BASELINE}.")


def test_a_winner_everywhere_is_told_once_with_both_ratios() -> None:
    text = told(*swept({1: AHEAD, 10: AHEAD, 100: AHEAD}))
    assert text.startswith(f"{OTHER} leads from 1 to 100 connections.")
    assert "; at 1 connection, 2" in text


def test_a_winner_that_changes_is_told_with_the_values_of_the_change() -> None:
    text = told(*swept({1: BEHIND, 10: BEHIND, 100: AHEAD}))
    assert f"Up to 10 connections, {BASELINE} leads; from 100 connections on, {OTHER}" in text
    assert f"{OTHER} answers 2" in text


def test_ties_at_every_value_name_no_winner() -> None:
    text = told(*swept({1: SAME, 10: SAME, 100: SAME}))
    assert text.startswith("No stack is shown to be ahead from 1 to 100 connections.")
    assert " leads" not in text
    assert "answers" not in text


def test_one_block_gives_no_verdict() -> None:
    text = told(*swept({1: SAME, 10: AHEAD, 100: AHEAD}, blocks=1))
    assert "no verdict" in text
    assert OTHER not in text


def test_a_stack_that_answered_nothing_is_named_instead_of_a_ratio() -> None:
    text = told(*swept({1: SAME, 10: SAME, 100: FALLEN}))
    assert f"At 100 connections, {BASELINE} gives no correct answer" in text
    assert f"{OTHER} answers" in text


def test_one_stack_alone_is_not_compared() -> None:
    alone: dict[str, float | None] = {BASELINE: 500.0}
    assert f"Only {BASELINE} has figures" in told(*swept({1: alone, 10: alone, 100: alone}))


def test_added_latency_is_told_as_such() -> None:
    legs = (None, Latency(database_ms=50.0), Latency(database_ms=100.0))
    conditions = [Condition("io_read", 8, 100, latency=leg) for leg in legs]
    text = told(*swept({0: AHEAD, 50: AHEAD, 100: AHEAD}, conditions=conditions))
    assert text.startswith(f"{OTHER} leads up to +100 ms to the database.")
    assert "without added latency" in text


def test_a_stack_that_answered_nothing_stays_in_the_picture_with_its_requests_and_threads() -> None:
    found = pictures(*swept({1: SAME, 10: SAME, 100: FALLEN}))
    assert found[0].measure == Measure.THROUGHPUT.value
    alt = found[0].figure["alt"]
    assert "no figure at 100 connections" in alt
    assert "0 of 250 requests answered" in alt
    assert "4,906 threads" in alt
    assert "no figure" in of(found, Measure.CPU)["alt"]


def test_a_crossing_is_told_between_the_values_whose_verdicts_differ() -> None:
    run, analysis = swept({1: BEHIND, 10: SAME, 100: AHEAD})
    alt = pictures(run, analysis)[0].figure["alt"]
    assert f"{OTHER} overtakes {BASELINE} between 1 and 100 connections; undecided at 10." in alt


def test_lines_that_cross_without_verdicts_are_no_crossing() -> None:
    """Their estimates cross for sure: one is ahead by a hair before, the other after."""
    near: dict[str, float | None] = {BASELINE: 500.0, OTHER: 501.0}
    far: dict[str, float | None] = {BASELINE: 501.0, OTHER: 500.0}
    assert "overtakes" not in pictures(*swept({1: near, 10: far, 100: AHEAD}))[0].figure["alt"]


@pytest.mark.usefixtures("drawn")
def test_every_picture_has_a_form_for_phones_and_names_what_it_shows() -> None:
    run, analysis = swept({1: SAME, 10: SAME, 100: AHEAD})
    for hero in pictures(run, analysis):
        assert hero.narrow is not None
        assert hero.narrow["uri"] != hero.figure["uri"]
        assert hero.endpoint == "io_read"
        assert hero.condition == run.study.conditions[-1].name


@pytest.mark.parametrize("stacks", [2, 12, 15])
def test_as_many_stacks_as_can_be_named_are(stacks: int) -> None:
    costs: dict[str, float | None] = {BASELINE: 500.0, LONG: 600.0}
    costs |= {f"d/stack-{number}": 400.0 + number for number in range(stacks - 2)}
    run, analysis = swept({1: costs, 10: costs, 100: costs}, blocks=2)
    alt = of(pictures(run, analysis), Measure.THROUGHPUT)["alt"]
    assert all(name in alt for name in costs)


def test_a_value_without_any_trial_leaves_the_others() -> None:
    run, analysis = swept({1: SAME, 10: SAME, 100: AHEAD})
    fewer = msgspec.structs.replace(analysis, conditions=analysis.conditions[1:])
    assert "100 connections" in told(run, fewer)
    none = msgspec.structs.replace(analysis, conditions=())
    assert "nothing to compare" in told(run, none)
    assert pictures(run, none) == []


LATE = Broken({"timeout": 40}, {"timeout": 960}, correct=16)


def test_a_stack_whose_requests_time_out_fails_and_keeps_its_place_in_the_chart() -> None:
    """It answers some, so that it gives no answer would be untrue."""
    shares: dict[int, dict[str, float | Broken]] = {
        100: {BASELINE: 0.97, OTHER: 0.97},
        1_000: {BASELINE: 0.97, OTHER: 0.6},
        3_000: {BASELINE: 0.97, OTHER: LATE},
    }
    run, analysis = waited(shares)
    text = told(run, analysis)
    assert f"At 3,000 connections, {OTHER} fails; {BASELINE} answers" in text
    chart = of(pictures(run, analysis), Measure.THROUGHPUT)
    assert f"{OTHER}: " in chart["alt"]
    assert "no figure at 3,000 connections" in chart["alt"]
    assert "3,000 requests without an answer in time" in chart["alt"]


def test_what_the_waiting_allows_is_a_line_of_its_own() -> None:
    shares = {n: {BASELINE: 0.97, OTHER: 0.5} for n in (100, 1_000, 3_000)}
    found = pictures(*waited(shares))
    assert (
        "the ideal: connections / 1 s: 100 at 100 connections"
        in of(found, Measure.THROUGHPUT)["alt"]
    )
    assert "the ideal" not in of(found, Measure.CPU)["alt"]


def test_a_stack_that_breaks_is_overtaken_by_those_that_do_not() -> None:
    shares: dict[int, dict[str, float | Broken]] = {
        100: {BASELINE: 0.5, OTHER: 0.97},
        1_000: {BASELINE: 0.3, OTHER: 0.97},
        3_000: {BASELINE: 0.1, OTHER: LATE},
    }
    chart = of(pictures(*waited(shares)), Measure.THROUGHPUT)
    assert f"{BASELINE} overtakes {OTHER} between 1,000 and 3,000 connections" in chart["alt"]
