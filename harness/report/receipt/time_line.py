"""The picture of a request: time runs downwards, with a lane for the event loop and each thread.

Steps are not drawn to scale: a short hop gets the room that its label needs, and longer stretches
get more. The drawing is data here; the page's template makes SVG of it, in the page's own colours.
"""

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from harness.analysis.receipt.receipt import Cause, Span, TimeLine
from harness.records.observation import Amount
from harness.report.receipt.names import short_name

_TOP, _BOTTOM = 44, 20
_ROW, _END = 22, 9
"""Height that a label takes, and that an end takes at least; pixels."""
_STRETCH = 160
"""Shared among all stretches by their length, beside that."""
_BLOCK, _INSET, _DEEPEST = 22, 5, 3
"""Width of a hop's block; of a hop within a hop, how much narrower; and how often."""
_MARK = 8
"""Width of a statement's mark."""
_LETTER = 7.5
"""Mean width of a letter at the labels' size, generously."""
_GUTTER, _GAP = 50, 20
"""Room for times at the left, and between the last lane and the labels."""
_MOST_ROWS = 60
_WIDE, _NARROW = (1120, 130), (354, 48)
"""Width of a picture, and the distance of its lanes at most: on a desk, on a phone."""
_INSTANT = 0.001
"""Microseconds; an end is drawn below its begin."""
_US = 1000.0
_TO_THREAD = (Amount.HOPS, Amount.HANDOVERS)
_WHAT = {
    Amount.HOPS: "hop", Amount.HANDOVERS: "handover", Amount.POOL_WAIT_US: "waits for a connection",
    Amount.CONNECTIONS: "opens a connection", Amount.STATEMENTS: "statement",
}  # fmt: skip


class ThreadLane(msgspec.Struct, frozen=True):
    """A thread. x: of its middle."""

    x: float
    name: str


class LaneBlock(msgspec.Struct, frozen=True):
    """What a thread does for a while. tone: `own`, `cycle`, `wait` or `statement`."""

    x: float
    y: float
    width: float
    height: float
    tone: str


class HopArrow(msgspec.Struct, frozen=True):
    """From the event loop to a thread, or back."""

    x: float
    to: float
    y: float
    back: bool


class LineLabel(msgspec.Struct, frozen=True):
    """What begins at a height.

    time: since the request was sent. full: the text, of which names may be cut.
    tone: as of blocks, or `answered`.
    """

    x: float
    y: float
    time: str
    text: str
    full: str
    tone: str


class LinePicture(msgspec.Struct, frozen=True):
    """All shapes, in pixels; it is drawn at its own size.

    says: the same as text, a line for each label.
    """

    width: int
    height: float
    lanes: tuple[ThreadLane, ...]
    blocks: tuple[LaneBlock, ...]
    arrows: tuple[HopArrow, ...]
    labels: tuple[LineLabel, ...]
    says: tuple[str, ...]


class _Row(msgspec.Struct):
    """Spans that are drawn as one.

    span: the first. end: of the last. times: how many. statements: how many are within it.
    depth: in how many others it is. queued: how many wait before it in the same thread.
    top, bottom, runs: heights of its begin, its end, and of the moment when the thread is free.
    """

    span: Span
    end: float
    times: int = 1
    statements: int = 0
    depth: int = 0
    queued: int = 0
    top: float = 0.0
    bottom: float = 0.0
    runs: float = 0.0


