"""The leaderboards of a site: of each study on each machine, its newest run with figures."""

from collections.abc import Sequence

from harness.records.run import Run
from harness.report.site.board import Board
from harness.report.words.machines import hardware


def newest(boards: Sequence[tuple[Run, Board | None]]) -> tuple[Board, ...]:
    """The boards to choose from; the one that is shown first is the first.

    That is the newest of a study that ranks, or the newest of all. The others follow, newest first.
    Figures of two runs never stand in one table, since days and machines differ.

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
    ordered.sort(key=lambda board: not board.ranks)
    first = ordered[:1]
    return (*first, *(board for board in reversed(kept.values()) if board not in first))
