"""The time of a run, so that tests can advance it by hand."""

import time
from typing import Protocol


class MonotonicClock(Protocol):
    """Time as a phase sees it; tests have one that is advanced by hand."""

    def now_ns(self) -> int:
        """Monotonic time."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class SystemClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """Monotonic time."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)
