"""Headlines and pictures of replications: with a published table, without, in a rehearsal."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from harness.analysis.analyse import Analysis, analyse
from harness.inputs.kinds import StudyKind, kind_of
from harness.inputs.published_tables import PublishedCell
from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.answer.headline import headline
from harness.report.answer.hero import Hero
from harness.report.answer.replication import heroes
from harness.report.answer.replication_pictures import totals_picture
from harness.report.drawing.figures import Figures
from harness.report.words.sentences import MOST_WORDS
from tests.toys.ramps import FAR, NEAR, OTHER, beside, lost_cell, make_cell, ramp_run
from tests.toys.runs import BASELINE

pytestmark = pytest.mark.usefixtures("undrawn_unless_asked")
IN_PRINT = (
    PublishedCell(BASELINE, "io_read", 0.0, 10.0, 200),
    PublishedCell(OTHER, "io_read", 0.0, 8.0, 160),
    PublishedCell(BASELINE, "io_read", 200.0, 1.0, 20),
    PublishedCell(OTHER, "io_read", 200.0, 30.0, 600),
)
IDLE: dict[str, Any] = {
    "server_cpu_ns": 10**9,
    "database_cpu_ns": 10**8,
    "machine_busy_ns": 2 * 10**9,
}
"""Of twenty seconds: nothing was busy, so round trips limited the cell."""


def run_of(blocks: int = 1, published: Sequence[PublishedCell] = IN_PRINT) -> Run:
    run = ramp_run(blocks, (NEAR, FAR))
    return beside(run, *published) if published else run


def cells(near: int = 20, far: int = 20, blocks: int = 1) -> list[Trial]:
    """The other setup's successes per second; the baseline has 10 near and 1 far."""
    return [
        trial
        for block in range(1, blocks + 1)
        for trial in (
            make_cell(per_second=(10,) * 20, block=block),
            make_cell(OTHER, (near + block,) * 20, block),
            make_cell(per_second=(1,) * 20, block=block, condition=FAR, **IDLE),
            make_cell(OTHER, (far + block,) * 20, block, condition=FAR),
        )
    ]


def told(run: Run, trials: Sequence[Trial]) -> str:
    assert kind_of(run.study) is StudyKind.REPLICATION
    sentences = headline(run, analyse(run, trials))
    assert len(sentences) <= 2
    assert all(len(sentence.split()) <= MOST_WORDS for sentence in sentences), sentences
    return " ".join(sentences)


def pictures(run: Run, analysis: Analysis) -> list[Hero]:
    with Figures() as figures:
        found = heroes(run, analysis, figures)
        figures.finish()
    return found


def test_how_often_the_published_winner_wins_again_and_what_limits_the_slower_setup() -> None:
    text = told(run_of(), cells())
    assert "wins again in 1 of 2 comparisons" in text, "near it lost in print"
    assert "one block" in text
    assert "2 comparisons above 2 times" in text
    assert told(run_of(), cells(near=5)).startswith("The published winner wins again in 2 of 2")


def test_waiting_for_round_trips_is_told_where_the_ratio_is_large() -> None:
    text = told(run_of(), cells(near=10))
    assert f"n a read with 200 ms added, {BASELINE} waits for round trips." in text


def test_a_ratio_whose_interval_holds_one_repeats_nothing() -> None:
    """Of two blocks that disagree wildly neither winner is shown."""
    wild = [
        make_cell(setup, (rate,) * 20, block, condition=condition)
        for condition in (NEAR, FAR)
        for block, rates in ((1, (10, 40)), (2, (10, 3)))
        for setup, rate in zip((BASELINE, OTHER), rates, strict=True)
    ]
    text = told(run_of(blocks=2), wild)
    assert "0 of 2 comparisons." in text
    assert "one block" not in text
    assert "No setup is shown" in told(run_of(blocks=2, published=()), wild)


def test_without_a_published_table_the_largest_ratio_is_told() -> None:
    text = told(run_of(blocks=3, published=()), cells(blocks=3))
    assert f"{OTHER} reaches 22 times the rate of {BASELINE} on a read with 200 ms added." in text
    assert "ublished" not in text


def test_a_rehearsal_replicates_nothing() -> None:
    run = msgspec.structs.replace(run_of(), scale=0.02)
    text = told(run, cells())
    assert "rehearsal" in text
    assert "wins again" not in text
    lost = [lost_cell(OTHER, "it died"), *cells()[2:], make_cell()]
    assert "1 have no success" in told(run, lost)


@pytest.mark.parametrize(
    ("trials", "fact"),
    [([], "No trial has been measured"), ([make_cell()], "No setup is compared")],
)
def test_a_run_without_two_setups_says_so(trials: list[Trial], fact: str) -> None:
    run = run_of()
    assert fact in told(run, trials)
    assert told(run, trials).count(".") == 1


def test_the_picture_has_every_cell_with_its_published_and_its_measured_ratio() -> None:
    run = run_of()
    (hero,) = pictures(run, analyse(run, cells(near=20)))
    assert hero.narrow is not None
    near = f"{OTHER} / {BASELINE}, read, +0 ms: published 0.8, measured 2.1."
    assert near in hero.figure["alt"]
    assert "read, +200 ms: published 30, measured 21." in hero.figure["alt"]


def test_a_cell_that_came_to_nothing_keeps_its_row() -> None:
    run = run_of()
    trials = [lost_cell(OTHER, "it died"), make_cell(), *cells()[2:]]
    (hero,) = pictures(run, analyse(run, trials))
    assert "read, +0 ms: published 0.8, measured no figure." in hero.figure["alt"]


@pytest.mark.usefixtures("drawn")
def test_several_blocks_have_intervals_and_successes_a_picture_of_their_own() -> None:
    run = run_of(blocks=3, published=())
    analysis = analyse(run, cells(blocks=3))
    (hero,) = pictures(run, analysis)
    assert "+200 ms: measured 22 [" in hero.figure["alt"]
    assert analysis.ramps is not None
    with Figures() as figures:
        totals = totals_picture(run, analysis.ramps, figures)
        figures.finish()
    assert totals is not None
    assert "uccesses: measured ratios" in totals.figure["alt"]


def test_without_any_ratio_there_is_no_picture() -> None:
    run = run_of(published=())
    assert pictures(run, analyse(run, [])) == []
