"""Measures the momentary speed of the application's core by a probe beside the servers.

A core of a shared machine changes its speed from one tenth of a second to the next, and CPU time
per request with it. The probe is a small process on the same core. It times one fixed piece of
arithmetic about a hundred times a second by its own CPU clock, so waiting for the core does not
count. Its readings correlate with the servers' CPU time, so the analysis can subtract the common
part; see `analysis.noise.fit`. The probe needs about 3 % of the core, the same for every variant.

Its process sends a stream of fixed records and takes no requests, unlike those that speak
`base.channel`: encoding messages would cost time on the measured core.
"""

import contextlib
import fcntl
import os
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Self

from harness.lab.process import Child, launch, wait_until

READING = struct.Struct("=qq")
"""Monotonic clock and CPU time of the piece, in nanoseconds."""
_KEPT = 20_000
"""Readings kept: some minutes of one probe."""
_SILENT_S = 1.0
"""A probe that gives no reading for so long has stopped: a hundred of them are missing, and the
longest wait for a busy core is a fraction of it."""
_START_S = 5.0
"""Time limit for a first reading; Python starts in a tenth of it."""
_PIPE_BYTES = 2**20
"""Ten minutes of readings, for windows as long; as much as any user may have (pipe(7))."""
_STARTS = 3
"""Of one probe, until it is given up: waiting for it before each turn would cost minutes."""


class _Feeler:
    """The probe of one processor, and its process, which may be replaced."""

    def __init__(self, cpu: int) -> None:
        self.cpu = cpu
        self.starts = 0
        self.last_ns: int | None = None
        """Of the last reading; None before the first one of this process."""
        self.start()

    def start(self) -> None:
        self.child: Child = launch(
            [sys.executable, "-m", "harness.lab.speed.worker"],
            cpus=[self.cpu], pipes=True, death_signal="SIGKILL",
        )  # fmt: skip
        assert self.child.popen.stdout is not None
        self._stream = self.child.popen.stdout.fileno()
        os.set_blocking(self._stream, False)
        with contextlib.suppress(OSError):  # it stays at the usual size
            fcntl.fcntl(self._stream, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.starts += 1
        self.began_ns = time.monotonic_ns()
        self.last_ns = None

    def read(self) -> list[tuple[int, int]]:
        """All that the pipe holds; a probe that has died just adds no readings."""
        try:
            raw = os.read(self._stream, _PIPE_BYTES)
        except BlockingIOError:
            return []
        whole = len(raw) - len(raw) % READING.size  # a reading is never written in parts
        readings = [(at, used) for at, used in READING.iter_unpack(raw[:whole])]
        if readings:
            self.last_ns = readings[-1][0]
        if len(raw) + READING.size > fcntl.fcntl(self._stream, fcntl.F_GETPIPE_SZ):
            self.last_ns = time.monotonic_ns()  # the pipe was full, so it had to wait
        return readings

    def trouble(self) -> str | None:
        """Why it gives no readings; None if it does."""
        if not self.child.running:
            what = "died" if self.last_ns is not None else "ended before its first reading"
            return f"the speed probe on processor {self.cpu} {what}"
        silent_s = (time.monotonic_ns() - (self.last_ns or self.began_ns)) / 1e9
        if silent_s >= (_SILENT_S if self.last_ns is not None else _START_S):
            return f"the speed probe on processor {self.cpu} gave no reading for {silent_s:.1f} s"
        return None


class SpeedProbe:
    """Probes on some processors. Use as a context manager."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._readings: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._told: set[int] = set()
        """Processors whose loss has been told and not yet mended."""
        self._feelers = [_Feeler(cpu) for cpu in cpus]

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids now; their CPU time is the harness's own."""
        return tuple(feeler.child.pid for feeler in self._feelers)

    def mean_ns(self, start_ns: int, end_ns: int) -> int | None:
        """Mean CPU time of the piece over the readings of a period; None if there are none."""
        self._drain()
        readings = [used for at, used in self._readings if start_ns <= at <= end_ns]
        return round(sum(readings) / len(readings)) if readings else None

    def losses(self) -> list[str]:
        """Say which probes have stopped giving readings, each loss once."""
        self._drain()
        told: list[str] = []
        for feeler in self._feelers:
            trouble = feeler.trouble()
            if trouble is not None and feeler.cpu not in self._told:
                told.append(trouble)
                self._told.add(feeler.cpu)
        return told

    def revive(self) -> list[str]:
        """Start probes again that have died or are silent, and wait until they give readings.

        Returns:
            A clause for each loss that was not told yet, and for each probe that does not start.
        """
        told = self.losses()
        for feeler in self._feelers:
            if feeler.trouble() is None:
                continue
            while feeler.starts < _STARTS and feeler.trouble() is not None:
                feeler.child.stop()
                feeler.start()
                wait_until(lambda f=feeler: self._speaks(f), _START_S)  # type: ignore[misc]
            if feeler.trouble() is None:
                self._told.discard(feeler.cpu)
                feeler.starts = 1
            else:
                told.append(f"the speed probe on processor {feeler.cpu} does not start")
        return told

    def stop(self) -> None:
        """End the processes."""
        for feeler in self._feelers:
            feeler.child.stop()

    def _speaks(self, feeler: _Feeler) -> bool:
        self._drain()
        return feeler.last_ns is not None or not feeler.child.running

    def _drain(self) -> None:
        for feeler in self._feelers:
            self._readings.extend(feeler.read())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
