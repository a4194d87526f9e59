"""What a message tells of another process: the command that it carries out, and how to stop it."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

_PROGRAM = "bridgetoll"
_MODULE = "harness.cli"
_SECRET = "--database-url"
"""An option whose value may hold a password."""


def typed_command(argv: Sequence[str]) -> str:
    """A process's command as a reader types it, without the password of a database.

    Args:
        argv: all of its words, as in `sys.orig_argv` or in /proc/PID/cmdline.
    """
    names = [Path(word).name for word in argv]
    starts = [index for index, name in enumerate(names) if name in (_PROGRAM, _MODULE)]
    after = starts[0] + 1 if starts else 1
    words = [_PROGRAM if starts else "".join(names[:1]), *argv[after:]]
    for index, word in enumerate(words):
        if word.startswith(f"{_SECRET}="):
            words[index] = f"{_SECRET}=..."
        elif word == _SECRET and index + 1 < len(words):
            words[index + 1] = "..."
    return " ".join(" ".join(words).split())


def command_of(pid: int) -> str | None:
    """The command of a running process; None if it cannot be seen."""
    with contextlib.suppress(OSError):
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        words = [os.fsdecode(word) for word in argv if word]
        if words:
            return typed_command(words)
    return None


def how_to_stop(pid: int) -> str:
    """What to type to stop a command as Ctrl-C does.

    A shell starts a command in the background of a script so that it ignores SIGINT.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("SigIgn:") and int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1:
                return f"kill {pid}"
    return f"kill -INT {pid}"
