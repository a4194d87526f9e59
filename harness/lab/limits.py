"""Limits of the system on open connections."""

import resource
from pathlib import Path

import msgspec

from harness.lab.process import launch

RESERVED_FILES = 64
"""Files that a process has open besides its connections: libraries, pipes, logs."""
_SYSCTL = Path("/proc/sys")


class Limits(msgspec.Struct, frozen=True):
    """The kernel's limits.

    open_files_soft, open_files_hard: of this process (getrlimit(2)); None: unlimited.
    open_files: of the processes that the harness starts; None: unlimited.
    first_port, last_port: the range that outgoing connections take a port from; None: not visible.
    backlog: the most connections that may wait to be accepted (`somaxconn`); None: not visible.
    """

    open_files_soft: int | None
    open_files_hard: int | None
    open_files: int | None
    first_port: int | None
    last_port: int | None
    backlog: int | None

    @property
    def per_server(self) -> int | None:
        """Most connections to one server: each needs a local port."""
        ports = None
        if self.first_port is not None and self.last_port is not None:
            ports = self.last_port - self.first_port + 1
        known = [limit for limit in (ports, self.in_all) if limit is not None]
        return min(known, default=None)

    @property
    def in_all(self) -> int | None:
        """Most connections of the generator at a time, to all servers together."""
        return None if self.open_files is None else max(0, self.open_files - RESERVED_FILES)


def read_limits(sysctl: Path = _SYSCTL) -> Limits:
    """Read the kernel's limits; `sysctl` is laid out like /proc/sys."""
    soft, hard = (_finite(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    ports = _numbers(sysctl / "net/ipv4/ip_local_port_range")
    backlog = _numbers(sysctl / "net/core/somaxconn")
    return Limits(
        open_files_soft=soft,
        open_files_hard=hard,
        open_files=_granted(),
        first_port=ports[0] if ports else None,
        last_port=ports[1] if ports else None,
        backlog=backlog[0] if backlog else None,
    )


def _finite(limit: int) -> int | None:
    return None if limit == resource.RLIM_INFINITY else limit


def _granted() -> int | None:
    """Ask a process that is started like the others, because the launcher raises the limit."""
    child = launch(["sh", "-c", "ulimit -n"], pipes=True)
    try:
        assert child.popen.stdout is not None
        limit = child.popen.stdout.read().strip()
    finally:
        child.stop()
    return int(limit) if limit.isdigit() else None


def _numbers(path: Path) -> list[int]:
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except OSError:
        return []


def more_files(files: int) -> str:
    """The command that lets this shell, and what it starts, open so many files."""
    return f"sudo prlimit --pid $$ --nofile={files}:{files}"
