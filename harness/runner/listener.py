"""Who is told how a run goes."""

from typing import Protocol

from harness.records.plan import Phase
from harness.records.verification import Verification


class Listener(Protocol):
    """The command line shows it; a test may count it."""

    def step(self, what: str) -> None:
        """Something that is not a trial begins."""

    def verified(self, verification: Verification) -> None:
        """A variant has been checked."""

    def begun(self, run: str) -> None:
        """From here on the run exists on disk, can be reported, and can be resumed."""

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        """A slice has ended; `done_slices` counts those of the whole run."""

    def noticed(self, what: str) -> None:
        """Trials that have just been measured bear labels that a reader will meet in the report."""

    def problem(self, what: str) -> None:
        """Something went wrong, and the run goes on."""
