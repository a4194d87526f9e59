"""The log of a server under examination: what it said while a check ran."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from harness.base.workspace import without_paths

_LINES = 6
"""So many of the last lines are quoted where there is no traceback through the implementation."""
_LONGEST = 160
"""Characters of a quoted line."""
_LATE_S, _STEADY_S, _POLL_S = 0.2, 0.1, 0.02
"""A server may begin to write a moment after its answer, and writes a traceback line by line."""
_LONGEST_S = 2.0
_FRAME = re.compile(r'File "(?P<file>[^"<]+)", line (?P<line>\d+), in (?P<function>\S+)')
_MARGIN = " |+-"
"""Python draws the tracebacks of exception groups with these."""


class Words(msgspec.Struct, frozen=True):
    """The end of what a server said.

    text: some lines, without paths of this machine.
    place: file, line and exception of the innermost call within the implementation; None without a
        traceback.
    """

    text: str
    place: str | None = None


class ServerLog:
    """The file to which a server writes its output and its errors.

    Args:
        path: of the file.
        home: the implementation's folder.
    """

    def __init__(self, path: Path, home: Path) -> None:
        self._path = path
        self._home = home.resolve()

    def size(self) -> int:
        """Bytes so far."""
        return self._path.stat().st_size if self._path.exists() else 0

    def since(self, start: int) -> Words | None:
        """What was said after so many bytes, once no more comes; None if nothing was."""
        begun = steady_since = time.monotonic()
        size = self.size()
        while (now := time.monotonic()) < begun + _LONGEST_S:
            if now > steady_since + (_LATE_S if size <= start else _STEADY_S):
                break
            time.sleep(_POLL_S)
            if (grown := self.size()) != size:
                size, steady_since = grown, time.monotonic()
        if size <= start:
            return None
        with self._path.open("rb") as file:
            file.seek(start)
            return quoted(file.read().decode(errors="replace"), self._home)


def quoted(text: str, home: Path, exists: Callable[[Path], bool] = Path.is_file) -> Words | None:
    """The implementation's own line of the last traceback with its exception, or the last lines.

    exists: whether there is such a file: extension modules have names of files that are nowhere.
    """
    lines = [line for line in text.splitlines() if line.strip(_MARGIN)]
    for index in range(len(lines) - 1, -1, -1):
        frame = _FRAME.search(lines[index])
        path = None if frame is None else home / frame["file"]
        if frame is not None and path is not None and path.is_relative_to(home) and exists(path):
            file = path.relative_to(home)
            place = f"{file}, line {frame['line']}, in {frame['function']}"
            error = _exception(lines, index)
            shown = without_paths(f"{place}: {_code(lines, index)}\n{error}")
            return Words(_shortened(shown), f"{place} {error.partition(':')[0]}")
    if not lines:
        return None
    return Words(_shortened(without_paths("\n".join(lines[-_LINES:]))))


def _shortened(text: str) -> str:
    return "\n".join(
        line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in text.splitlines()
    )


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(_MARGIN))


def _code(lines: list[str], frame: int) -> str:
    """The line of code of a frame; Python shows it where it can read the file."""
    following = lines[frame + 1] if frame + 1 < len(lines) else ""
    return following.strip(_MARGIN) if _column(following) > _column(lines[frame]) else "…"


def _exception(lines: list[str], frame: int) -> str:
    """The line that ends a traceback: the first one that is indented less than its frames."""
    for line in lines[frame + 1 :]:
        if _column(line) < _column(lines[frame]):
            return line.strip(_MARGIN)
    return "the log ends here"
