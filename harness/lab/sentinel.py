"""Notices processes that stand still: stopped by a signal, or not run at all.

CPU clocks do not tell a server that waits from one that was stopped, and after SIGCONT no trace of
the stop is left. So a thread looks four times a second while a turn lasts. It also notices when it
is late itself: then the harness stood still, or the whole machine did.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from harness.lab.clocks import is_stopped

PERIOD_S = 0.25
"""Between two looks. For twenty processes that is a thousandth of the load's core, in the turns of
all variants alike (docs/tool-benchmarks.md)."""
STILL_S = 1.0
"""A pause of the harness counts from here on. Processes that share a busy core wait for tenths of a
second; a second is a multiple of that, and several slices long."""


class Pause(msgspec.Struct, frozen=True):
    """A time for which a role stood still, on the monotonic clock in nanoseconds."""

    role: str
    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) / 1e9


class Sentinel:
    """Looks at processes from a thread of its own. Use as a context manager."""

    def __init__(self) -> None:
        self._roles: Mapping[str, Iterable[int]] | None = None
        self._looked_ns = 0
        self._late: list[Pause] = []
        self._stopped: dict[str, list[Pause]] = {}
        self._guard = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentinel", daemon=True)

    def watch(self, roles: Mapping[str, Iterable[int]]) -> None:
        """Look at the processes of these roles from now on, until the pauses are asked for."""
        with self._guard:
            self._late, self._stopped = [], {}
            self._looked_ns = time.monotonic_ns()
            self._roles = roles

    def pauses(self) -> tuple[tuple[Pause, ...], Pause | None]:
        """End the watch.

        Returns:
            The times for which a role's process was stopped, known to a quarter of a second; and
            the longest for which the harness itself did not run, None for none.
        """
        with self._guard:
            self._note_lateness(time.monotonic_ns())
            self._roles = None
            stopped = tuple(pause for pauses in self._stopped.values() for pause in pauses)
            return stopped, max(self._late, key=lambda pause: pause.seconds, default=None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(PERIOD_S):
            with self._guard:
                if self._roles is not None:
                    self._look(self._roles)

    def _look(self, roles: Mapping[str, Iterable[int]]) -> None:
        now = time.monotonic_ns()
        before = self._looked_ns
        self._note_lateness(now)
        for role, pids in roles.items():
            if any(is_stopped(pid) for pid in pids):
                self._note_stop(role, before, now)

    def _note_stop(self, role: str, before: int, now: int) -> None:
        """Lengthen the pause that the last look saw too, or begin another."""
        pauses = self._stopped.setdefault(role, [])
        if pauses and pauses[-1].end_ns == before:
            pauses[-1] = Pause(role, pauses[-1].start_ns, now)
        else:
            pauses.append(Pause(role, before, now))

    def _note_lateness(self, now: int) -> None:
        if now - self._looked_ns >= (STILL_S + PERIOD_S) * 1e9:
            self._late.append(Pause("harness", self._looked_ns, now))
        self._looked_ns = now
