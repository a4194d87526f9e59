"""The leaderboards of a site: of each study on each machine, its newest run with figures."""

from collections.abc import Sequence

from harness.records.run import Run
from harness.report.site.board import Board
from harness.report.words.machines import hardware


def newest(boards: Sequence[tuple[Run, Board | None]]) -> tuple[Board, ...]:
    """The boards to choose from; the one that is shown first is the first.

    It is the one that ranks the most frameworks, since visitors choose among these; of several with
    as many, the newest. Where nothing ranks, it is the newest of all. The others follow, newest
    first. Figures of two runs never stand in one table, since days and machines differ.

    Args:
        boards: runs by date, with their boards.
    """
    kept: dict[object, Board] = {}
    for run, board in boards:
        if board is not None:
            key = (run.study_name, hardware(run.machine))
            kept.pop(key, None)  # so that the newest is the last
            kept[key] = board
    ordered = list(reversed(kept.values()))
    first = sorted(ordered, key=_ranked_frameworks, reverse=True)[:1]
    return (*first, *(board for board in ordered if board not in first))


def _ranked_frameworks(board: Board) -> int:
    """How many frameworks a board ranks; 0 if it ranks nothing."""
    return len({stack.framework for stack in board.stacks}) if board.ranks else 0
