"""The table that the front page shows first."""

from collections.abc import Sequence

import msgspec

from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.site.board import Board
from harness.report.site.board_table import BoardRow, board_table
from tests.toys.leaders import COSTS, analysed_board, leaders_run, leaders_trials, starved

RUN = leaders_run()
TRIALS = leaders_trials(RUN)


def board(trials: Sequence[Trial] = TRIALS, run: Run = RUN) -> Board:
    _, made = analysed_board(run, trials)
    assert made is not None
    return made


def rows(made: Board) -> dict[str, BoardRow]:
    return {row.name: row for row in board_table(made).rows}


def test_the_best_comes_first_and_its_column_says_so() -> None:
    table = board_table(board())
    assert [row.name for row in table.rows][2:] == ["c/dear", "d/dearest"]
    assert sorted(head.sort for head in table.heads) == ["ascending", "none"]
    assert table.count == "4 of 4 stacks"


def test_a_tie_is_marked_beside_its_ratio_and_has_no_colour() -> None:
    made = rows(board())
    first, second = sorted(
        ("a/base", "b/equal"), key=lambda name: made[name].cells[0].ratio != "best"
    )
    assert made[first].cells[0].ratio == "best"
    tied = made[second].cells[0]
    assert (tied.mark, tied.heat) == ("=", 0)
    assert tied.ratio.startswith(("1.0", "0.9"))
    assert "the same within 3 %" in tied.told
    assert "tie groups: a" in tied.told


def test_the_farther_from_the_best_the_darker() -> None:
    made = rows(board())
    dear, dearest = made["c/dear"].cells[0], made["d/dearest"].cells[0]
    assert (dear.heat, dearest.heat) == (2, 5)
    assert dear.ratio.startswith("1.8")
    assert "[" in dear.told
    assert "differs" in dear.told
    assert dear.mark == ""


def unsteady(trial: Trial) -> Trial:
    """The same, with costs that rise from block to block."""
    factor = 0.8 + 0.2 * trial.block
    slices = tuple(
        msgspec.structs.replace(piece, server_cpu_ns=int(piece.server_cpu_ns * factor))
        for piece in trial.slices
    )
    return msgspec.structs.replace(trial, slices=slices)


def test_what_is_undecided_has_another_mark() -> None:
    run = leaders_run(blocks=3)
    trials = [
        unsteady(t) if t.entry == "b/equal" else t
        for t in leaders_trials(run, COSTS | {"b/equal": 510.0})
    ]
    made = rows(board(trials, run))
    marks = {made[name].cells[0].mark for name in ("a/base", "b/equal")}
    assert marks == {"", "≈"}


def test_a_stack_without_figures_stands_last_with_its_reason() -> None:
    trials = [starved(t) if t.variant == "a/base" else t for t in TRIALS]
    table = board_table(board(trials))
    assert table.rows[-1].name == "a/base"
    assert table.rows[-1].note.startswith("starved: no correct answer")
    assert table.count == "4 of 4 stacks"


def test_one_block_is_not_ranked_and_each_head_says_why() -> None:
    run = leaders_run(blocks=1)
    table = board_table(board(leaders_trials(run), run))
    assert all("one was measured" in head.unsaid for head in table.heads)
    assert {cell.mark for row in table.rows for cell in row.cells} == {""}
    assert {cell.heat for row in table.rows for cell in row.cells} == {0}
    assert not any(cell.ratio == "best" for row in table.rows for cell in row.cells)
    assert "(one block)" in table.rows[0].cells[0].told
