"""The processes below another that tests look for."""

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil


def below(word: str, pid: int | None = None) -> list[psutil.Process]:
    """Living descendants of a process, this one by default, with a word in their command line.

    A process may end while it is looked at; it is none of them then, and neither is a zombie.
    """
    found = []
    for process in _descendants(os.getpid() if pid is None else pid):
        with suppress(psutil.Error):
            if any(word in part for part in process.cmdline()):
                found.append(process)
    return found


def _descendants(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        yield from psutil.Process(pid).children(recursive=True)
