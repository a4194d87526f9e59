"""The progress of long work, drawn between slices."""

from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from harness.report.words import numbers

if TYPE_CHECKING:
    from harness.records.plan import Phase, Plan
    from harness.records.verification import Verification

_SPEED_S = 600.0
"""The time left is estimated from the slices of so many seconds. They include a start of servers,
so that it does not jump from block to block."""


class _TimeLeft(TimeRemainingColumn):
    """Rich's estimate of the time left, where there is one."""

    def render(self, task: Task) -> Text:
        """The time and the word `left`."""
        known = task.total is not None and task.time_remaining is not None
        return super().render(task).append(" left") if known else Text()


class ProgressListener:
    """Shows a run as it goes. Use as a context manager around it.

    It draws between slices and at no other time, lest it should disturb one.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[note]}"),
            _TimeLeft(),
            console=console, transient=True, auto_refresh=False, speed_estimate_period=_SPEED_S,
        )  # fmt: skip
        self._task: TaskID | None = None
        self.run: str | None = None
        self._total: int | None = None

    def expect(self, plan: "Plan") -> None:
        """Learn how many slices the whole run has."""
        self._total = sum(phase.turns for phase in plan.phases)

    def step(self, what: str) -> None:
        """Something that is not a trial begins."""
        if self._console.is_terminal:
            self._update(what, None, "")
        else:
            self._console.print(what, highlight=False, markup=False)

    def verified(self, verification: "Verification") -> None:
        """A variant has been checked."""
        self._console.print(verification_text(verification))

    def begun(self, run: str) -> None:
        """The run exists on disk now."""
        self.run = run

    def progress(self, phase: "Phase", entry: str, done_slices: int, throughput: float) -> None:
        """A slice has ended."""
        description = f"block {phase.block} {phase.condition.endpoint}"
        self._update(description, done_slices, f"{entry[:24]} {numbers.number(throughput)}/s")

    def noticed(self, what: str) -> None:
        """Trials bear labels."""
        self._console.print(Text.assemble(("noticed: ", "yellow"), what), highlight=False)

    def problem(self, what: str) -> None:
        """Something went wrong, and the run goes on."""
        self._console.print(Text.assemble(("problem: ", "bold yellow"), what))

    def _update(self, description: str, completed: int | None, note: str) -> None:
        if self._task is None:
            self._task = self._progress.add_task(description, total=self._total, note=note)
        self._progress.update(
            self._task, description=description, completed=completed, note=note,
            total=self._total, refresh=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def verification_text(verification: "Verification") -> RenderableType:
    """One line if all is well, else one per failed check."""
    count = len(verification.outcomes)
    if verification.passed:
        return Text.assemble(("ok    ", "green"), f"{verification.variant}: {count} checks")
    failed = [Text(f"      {problem}") for problem in verification.problems]
    return Group(Text.assemble(("FAILS ", "bold red"), verification.variant), *failed)
