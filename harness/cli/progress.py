"""The progress of long work: what is known so far, what happens now, and the time left.

It draws between slices and at no other time, lest it should disturb one. So no thread of its own
draws. Sets of machines tell it from a thread each; what they print does not mix.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from harness.cli.failures import verification_text
from harness.cli.rows import cut
from harness.report.words import numbers

if TYPE_CHECKING:
    from harness.analysis.so_far import SoFar
    from harness.inputs.study import Study
    from harness.records.plan import Phase, Plan
    from harness.records.verification import Verification
    from harness.runner.time_left import SetUp, Stage, TimeLeft

_BAR = 16
"""Columns of the bar."""
_REST_S = 1.0
"""Between two drawings because of slices: a terminal takes processor time to show one."""
_BESIDE = 6
"""Lines of a terminal beside the rows of the table: its head, its foot, and the status."""
_LEAST_ROWS = 3


class ProgressListener:
    """Shows a run as it goes. Use as a context manager around it.

    On a terminal: a table that every block makes more precise, and one line of status. Elsewhere: a
    line for each step before the first block, and then a line for each block.

    Args:
        console: where it shows that.
        clock: seconds, from any start.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._asked: tuple[Study, Plan] | None = None
        self._time_left: TimeLeft | None = None
        self._doing = ""
        self._table: RenderableType | None = None
        self._drawn_s = -_REST_S
        self.run: str | None = None
        self._live = Live(
            console=console, auto_refresh=False, transient=True, get_renderable=self._screen
        )

    def expect(
        self,
        study: "Study",
        plan: "Plan",
        phases: "Sequence[Phase]",
        set_up: "SetUp",
        at_once: int = 1,
    ) -> None:
        """Learn what the run has to do.

        Args:
            study, plan: what is measured.
            phases: those of the plan that are missing.
            set_up: what comes before them.
            at_once: blocks that are measured at the same time.
        """
        from harness.runner.time_left import TimeLeft

        self._asked = (study, plan)
        self._time_left = TimeLeft(study, plan, phases, set_up, at_once)

    def step(self, what: str, stage: "Stage | None" = None) -> None:
        """Something that is not a trial begins."""
        from harness.runner.time_left import Stage

        if self._time_left is not None and stage is not None and stage is not Stage.PHASE:
            self._time_left.enter(stage, self._clock())
        if self._console.is_terminal:
            self._doing = what
            self._draw()
        elif stage not in (Stage.STARTS, Stage.PHASE):
            self._console.print(what, highlight=False, markup=False)

    def passing(self, what: str) -> None:
        """A small part of a step begins, of which only a terminal tells."""
        if self._console.is_terminal:
            self._doing = what
            self._draw()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is drawn within the block, so that something else may be printed."""
        if not self._console.is_terminal:
            yield
            return
        self._live.stop()
        yield
        self._live.start()

    def verified(self, verification: "Verification") -> None:
        """A variant has been checked."""
        from harness.runner.time_left import Stage

        if self._time_left is not None:
            self._time_left.enter(Stage.EXAMINATION, self._clock())
        self._console.print(verification_text(verification))

    def begun(self, run: str) -> None:
        """The run exists on disk now."""
        self.run = run

    def planned(self, phases: "Sequence[Phase]", at_once: int = 1) -> None:
        """The set-up is done, and these phases follow."""
        from harness.runner.time_left import SetUp

        if self._asked is not None:
            self.expect(*self._asked, phases, SetUp(), at_once)

    def progress(self, phase: "Phase", entry: str, done_slices: int, throughput: float) -> None:
        """A slice has ended."""
        now_s = self._clock()
        if self._time_left is not None:
            self._time_left.reach(phase, done_slices, now_s)
        if self._console.is_terminal and now_s - self._drawn_s >= _REST_S:
            where = f"block {phase.block}, {phase.condition.endpoint}"
            self._doing = f"{where}: {entry} {numbers.number(throughput)}/s"
            self._draw()

    def known(self, so_far: "SoFar") -> None:
        """A block has ended, or one of Locust's cells."""
        if not self._console.is_terminal:
            self._console.print(self._line(so_far), highlight=False, markup=False, soft_wrap=True)
            return
        from harness.cli.so_far import so_far_table

        rows = max(_LEAST_ROWS, self._console.height - _BESIDE)
        table = so_far_table(so_far, self._console.width, rows)
        # Laid out once: while slices are measured, only the status changes.
        self._table = Segments(list(self._console.render(table)))
        self._draw()

    def noticed(self, what: str) -> None:
        """Trials bear labels."""
        self._console.print(Text.assemble(("noticed: ", "yellow"), what), highlight=False)

    def problem(self, what: str) -> None:
        """Something went wrong, and the run goes on."""
        self._console.print(Text.assemble(("problem: ", "bold yellow"), what))

    def _line(self, so_far: "SoFar") -> str:
        """A block in a line of a file."""
        width = so_far.half_width
        told = [
            _done(so_far),
            "" if width is None else f"ratios are known to ±{numbers.at_most(width)}",
            self._left(),
        ]
        return ", ".join(filter(None, told))

    def _left(self) -> str:
        left_s = None if self._time_left is None else self._time_left.left_s(self._clock())
        return "" if left_s is None or left_s < 1 else f"{duration(left_s)} left"

    def _screen(self) -> RenderableType:
        status = Table.grid(padding=(0, 1, 0, 0))
        for _ in range(3):
            status.add_column(no_wrap=True)
        bar: RenderableType = ""
        if self._time_left is not None:
            bar = ProgressBar(1.0, self._time_left.share, width=_BAR)
        left = self._left()
        room = self._console.width - 1 - (len(left) + _BAR + 2 if left else 0)
        doing = Text(cut(self._doing, room))
        status.add_row(*((bar, Text(left), doing) if left else (doing,)))
        return Group(*(part for part in (self._table, status) if part is not None))

    def _draw(self) -> None:
        self._drawn_s = self._clock()
        self._live.refresh()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def _done(so_far: "SoFar") -> str:
    if so_far.ramps is None:
        return f"block {so_far.blocks} of {so_far.planned} done"
    cells = so_far.ramps.cells
    measured = sum(cell.trials for cell in cells)
    return f"{measured} of {so_far.planned * len(cells)} cells measured"


def duration(seconds: float) -> str:
    """About how long, as a text: in hours and minutes, or minutes, or tens of seconds."""
    minutes = round(seconds / 60)
    if minutes >= _HOUR:
        return f"{minutes // _HOUR} h {minutes % _HOUR:02d} min"
    if seconds >= _MINUTES_FROM_S:
        return f"{minutes} min"
    return f"{max(10, 10 * round(seconds / 10))} s"


_HOUR = 60
_MINUTES_FROM_S = 120
