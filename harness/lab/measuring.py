"""One measuring process per machine: two would be each other's noise.

The process that measures listens on an abstract Unix socket (unix(7)). The name belongs to the
whole machine, whoever the user and wherever the cache is, and the kernel frees it when the process
ends. It belongs to the network namespace too: take it before `latency.netem` enters one of its own.
Containers with their own network do not see each other.
"""

import contextlib
import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.base.errors import UsageError
from harness.base.processes import command_of, how_to_stop

BESIDE = "BRIDGETOLL_BESIDE"
"""The environment variable that allows to measure beside another process."""
NAME = "bridgetoll-measures"
"""Of the socket."""
_BACKLOG = 4096
"""Waiting processes; the kernel's own limit is the same (`somaxconn`)."""
_POLL_S = 0.02
_CREDENTIALS = struct.Struct("iii")
"""Process, user and group (unix(7), SO_PEERCRED)."""


class MachineInUse(UsageError):
    """Another process measures on this machine.

    pid: its process id; None if it is of another namespace of processes.
    who: names it, with its command if that can be seen.
    """

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        command = None if pid is None else command_of(pid)
        self.who = "another process" if pid is None else f"process {pid}"
        self.who += f" (`{command}`)" if command else ""
        stop = "" if pid is None else f", or stop it with `{how_to_stop(pid)}`"
        super().__init__(
            f"This machine is in use: {self.who} measures, and two measurements disturb each "
            f"other; wait until it ends (`--wait`){stop}."
        )


@contextmanager
def measuring(
    waiting: Callable[[MachineInUse], None] | None = None, name: str | None = None
) -> Iterator[None]:
    """Be the only process that measures on this machine, within the block.

    Args:
        waiting: is told of the process that measures, and its end is waited for. If None, the block
            is not entered then.
        name: of the socket; NAME if None.

    Raises:
        MachineInUse: another process measures, and BRIDGETOLL_BESIDE is not 1.
    """
    if os.environ.get(BESIDE) == "1":
        yield
        return
    name = name or NAME
    told: set[int | None] = set()
    while (listening := _listening(name)) is None:
        with socket.socket(socket.AF_UNIX) as other:
            if (used := _asked(other, name)) is None:
                continue
            if waiting is None:
                raise used
            if used.pid not in told:
                told.add(used.pid)
                waiting(used)
            _await_end(other)
    with listening:
        yield


def _listening(name: str) -> socket.socket | None:
    """A socket that listens under the name; None if another process has it."""
    ours = socket.socket(socket.AF_UNIX)
    try:
        ours.bind(f"\0{name}")
        ours.listen(_BACKLOG)
    except OSError as error:
        ours.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return ours


def _asked(other: socket.socket, name: str) -> MachineInUse | None:
    """Connect to the process that has the name; None if it has just ended."""
    try:
        other.connect(f"\0{name}")
    except ConnectionRefusedError:
        time.sleep(_POLL_S)
        return None
    found = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid: int = _CREDENTIALS.unpack(found)[0]
    return MachineInUse(pid or None)  # 0: it is of another namespace of processes


def _await_end(other: socket.socket) -> None:
    """Wait until the other end is gone: it never answers, so the connection breaks then."""
    with contextlib.suppress(OSError):
        other.recv(1)
