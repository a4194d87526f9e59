"""Which leaderboards a site has."""

from typing import Any

import msgspec

from harness.inputs.study import Contrast
from harness.records.run import Run
from harness.report.site.board import Board
from harness.report.site.boards import newest
from tests.toys.leaders import analysed_board, leaders_run, leaders_trials

RUN = leaders_run(blocks=2)
_, _MADE = analysed_board(RUN, leaders_trials(RUN))
assert _MADE is not None
BOARD = _MADE


def pair(
    name: str, study: str = "s", board: Any = BOARD, **changes: Any
) -> tuple[Run, Board | None]:
    run = msgspec.structs.replace(RUN, id=name, study_name=study, **changes)
    return run, None if board is None else msgspec.structs.replace(board, run=name, study=study)


def shown(*pairs: tuple[Run, Board | None]) -> list[str]:
    return [board.run for board in newest(pairs)]


def test_of_a_study_on_a_machine_the_newest_run_stays() -> None:
    assert shown(pair("one"), pair("two")) == ["two"]


def test_a_run_without_figures_takes_no_one_s_place() -> None:
    assert shown(pair("one"), pair("two", board=None)) == ["one"]
    assert shown(pair("two", board=None)) == []
    assert shown() == []


def test_another_machine_has_a_board_of_its_own_and_another_kernel_has_not() -> None:
    machine = RUN.machine
    other = pair("two", machine=machine | {"processors": 8})
    updated = pair("three", machine=machine | {"kernel": "Linux 7"})
    assert shown(pair("one"), other) == ["two", "one"]
    assert shown(pair("one"), updated) == ["three"]


def test_the_newest_study_that_ranks_is_first() -> None:
    causal = msgspec.structs.replace(BOARD, ranks=False)
    assert shown(pair("one"), pair("two", "t"), pair("three", "u", causal)) == [
        "two",
        "three",
        "one",
    ]
    assert shown(pair("three", "u", causal)) == ["three"]


def test_the_study_that_ranks_more_frameworks_is_first_though_it_is_older() -> None:
    stacks = BOARD.stacks
    assert len({stack.framework for stack in stacks}) > 1
    alone = msgspec.structs.replace(BOARD, stacks=stacks[:1])
    causal = msgspec.structs.replace(BOARD, ranks=False)
    older = pair("older")
    assert shown(older, pair("newer", "t", alone)) == ["older", "newer"]
    assert shown(older, pair("newer", "t")) == ["newer", "older"]
    assert shown(pair("older", board=causal), pair("newer", "t", alone)) == ["newer", "older"]


def test_whether_a_study_ranks_follows_from_its_design() -> None:
    contrast = Contrast(name="c", title="c", of="b/equal", to="a/base")
    study = msgspec.structs.replace(RUN.study, contrasts=(contrast,))
    run = msgspec.structs.replace(RUN, study=study)
    _, board = analysed_board(run, leaders_trials(run))
    assert board is not None
    assert (BOARD.ranks, board.ranks) == (True, False)
