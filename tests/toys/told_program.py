"""A real Python program that does one thing per line that it is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Program:
    """The program, ready for the next command."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        assert popen.stdin is not None
        assert popen.stdout is not None
        self._told, self._says = popen.stdin, popen.stdout
        self._wait()

    def do(self, command: str) -> list[str]:
        """Tell it what to do, wait until that is done, and return what it said."""
        self._told.write(f"{command}\n")
        self._told.flush()
        return self._wait()

    def _wait(self) -> list[str]:
        said = []
        while (line := self._says.readline().rstrip()) != "done":
            assert line, "the program has ended"
            said.append(line)
        return said


@contextmanager
def running(text: str, environment: dict[str, str], folder: Path) -> Iterator[Program]:
    """The program in that folder, and nothing else in its environment but the path.

    text: of the program, which says `done` when it is ready, and after each thing that it did.
    """
    script = folder / "program.py"
    script.write_text(text)
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={"PATH": os.environ.get("PATH", os.defpath)} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as popen:
        yield Program(popen)
