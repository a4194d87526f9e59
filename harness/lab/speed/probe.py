"""Measures the momentary speed of the application's core by a probe beside the servers.

A core of a shared machine changes its speed from one tenth of a second to the next, and CPU time
per request with it. The probe is a small process on the same core. It times one fixed piece of
arithmetic about a hundred times a second by its own CPU clock, so waiting for the core does not
count. Its readings correlate with the servers' CPU time, so the analysis can subtract the common
part; see `analysis.noise.fit`. The probe needs about 3 % of the core, the same for every variant.

Its process sends a stream of fixed records and takes no requests, unlike those that speak
`base.channel`: encoding messages would cost time on the measured core.
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
"""Readings kept: some minutes of one probe."""


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
        """Process ids; their CPU time is the harness's own."""
        return tuple(child.pid for child in self._children)

    def mean_ns(self, start_ns: int, end_ns: int) -> int | None:
        """Mean CPU time of the piece over the readings of a period; None if there are none."""
        for child in self._children:
            self._drain(child)
        readings = [used for at, used in self._readings if start_ns <= at <= end_ns]
        return round(sum(readings) / len(readings)) if readings else None

    def _drain(self, child: Child) -> None:
        """Read all that the pipe holds; a probe that has died just adds no readings."""
        stream = child.popen.stdout
        assert stream is not None
        os.set_blocking(stream.fileno(), False)
        try:
            raw = os.read(stream.fileno(), 2**20)
        except BlockingIOError:
            return
        whole = len(raw) - len(raw) % READING.size  # a reading is never written in parts
        self._readings.extend(READING.iter_unpack(raw[:whole]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
