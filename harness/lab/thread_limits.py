"""Limits of the system on threads: of this machine, of a user, of a container, of a process."""

import contextlib
import os
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import psutil

from harness.lab.quota import own_folders

_SYSCTL = Path("/proc/sys")
_LOADAVG = Path("/proc/loadavg")
_MAPPINGS_PER_THREAD = 3
"""A stack, the guard page below it (pthread_attr_setguardsize(3)), and the memory that it asks for:
2.0 to 2.9 were counted with 40 to 2,000 threads of CPython."""
_RESERVED_MAPPINGS = 4_000
"""Of an interpreter with its libraries and its heap: several times what a server of ours has."""


class ThreadLimit(msgspec.Struct, frozen=True):
    """One limit.

    name: of the setting. most: its value. used: of that, what is in use already.
    each: of its unit, what one thread takes.
    process: whether it is of one process, and not of all servers together.
    command: that raises it, with a place for the new value.
    """

    name: str
    most: int
    used: int
    command: str
    each: int = 1
    process: bool = False

    @property
    def allowed(self) -> int:
        """Threads that may still be started."""
        return max(0, self.most - self.used) // self.each

    def raised_for(self, threads: int) -> str:
        """The command after which so many may be started."""
        return self.command.format(value=self.used + self.each * threads)


def read_thread_limits(
    sysctl: Path = _SYSCTL, loadavg: Path = _LOADAVG, groups: Iterable[Path] | None = None
) -> tuple[ThreadLimit, ...]:
    """The limits that are visible here.

    Args:
        sysctl: laid out like /proc/sys.
        loadavg: like /proc/loadavg, which tells how many threads there are (proc_loadavg(5)).
        groups: folders of control groups; those of this process if None.
    """
    folders = own_folders() if groups is None else groups
    return (*_of_machine(sysctl, loadavg), *_of_user(), *_of_groups(folders))


def _of_machine(sysctl: Path, loadavg: Path) -> Iterator[ThreadLimit]:
    used = _threads_now(loadavg)
    for name in ("kernel.threads-max", "kernel.pid_max"):  # every thread has a number of its own
        if (most := _number(sysctl / name.replace(".", "/"))) is not None:
            yield ThreadLimit(name, most, used, f"sudo sysctl -w {name}={{value}}")
    if (most := _number(sysctl / "vm/max_map_count")) is not None:
        yield ThreadLimit(
            "vm.max_map_count", most, _RESERVED_MAPPINGS,
            "sudo sysctl -w vm.max_map_count={value}", each=_MAPPINGS_PER_THREAD, process=True,
        )  # fmt: skip


def _of_user() -> Iterator[ThreadLimit]:
    """Root is exempt (setrlimit(2), RLIMIT_NPROC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if os.geteuid() == 0 or soft == resource.RLIM_INFINITY:
        return
    by_root = "" if hard == resource.RLIM_INFINITY else "sudo "
    command = f"{by_root}prlimit --pid $$ --nproc={{value}}:{{value}}"
    yield ThreadLimit("ulimit -u", soft, _threads_of_user(), command)


def _of_groups(folders: Iterable[Path]) -> Iterator[ThreadLimit]:
    """Where a container limits its tasks (Documentation/admin-guide/cgroup-v2.rst, `pids.max`)."""
    for folder in folders:
        if (most := _number(folder / "pids.max")) is not None:
            used = _number(folder / "pids.current") or 0
            yield ThreadLimit(
                "pids.max", most, used, f"echo {{value}} | sudo tee {folder}/pids.max"
            )


def _threads_now(loadavg: Path) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(loadavg.read_text(encoding="ascii").split()[3].partition("/")[2])
    return 0


def _threads_of_user() -> int:
    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == os.getuid():
                total += process.num_threads()
    return total


def _number(path: Path) -> int | None:
    """None where it cannot be read, or is no number, such as `max`."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None