def time_line_picture(line: TimeLine, loop: str, *, narrow: bool = False) -> LinePicture:
    """The picture of one request.

    Args:
        line: the request.
        loop: name of thread 0, e.g. `event loop`.
        narrow: for a phone.
    """
    width, farthest = _NARROW if narrow else _WIDE
    rows, left_out = _rows(line.spans)
    threads = sorted({0, *(row.span.thread for row in rows)})
    apart = min(farthest, (0.45 * width - _GUTTER) / max(1, len(threads) - 0.5))
    lanes = {
        thread: ThreadLane(
            _GUTTER + (index + 0.5) * apart,
            loop if thread == 0 else f"T{thread}" if narrow else f"thread {thread}",
        )
        for index, thread in enumerate(threads)
    }
    heights = _Heights(rows, line.took_us)
    blocks, arrows, labels = [], [], []
    right = _GUTTER + len(threads) * apart + (0 if narrow else _GAP)
    letters = int((width - right) / _LETTER)
    for row in rows:
        lane = lanes[row.span.thread].x
        blocks += _blocks(row, lane)
        if row.span.what in _TO_THREAD and row.span.thread != 0:
            start, edge = lanes[0].x, lane - _BLOCK / 2
            arrows.append(HopArrow(start, edge, row.top, back=False))
            arrows.append(HopArrow(edge, start, row.bottom, back=True))
        labels.append(_label(row, right, letters))
    blocks += _statements(line.spans, rows, lanes, heights)
    if left_out:
        text = f"and {left_out} more"
        labels.append(LineLabel(right, heights.bottom + 16, "", text, text, "cycle"))
    labels.append(_answer(line, right, heights.answered + 4))
    labels.sort(key=lambda label: label.y)
    return LinePicture(
        width=width,
        height=heights.bottom + _BOTTOM + (_ROW if left_out else 0),
        lanes=tuple(lanes.values()),
        blocks=tuple(blocks),
        arrows=tuple(arrows),
        labels=tuple(labels),
        says=tuple(" ".join(filter(None, (label.time, label.full))) for label in labels),
    )


class _Heights:
    """Gives every begin and end a height of its own; between two of them time runs evenly.

    answered: the height at which the answer has come.
    """

    answered = float(_TOP)

    def __init__(self, rows: Sequence[_Row], took: float) -> None:
        self._moments, self._at = [0.0], [float(_TOP)]
        events: list[tuple[float, bool, _Row | None]] = [(took, True, None)]
        events += [(row.span.begin_us, True, row) for row in rows]
        events += [(row.end, False, row) for row in rows]
        for moment, begins, row in sorted(events, key=lambda event: event[:2]):
            self._add(moment, _ROW if begins else _END, took)
            if row is None:
                self.answered = self._at[-1]
            elif begins:
                row.top = self._at[-1]
            else:
                row.bottom = self._at[-1]
        for row, other in zip(rows, [None, *rows], strict=False):
            row.runs = row.top
            if other is not None and _waits_for(row, other):
                row.runs, row.queued = other.bottom, other.queued + 1

    def _add(self, moment: float, least: float, took: float) -> None:
        passed = max(0.0, moment - self._moments[-1])
        self._moments.append(max(moment, self._moments[-1]))
        self._at.append(self._at[-1] + least + _STRETCH * (passed / took if took > 0 else 0))

    @property
    def bottom(self) -> float:
        """Of the last event."""
        return self._at[-1]

    def at(self, moment: float) -> float:
        """The height of a moment."""
        after = bisect_right(self._moments, moment)
        if after == len(self._moments):
            return self._at[-1]
        if after == 0:
            return self._at[0]
        begin, end = self._moments[after - 1], self._moments[after]
        share = (moment - begin) / (end - begin)
        return self._at[after - 1] + share * (self._at[after] - self._at[after - 1])


def _waits_for(row: _Row, other: _Row) -> bool:
    """Whether it was asked for while the other one had the same thread, and ended after it."""
    same = row.span.thread == other.span.thread
    return same and row.span.begin_us < other.end <= row.end


def _rows(spans: Sequence[Span]) -> tuple[list[_Row], int]:
    """What is drawn with a label, in order, and how many spans are left out for lack of room.

    Statements within another span are not among them. Equal spans that follow each other are one.
    """
    ordered = sorted(spans, key=lambda span: (span.begin_us, -span.end_us))
    rows: list[_Row] = []
    for index, span in enumerate(ordered):
        around = _around(span, rows)
        if span.what is Amount.STATEMENTS and around is not None:
            around.statements += 1
            continue
        last = rows[-1] if rows else None
        if last is not None and around is None and _follows(last, span):
            last.times += 1
            last.end = max(last.end, span.end_us)
            continue
        if len(rows) == _MOST_ROWS:
            return rows, len(ordered) - index
        rows.append(_Row(span, max(span.end_us, span.begin_us + _INSTANT), depth=_depth(around)))
    return rows, 0


