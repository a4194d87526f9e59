"""Child processes: started on their cores, and ended with all their descendants."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, Protocol

import psutil

from harness.base.signals import deferred
from harness.base.workspace import without_paths
from harness.lab.clocks import parent_of

_LAUNCHER = Path(__file__).with_name("launcher.py")
_QUOTED_LINES = 12
_MOST_LOG_BYTES = 1_048_576
PATIENCE_S = 2.0
"""From being asked to end until being killed. With the rest of the laboratory, Ctrl-C takes five
seconds at most."""
_LEFTOVER_S = 0.5
_KILLED_S = 1.0
"""A killed process is gone in less, unless the kernel holds it up."""
_POLL_S = 0.02
_PROMPT = -20
"""Niceness of processes that must be punctual and need little CPU time: the weight of 86 others
(sched(7))."""


class Stoppable(Protocol):
    """What `stop_together` stops: a `Child`."""

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""

    def ask_to_stop(self, parents: Mapping[int, int], /) -> None:
        """Ask it to end, without waiting; by process id, the parent of each process there is."""

    def kill(self) -> None:
        """End it and every descendant at once, without waiting."""

    def reap(self) -> None:
        """Wait until it is gone, and let go of it."""


class Child:
    """A process that the harness started, with its descendants."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path | None) -> None:
        self.popen = popen
        self._log = log
        self._family: list[psutil.Process] = []

    @property
    def pid(self) -> int:
        """Its process id; the launcher's exec keeps it."""
        return self.popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.popen.poll() is None

    def ends_within(self, patience_s: float) -> bool:
        """Whether it ends in so many seconds; waits until it does."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(patience_s)
        return not self.running

    def ending(self) -> str:
        """How it ended, to follow its name in a sentence: with a status, or by a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipes close a little earlier
            self.popen.wait(_LEFTOVER_S)
        status = self.popen.returncode
        if status is None:
            return "closed its pipes"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def last_words(self) -> str:
        """The end of its standard error, without paths of this machine; empty if there is none."""
        if self._log is None:
            return ""
        with contextlib.suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            last = [line for line in lines if line.strip()][-_QUOTED_LINES:]
            return without_paths("\n".join(last))
        return ""

    def log_size(self) -> int:
        """Bytes that its log has now."""
        with contextlib.suppress(OSError):
            return 0 if self._log is None else self._log.stat().st_size
        return 0

    def said_since(self, size: int) -> str:
        """What its log has gained since it had that size; of a long text the last mebibyte."""
        if self._log is None:
            return ""
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(max(size, self.log_size() - _MOST_LOG_BYTES))
            return log.read(_MOST_LOG_BYTES).decode("utf-8", "replace")
        return ""

    def quotation(self) -> str:
        """The last words as the end of an error message, or nothing."""
        words = self.last_words()
        return f" It said:\n{words}" if words else ""

    def stop(self, first: signal.Signals = signal.SIGTERM, patience_s: float = PATIENCE_S) -> None:
        """Ask it to end, wait, then kill it and every descendant that is left."""
        with deferred():
            self.ask_to_stop(_parents(), first)
            stop_together([self], patience_s)

    def ask_to_stop(
        self, parents: Mapping[int, int], first: signal.Signals = signal.SIGTERM
    ) -> None:
        """Send a signal, once; one that is halted (SIGSTOP) goes on, so that it can end."""
        if self._family or self._replaced():
            return
        self._family = _descendants(self.pid, parents)
        if self.running:
            self.popen.send_signal(first)
            self.popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it and every descendant at once, without waiting."""
        for process in self._family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not self._replaced():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # orphans, whose parent ended first

    def reap(self) -> None:
        """Wait until it is gone, and close its pipes."""
        with contextlib.suppress(OSError):
            psutil.wait_procs(self._family, timeout=_KILLED_S)
        with contextlib.suppress(subprocess.TimeoutExpired):  # held up in the kernel
            self.popen.wait(_KILLED_S)
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # unread bytes
                    pipe.close()
        self._family = []
        _living.discard(self)

    def _replaced(self) -> bool:
        """Whether another process has its id by now, which must not be killed in its place.

        The kernel gives an id anew once nothing has it, neither a process nor the group of one
        that has ended. A server that starts a thread per request uses all up within seconds.
        """
        return not self.running and psutil.pid_exists(self.pid)


def _parents() -> dict[int, int]:
    """The parent of each process on this machine, read once for many children."""
    parents: dict[int, int] = {}
    with contextlib.suppress(OSError):  # no file can be opened to look
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and (parent := parent_of(int(place.name))) is not None:
                parents[int(place.name)] = parent
    return parents


def _descendants(pid: int, parents: Mapping[int, int]) -> list[psutil.Process]:
    """A process and all that it has started, as far as they live."""
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    family, pids = [], [pid]
    while pids:
        with contextlib.suppress(psutil.Error, OSError):
            family.append(psutil.Process(pids[-1]))
        pids += children.get(pids.pop(), [])
    return family


_living: set[Child] = set()
"""Children that nothing has stopped yet."""


def stop_together(children: Sequence[Stoppable], patience_s: float = PATIENCE_S) -> None:
    """Ask all children to end, wait for them together, then kill what is left of each.

    A signal waits meanwhile: a child that is not reaped would be left running.
    """
    with deferred():
        parents = _parents()
        for child in children:
            child.ask_to_stop(parents)
        wait_until(lambda: not any(child.running for child in children), patience_s)
        for child in children:
            child.kill()
        for child in children:
            child.reap()


@atexit.register
def _stop_leftovers() -> None:
    """Stop what an interrupted start has left, at the end of the process."""
    stop_together([child for child in _living if child.running], _LEFTOVER_S)


def launch(
    argv: Sequence[str],
    *,
    cpus: Sequence[int] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    log: Path | None = None,
    pipes: bool = False,
    death_signal: Literal["SIGTERM", "SIGQUIT", "SIGKILL"] = "SIGTERM",
    prompt: bool = False,
) -> Child:
    """Start a program in its own session, so that Ctrl-C reaches only the harness.

    Args:
        argv: the program and its arguments.
        cpus: processors it may use; None for all.
        env: its whole environment; None for the harness's own.
        cwd: its working directory.
        user: the system user it runs as; needs root.
        log: a file for its standard error, and for its output unless `pipes`.
        pipes: connect its standard input and output to the harness.
        death_signal: the signal that it gets when the harness dies.
        prompt: let it run before others on its processors as soon as it is ready, where that is
            allowed: beside eighty busy backends of PostgreSQL an equal share is one percent.
    """
    command = [
        sys.executable, "-I", "-S", str(_LAUNCHER),
        str(os.getpid()),
        ",".join(map(str, cpus)) if cpus else "-",
        user or "-",
        death_signal,
        str(_PROMPT) if prompt else "-",
        *argv,
    ]  # fmt: skip
    with deferred(), contextlib.ExitStack() as stack:  # or it might run and be known to no one
        errors: IO[bytes] | int = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else errors,
            stderr=errors,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        child = Child(popen, log)
        _living.add(child)
    return child


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False if the time is up first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(_POLL_S)
    return condition()
