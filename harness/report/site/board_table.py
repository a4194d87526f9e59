"""The table of a leaderboard as it is shown first, and without JavaScript: texts of its cells.

`templates/board.js` makes the same texts for any other choice.
"""

import msgspec

from harness.report.site.board import Board, BoardColumn, BoardFigures
from harness.report.words import numbers

NOTHING = "-"
"""Stands where a stack was not planned, or a condition has no such figure."""
TIMES = "\u00d7"
HEAT = (1.05, 1.3, 2.0, 4.0, 8.0)
"""From these factors on, a worse cell is darker by one step."""
_SAME, _OPEN = "=", "≈"
"""Marks of cells that are the same as the best within the margin, and not told apart from it."""


class BoardCell(msgspec.Struct, frozen=True):
    """A stack under a condition.

    value, ratio: by the measure, and to the best. mark: of a tie with it.
    heat: how much worse, in steps from 0. told: interval, ties and verdict, or why there is none.
    """

    value: str
    ratio: str = ""
    mark: str = ""
    heat: int = 0
    told: str = ""


class BoardHead(msgspec.Struct, frozen=True):
    """A column's heading. unsaid: why it ranks nothing. sort: of `aria-sort`."""

    heading: str
    load: str
    title: str
    unsaid: str
    sort: str


class BoardRow(msgspec.Struct, frozen=True):
    """A stack. about: of what it is made. note: stands in place of all cells; empty with any."""

    name: str
    title: str
    about: str
    note: str
    cells: tuple[BoardCell, ...]


class BoardTable(msgspec.Struct, frozen=True):
    """A board by its default measure, with the columns of its first view.

    count: how many stacks are shown, as text.
    """

    measure: str
    heads: tuple[BoardHead, ...]
    rows: tuple[BoardRow, ...]
    count: str


def board_table(board: Board) -> BoardTable:
    """The table of the default state."""
    heading, lower = board.measures[board.first]
    sorted_by = board.columns[board.views[0].sorts[board.first]]
    columns = [board.columns[at] for at in board.views[0].columns]
    order = _order(board, sorted_by.measures.get(board.first))
    rows = [_row(board, at, columns) for at in order]
    shown = tuple(row for row in rows if row.note or any(c.value != NOTHING for c in row.cells))
    return BoardTable(
        measure=heading,
        heads=tuple(
            BoardHead(
                heading=column.heading,
                load=column.load,
                title=column.title,
                unsaid=_unsaid(column, board.first),
                sort=_sort(lower) if column is sorted_by else "none",
            )
            for column in columns
        ),
        rows=shown,
        count=f"{len(shown)} of {len(board.stacks)} stacks",
    )


def _sort(lower: bool) -> str:
    """The best is first."""
    return "ascending" if lower else "descending"


def _unsaid(column: BoardColumn, measure: str) -> str:
    figures = column.measures.get(measure)
    return "no stack has this figure" if figures is None else figures.unsaid


def _order(board: Board, figures: BoardFigures | None) -> list[int]:
    """Stacks from the best on; then those without a figure, in the study's order."""
    known = [] if figures is None else list(figures.entries)
    return known + [at for at in range(len(board.stacks)) if at not in known]


def _row(board: Board, at: int, columns: list[BoardColumn]) -> BoardRow:
    stack = board.stacks[at]
    parts = (stack.framework, stack.data, stack.server, stack.views)
    return BoardRow(
        name=stack.name,
        title=stack.title,
        about=" · ".join(part for part in parts if part),
        note=stack.note,
        cells=tuple(_cell(board, at, column) for column in columns),
    )


def _cell(board: Board, at: int, column: BoardColumn) -> BoardCell:
    figures = column.measures.get(board.first)
    if figures is None or at not in figures.entries:
        word, why = column.missing.get(at, (NOTHING, ""))
        return BoardCell(value=word, told=why)
    place = figures.entries.index(at)
    mean, low, high = figures.values[place]
    ties = figures.letters[place]
    parts = [_with_bounds(mean, low, high), f"tie groups: {', '.join(ties)}" if ties else ""]
    if place == 0:
        best = "" if figures.unsaid else "best"
        return BoardCell(_number(mean), best, told="; ".join(filter(None, parts)))
    ratio, verdict = figures.pairs.ratio[place - 1], figures.pairs.verdict[place - 1]
    parts.append("" if verdict is None else board.verdicts[verdict])
    lower = board.measures[board.first][1]
    return BoardCell(
        value=_number(mean),
        ratio="" if ratio is None else f"{numbers.times(ratio)}{TIMES}",
        mark="" if not verdict else _SAME if verdict == 1 else _OPEN,
        heat=0 if verdict or figures.misleading or not ratio else _heat(ratio, lower),
        told="; ".join(filter(None, parts)),
    )


def _number(value: float | None) -> str:
    return numbers.MISSING if value is None else numbers.number(value)


def _with_bounds(mean: float | None, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"{_number(mean)} (one block)"
    return f"{_number(mean)} [{_number(low)}, {_number(high)}]"


def _heat(ratio: float, lower: bool) -> int:
    worse = ratio if lower else 1 / ratio
    return sum(worse >= step for step in HEAT)
