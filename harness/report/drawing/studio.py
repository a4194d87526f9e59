"""Processes that draw charts, while whoever wants them goes on."""

import atexit
import json
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

from harness.base.errors import DrawingFailed
from harness.report.drawing.draw import Drawn

_EASELS = 2
"""More would wait for the one that specifies what is drawn."""


class Studio:
    """As many processes as it has easels; they begin at once, and one that ends is replaced."""

    def __init__(self, easels: int) -> None:
        self._threads = ThreadPoolExecutor(easels, "easel")
        self._free: SimpleQueue[_Easel] = SimpleQueue()
        for _ in range(easels):
            self._free.put(_Easel())

    def draw(self, spec: Mapping[str, Any]) -> Future[Drawn]:
        """Have a Vega-Lite specification drawn.

        The result raises DrawingFailed where it cannot be.
        """
        return self._threads.submit(self._drawn, json.dumps(spec).encode())

    def close(self) -> None:
        """Let all of them end."""
        self._threads.shutdown()
        while not self._free.empty():
            self._free.get().close()

    def _drawn(self, spec: bytes) -> Drawn:
        """In one of as many threads as there are easels, so that one is free."""
        easel = self._free.get()
        try:
            if not easel.stands:
                easel.close()
                easel = _Easel()
            return easel.draw(spec)
        finally:
            self._free.put(easel)


class _Easel:
    """One process."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._said = stack.enter_context(tempfile.TemporaryFile())
            self._open = stack.pop_all()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.report.drawing.draw"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,  # Ctrl-C is for who asked
        )

    @property
    def stands(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def draw(self, spec: bytes) -> Drawn:
        """Ask, and wait for the answer.

        Raises:
            DrawingFailed: with its last words; it has ended then.
        """
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        try:
            asked.write(spec + b"\n")
            asked.flush()
            answer = answered.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            self._process.wait()
            raise DrawingFailed(self._last_words())
        return msgspec.json.decode(answer, type=Drawn)

    def close(self) -> None:
        """It ends when nothing more can come."""
        self._process.communicate()
        self._open.close()

    def _last_words(self) -> str:
        self._said.seek(0)
        words = self._said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), "nothing")
        return f"A chart could not be drawn; the program that draws ended and said: {last}"


@cache
def studio() -> Studio:
    """The one of this process: it takes a second to begin, and reports come in numbers."""
    made = Studio(min(_EASELS, os.process_cpu_count() or 1))
    atexit.register(made.close)
    return made
