"""Doing something again whenever a file of an implementation changes."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.base.errors import BridgetollError, UnknownName
from harness.base.signals import Interrupted, received
from harness.base.workspace import Workspace
from harness.cli.console import note, warn

_POLL_S = 1.0
_IGNORED = frozenset({"__pycache__", "node_modules"})

type _Stamps = dict[Path, tuple[int, int]]


def keep_watching(names: Sequence[str], action: Callable[[], None]) -> None:
    """Act now and after every change, until Ctrl-C. Errors for users are printed, and watched on.

    Args:
        names: of variants or folders; all if none.
        action: is called each time.

    Raises:
        UnknownName: there is nothing of such a name at the first call.
    """
    home = Workspace().implementations
    folders = sorted({home / name.partition("/")[0] for name in names}) or [home]
    begun = False
    try:
        while True:
            before = stamps(folders)  # taken first, so a change meanwhile counts
            try:
                action()
            except BridgetollError as error:
                mistyped = isinstance(error, UnknownName) and not begun
                if mistyped or received() is not None:
                    raise
                warn("error", str(error), "bold red")
            begun = True
            shown = ", ".join(str(folder.relative_to(home.parent)) for folder in folders)
            note(f"Watching {shown} for changes; Ctrl-C ends.")
            while stamps(folders) == before:
                time.sleep(_POLL_S)
    except Interrupted:
        return


def stamps(folders: Sequence[Path]) -> _Stamps:
    """Time of change in nanoseconds and size of every file; hidden ones and caches are ignored."""
    return {path: stamp for folder in folders for path, stamp in _files(folder)}


def _files(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name not in _IGNORED]
        for name in files:
            if name[0] == "." or name.endswith((".pyc", "~")):
                continue
            path = Path(place, name)
            try:
                status = path.stat()
            except OSError:  # removed just now
                continue
            yield path, (status.st_mtime_ns, status.st_size)
