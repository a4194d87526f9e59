"""The faults: what is done to the command, or to a process that it has started."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from harness.lab.process import wait_until
from tests.mounts import cover_read_only
from tests.processes import below
from tests.waiting import PATIENCE_S

STOPPED_S = 5.0
GO, TAKE_PORT = b"!", b"p"
"""What the test may tell the command that it holds: to go on, or to find its next port taken."""
_PARTNERS = {
    "generator": "harness.load.worker.worker",
    "relay": "harness.lab.latency.relay_process",
    "probe": "harness.lab.speed.worker",
    "postgres": "/bin/postgres",
    "server": "server.py",
    "locust": "locust",
}
"""By kind of process, a word of its command line."""
_SHORT = {"postgres": "DB"}
"""Headings, so that a table fits into 80 columns."""


class Victim(msgspec.Struct, frozen=True):
    """The command under test.

    pid: its process. root: of its workspace; its results lie there.
    """

    pid: int
    root: Path

    def partner(self, kind: str) -> psutil.Process:
        """The first process of a kind that it has started.

        Raises:
            LookupError: there is none.
        """
        found = below(_PARTNERS[kind], self.pid)
        if not found:
            raise LookupError(f"no {kind} among the processes of the command")
        return found[0]


type Undo = Callable[[], None]


class Fault(msgspec.Struct, frozen=True):
    """A fault.

    strike: causes it while the command is held; returns what ends it.
    partner: the kind of process that it strikes; None for the command itself, or the system.
    stops: whether it asks the command to stop, so that nothing but a message may follow.
    again: a signal that is sent once more while the command stops.
    go: the byte that lets the command go on; see `held`.
    group, short: the table in which it stands, and its heading there.
    """

    strike: Callable[[Victim], Undo]
    partner: str | None = None
    stops: signal.Signals | None = None
    again: bool = False
    go: bytes = GO
    group: str = "signals"
    short: str = ""


def _nothing() -> None:
    """There is nothing to undo."""


def _kill(kind: str) -> Callable[[Victim], Undo]:
    def strike(victim: Victim) -> Undo:
        victim.partner(kind).kill()
        return _nothing

    return strike


def _halt(kind: str | None) -> Callable[[Victim], Undo]:
    """SIGSTOP for some seconds, while the command goes on."""

    def strike(victim: Victim) -> Undo:
        process = psutil.Process(victim.pid) if kind is None else victim.partner(kind)
        process.suspend()

        def resume() -> None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

        timer = threading.Timer(STOPPED_S, resume)
        timer.start()
        return timer.join

    return strike


def _signal(number: signal.Signals) -> Callable[[Victim], Undo]:
    def strike(victim: Victim) -> Undo:
        os.kill(victim.pid, number)
        return _nothing

    return strike


def _kill_command(victim: Victim) -> Undo:
    os.kill(victim.pid, signal.SIGKILL)
    return _nothing


def _fill(victim: Victim) -> Undo:
    """Fill the disk on which the results lie; see `small_disk`."""
    filler = victim.root / "results" / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as handle:
        while handle.write(b"\0" * 65_536):
            pass
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as handle:
        while handle.write(b"\0"):
            pass
    return lambda: filler.unlink(missing_ok=True)


def _read_only(victim: Victim) -> Undo:
    """Let nothing that is opened anew in the results be written."""
    results = victim.root / "results"
    cover_read_only(results)
    return lambda: _unmount(str(results))


def _no_files(victim: Victim) -> Undo:
    """Allow the command no further open file."""
    used = len(os.listdir(f"/proc/{victim.pid}/fd"))  # noqa: PTH208
    _, hard = resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(victim.pid, resource.RLIMIT_NOFILE, (used, hard))
    return _nothing


def _refuse(victim: Victim) -> Undo:
    """Let PostgreSQL refuse every new connection; those that are open go on."""
    postgres = victim.partner("postgres")
    command = postgres.cmdline()
    rules = Path(command[command.index("-D") + 1]) / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("host all all all reject\n")
    postgres.send_signal(signal.SIGHUP)

    def accept() -> None:
        if rules.parent.is_dir():  # the command deletes its cluster when it ends
            rules.write_text(before)

    return accept


FAULTS: dict[str, Fault] = {
    "kill -9 harness": Fault(_kill_command, group="kill -9", short="harness"),
    **{
        f"kill -9 {kind}": Fault(
            _kill(kind), partner=kind, group="kill -9", short=_SHORT.get(kind, kind)
        )
        for kind in _PARTNERS
    },
    "stop harness 5 s": Fault(_halt(None), group="stop for 5 s", short="harness"),
    **{
        f"stop {kind} 5 s": Fault(
            _halt(kind), partner=kind, group="stop for 5 s", short=_SHORT.get(kind, kind)
        )
        for kind in _PARTNERS
    },
    "SIGINT": Fault(_signal(signal.SIGINT), stops=signal.SIGINT),
    "SIGINT twice": Fault(_signal(signal.SIGINT), stops=signal.SIGINT, again=True),
    "SIGTERM": Fault(_signal(signal.SIGTERM), stops=signal.SIGTERM),
    "SIGHUP": Fault(_signal(signal.SIGHUP), stops=signal.SIGHUP),
    "SIGQUIT": Fault(_signal(signal.SIGQUIT), stops=signal.SIGQUIT),
    "disk full": Fault(_fill, group="the system refuses"),
    "disk read-only": Fault(_read_only, group="the system refuses", short="read-only"),
    "too many files": Fault(_no_files, group="the system refuses", short="files"),
    "port taken": Fault(lambda _: _nothing, go=TAKE_PORT, group="the system refuses"),
    "connection refused": Fault(
        _refuse, partner="postgres", group="the system refuses", short="connection"
    ),
}


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of four megabytes in the place of a folder, within the block; needs root."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "bridgetoll-faults", str(folder)], check=True
    )
    try:
        yield
    finally:
        _unmount(str(folder))


def _unmount(folder: str) -> None:
    """A process that ends may keep it busy for a moment."""
    command = ["umount", folder]
    done = wait_until(
        lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0,
        PATIENCE_S,
    )
    assert done, f"{folder} stays mounted"
