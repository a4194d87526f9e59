"""How fast the application's core is at this moment: a probe beside the servers.

A core of a shared machine changes its speed from one tenth of a second to the next, and CPU time
per request with it. The probe is a small process on the same core that times one fixed piece of
arithmetic about a hundred times a second, by its own CPU clock, so that waiting for the core does
not count. What it measures correlates with what the servers need, and can be taken out of it; see
`analysis.noise.gls`. It needs about 3 % of the core, whoever has the turn.
"""

import os
import struct
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from harness.lab.process import Child, launch

READING = struct.Struct("=qq")
"""Monotonic clock and CPU time of the piece, in nanoseconds."""
_KEPT = 20_000
"""Readings: some minutes of them, of one probe."""


class SpeedProbe:
    """Probes on some processors. Use as a context manager."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._stack = ExitStack()
        self._children: list[Child] = []
        self._readings: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        for cpu in cpus:
            child = launch(
                [sys.executable, "-m", "harness.lab.speed.worker"],
                cpus=[cpu], pipes=True, death_signal="SIGKILL",
            )  # fmt: skip
            self._stack.callback(child.stop)
            self._children.append(child)

    @property
    def pids(self) -> tuple[int, ...]:
        """Their process ids: their CPU time is the harness's own."""
        return tuple(child.pid for child in self._children)

    def mean_ns(self, start_ns: int, end_ns: int) -> int | None:
        """Mean CPU time of the piece over the readings in that time; None if there was none."""
        for child in self._children:
            self._drain(child)
        found = [used for at, used in self._readings if start_ns <= at <= end_ns]
        return round(sum(found) / len(found)) if found else None

    def _drain(self, child: Child) -> None:
        """Take what the pipe holds; a probe that has died gives no more, and nothing fails."""
        stream = child.popen.stdout
        assert stream is not None
        os.set_blocking(stream.fileno(), False)
        try:
            raw = os.read(stream.fileno(), 2**20)
        except BlockingIOError:
            return
        whole = len(raw) - len(raw) % READING.size  # written at once, so never in parts
        self._readings.extend(READING.iter_unpack(raw[:whole]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
