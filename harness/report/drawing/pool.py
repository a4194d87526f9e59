"""Processes that draw charts while the report computes."""

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from queue import SimpleQueue
from typing import Any

import msgspec

from harness.base.channel import Channel
from harness.base.errors import DrawingFailed
from harness.base.signals import deferred, received
from harness.report.drawing.draw import Drawing

_WORKERS = 2
"""More would wait for the process that makes the specifications."""


class DrawingPool:
    """A fixed number of worker processes. They start at once; a worker that ends is replaced."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "drawing")
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._workers = [_Worker() for _ in range(workers)]
        for worker in self._workers:
            self._idle.put(worker)

    def draw(self, spec: Mapping[str, Any]) -> Future[Drawing]:
        """Draw a Vega-Lite specification.

        The future raises DrawingFailed if the chart cannot be drawn.
        """
        return self._threads.submit(self._draw, spec)

    def abandon(self) -> None:
        """Kill all workers: what they draw is not wanted any more."""
        for worker in tuple(self._workers):
            worker.kill()

    def close(self) -> None:
        """End all workers."""
        self._threads.shutdown()
        while not self._idle.empty():
            self._idle.get().close()

    def _draw(self, spec: Mapping[str, Any]) -> Drawing:
        """There is a thread per worker, so a worker is idle."""
        worker = self._idle.get()
        try:
            if not worker.alive:
                worker.close()
                self._workers.remove(worker)
                worker = _Worker()
                self._workers.append(worker)
            return worker.draw(spec)
        finally:
            self._idle.put(worker)


class _Worker:
    """One process that runs `drawing.draw`."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._stderr = stack.enter_context(tempfile.TemporaryFile())
            self._open = stack.pop_all()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.report.drawing.draw"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,  # Ctrl-C must reach the report alone
        )
        self._channel = Channel(
            self._process.stdin, self._process.stdout, msgspec.msgpack.Decoder(Drawing), self._error
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def draw(self, spec: Mapping[str, Any]) -> Drawing:
        """Send a specification and wait for the drawing.

        Raises:
            DrawingFailed: with the last line of its standard error; the process has ended.
        """
        return self._channel.ask(spec)

    def kill(self) -> None:
        """End it at once; `close` is called all the same."""
        self._process.kill()

    def close(self) -> None:
        """Close its input, so that it ends."""
        self._process.communicate()
        self._open.close()

    def _error(self) -> DrawingFailed:
        self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        return DrawingFailed(f"A chart could not be drawn; the drawing process ended with: {last}")


@cache
def drawing_pool() -> DrawingPool:
    """The pool of this process: it takes a second to start, and `publish` makes many reports."""
    with deferred():  # or a worker might run and be known to no one
        pool = DrawingPool(min(_WORKERS, os.process_cpu_count() or 1))
        atexit.register(_end, pool)
    return pool


def _end(pool: DrawingPool) -> None:
    """Wait for no drawing if a signal ends the command."""
    if received() is not None:
        pool.abandon()
    pool.close()