def _around(span: Span, rows: Sequence[_Row]) -> _Row | None:
    """What the thread is about when a span begins and ends: the innermost, but none that waits."""
    found = None
    for row in rows:
        same = span.thread == row.span.thread
        within = same and row.span.begin_us <= span.begin_us and span.end_us <= row.end
        if within and (found is None or row.end <= found.end):
            found = row
    return found


def _depth(around: _Row | None) -> int:
    return 0 if around is None else around.depth + 1


def _follows(row: _Row, span: Span) -> bool:
    """Whether it is another one of the same, begun when the last had ended."""
    one = row.span
    same = (one.what, one.thread, one.cause) == (span.what, span.thread, span.cause)
    return same and row.end <= span.begin_us


def _blocks(row: _Row, x: float) -> list[LaneBlock]:
    """What the thread does; before it, beside the lane, for how long it was not free."""
    width = _BLOCK - 2 * _INSET * min(row.depth, _DEEPEST - 1)
    tone, height = _tone(row.span), max(4.0, row.bottom - row.runs)
    blocks = [LaneBlock(x - width / 2, row.runs, width, height, tone)]
    if row.runs > row.top:
        beside = x + _BLOCK / 2 + 3 + 6 * ((row.queued - 1) % 4)
        blocks.append(LaneBlock(beside, row.top, 4, row.runs - row.top, "wait"))
    return blocks


def _statements(
    spans: Sequence[Span], rows: Sequence[_Row], lanes: dict[int, ThreadLane], heights: _Heights
) -> list[LaneBlock]:
    """A mark for each statement within something else."""
    labelled = {id(row.span) for row in rows}
    marks = []
    for span in spans:
        if span.what is Amount.STATEMENTS and id(span) not in labelled and span.thread in lanes:
            top, end = heights.at(span.begin_us), heights.at(span.end_us)
            x = lanes[span.thread].x - _MARK / 2
            marks.append(LaneBlock(x, top, _MARK, max(2.0, end - top), "statement"))
    return marks


def _tone(span: Span) -> str:
    if span.what is Amount.POOL_WAIT_US:
        return "wait"
    if span.what is Amount.STATEMENTS:
        return "statement"
    return "own" if span.cause is not None and span.cause.project else "cycle"


def _label(row: _Row, x: float, letters: int) -> LineLabel:
    """The text beside a bar: a hop's cause and its place in the code.

    A bar that lies within a hop has the same cause, so its text does not repeat it.
    """
    span, cause = row.span, row.span.cause
    name, notes = "", []
    if cause is not None and (row.depth == 0 or span.what in _TO_THREAD):
        name, notes = cause.name, [place] if (place := _place(cause)) else []
    if row.statements:
        notes.append(f"{row.statements} statement{'s' if row.statements > 1 else ''}")
    begin = f"{row.times} × " if row.times > 1 else ""
    if span.what not in _TO_THREAD or not name:
        begin += _WHAT.get(span.what, span.what) + (" · " if name else "")
    text = begin + short_name(name, letters - len(begin))
    full = " · ".join([begin + name, *notes])
    for note in notes:
        if len(text) + 3 + len(note) <= letters:
            text = f"{text} · {note}"
    if len(text) > letters:  # a class that is wider than a phone
        text = f"{text[: letters - 1]}…"
    return LineLabel(x, row.top + 4, _ms(span.begin_us), text, full, _tone(span))


def _answer(line: TimeLine, x: float, y: float) -> LineLabel:
    return LineLabel(x, y, _ms(line.took_us), "answered", "answered", "answered")


def _place(cause: Cause) -> str:
    if cause.file is None:
        return ""
    return cause.file if cause.line is None else f"{cause.file}:{cause.line}"


def _ms(us: float) -> str:
    ms = us / _US
    return f"{ms:.2f} ms" if ms < 10 else f"{ms:,.1f} ms" if ms < 1000 else f"{ms:,.0f} ms"
