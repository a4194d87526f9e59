"""What a message tells of another process: the command that it carries out, and how to stop it."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from harness.base.secrecy import HIDDEN, shown_target

_PROGRAM = "bridgetoll"
_MODULE = "harness.cli"
_SECRETS = (
    "--database-url", "--env", "--against-env", "--header", "--cookie", "--form", "--data",
)  # fmt: skip
"""Options whose values may hold a password."""
_TARGETS = ("--get", "--post", "--request")
"""Options with a path, whose parameters may."""


def typed_command(argv: Sequence[str]) -> str:
    """A process's command as a reader types it, without passwords.

    Args:
        argv: all of its words, as in `sys.orig_argv` or in /proc/PID/cmdline.
    """
    names = [Path(word).name for word in argv]
    starts = [index for index, name in enumerate(names) if name in (_PROGRAM, _MODULE)]
    after = starts[0] + 1 if starts else 1
    words = [_PROGRAM if starts else "".join(names[:1]), *argv[after:]]
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if equals and (option in _SECRETS or option in _TARGETS):
            words[index] = f"{option}={_shown(option, value)}"
        elif (option in _SECRETS or option in _TARGETS) and index + 1 < len(words):
            words[index + 1] = _shown(option, words[index + 1])
    return " ".join(" ".join(words).split())


def _shown(option: str, value: str) -> str:
    return shown_target(value) if option in _TARGETS else HIDDEN


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
