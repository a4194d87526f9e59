"""The footprint of a started server: its worker processes, and the sockets on which it can be
reached. Read from /proc (proc_pid_fd(5), proc_pid_net(5)), because what was asked for on a command
line may not be what runs.
"""

import contextlib
import ipaddress
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from harness.lab.network import HOST

_PROC = Path("/proc")
_WORD = 4
_STATES: dict[str, str] = {"tcp": "0A", "udp": "07"}
"""As the kernel writes them (include/net/tcp_states.h): a TCP socket that listens; a UDP socket
that has no peer, so anyone can send to it."""


class OpenSocket(msgspec.Struct, frozen=True, order=True):
    """A socket that others can reach."""

    kind: Literal["tcp", "udp"]
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        address = ipaddress.ip_address(self.host)
        mapped = getattr(address, "ipv4_mapped", None)
        return address.is_loopback if mapped is None else bool(mapped.is_loopback)

    def __str__(self) -> str:
        """In words, without this machine's own addresses: reports are published."""
        kind = "UDP port" if self.kind == "udp" else "port"
        if self.loopback:
            where = "loopback"
        elif ipaddress.ip_address(self.host).is_unspecified:
            where = f"all addresses ({self.host})"
        else:
            where = "an address beyond loopback"
        return f"{where}, {kind} {self.port}"


class Footprint(msgspec.Struct, frozen=True):
    """What a server's processes are and where they listen.

    workers: processes that hold a socket on the server's own port, which none of their children
        holds: a supervisor (gunicorn's, uvicorn's) holds the one that its children serve.
    sockets: all that listen, in order.
    """

    workers: frozenset[int]
    sockets: tuple[OpenSocket, ...]

    @staticmethod
    def of(pids: Iterable[int], port: int) -> "Footprint":
        """Read it.

        Args:
            pids: of all the server's processes.
            port: the one that it was given.
        """
        reachable = _reachable()
        held = {pid: sockets_of(pid) & reachable.keys() for pid in frozenset(pids)}
        served = {
            pid: {i for i in inodes if reachable[i].kind == "tcp" and reachable[i].port == port}
            for pid, inodes in held.items()
        }
        below: dict[str, set[int]] = {}  # by inode: processes of which a descendant holds it
        for pid, inodes in served.items():
            for inode in inodes:
                below.setdefault(inode, set()).update(_ancestors(pid))
        return Footprint(
            workers=frozenset(
                pid for pid, own in served.items() if any(pid not in below[i] for i in own)
            ),
            sockets=tuple(sorted({reachable[i] for inodes in held.values() for i in inodes})),
        )

    def problem(self, port: int, workers: int, host: str = HOST) -> str | None:
        """How it differs from what every server of a study is given; None where it does not."""
        for socket in self.sockets:
            if not socket.loopback and socket.host != host:
                return (
                    f"listens on {socket}, where other machines reach it; let it bind "
                    "{host}:{port} of its command line only"
                )
            if socket.kind == "tcp" and socket.port != port:
                return (
                    f"listens on port {socket.port} too, and every server is given one ({port}); "
                    "let it open no other"
                )
        if len(self.workers) != workers:
            return (
                f"has {processes(len(self.workers))}, where every server is given "
                f"{workers}; let {{workers}} on its command line alone decide that"
            )
        return None


def listening_process(port: int) -> int | None:
    """The process that listens on a TCP port; of several the one that started the others.

    None where no process that this user may read does.
    """
    inodes = {i for i, place in _reachable().items() if place.kind == "tcp" and place.port == port}
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    holders = {pid for pid in pids if sockets_of(pid) & inodes}
    return next((pid for pid in sorted(holders) if not _ancestors(pid) & holders), None)


def processes(count: int) -> str:
    """So many worker processes, in words."""
    return f"{count} worker process{'' if count == 1 else 'es'}"


def sockets_of(pid: int) -> set[str]:
    """The inodes of all sockets that a process holds; none if it has ended."""
    found: set[str] = set()
    with contextlib.suppress(OSError):  # it has just ended
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):  # it has just been closed
                target = os.readlink(entry)  # noqa: PTH115 (it is no path)
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
    return found


def _reachable() -> dict[str, OpenSocket]:
    """By inode: sockets of this network namespace that others can reach, whoever holds them."""
    found: dict[str, OpenSocket] = {}
    for name in (*tcp_tables(), "udp", "udp6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            for fields in _waiting(name, _STATES[name[:3]]):
                host, _, port = fields[1].partition(":")
                kind: Literal["tcp", "udp"] = "udp" if name.startswith("udp") else "tcp"
                found[fields[9]] = OpenSocket(kind, _host(host), int(port, 16))
    return found


def tcp_tables() -> tuple[str, ...]:
    """The tables of TCP sockets in `/proc/PID/net` that have lines.

    To find that there is none of IPv6, the kernel goes through all connections of IPv4, also those
    that have ended a minute ago; it keeps count of what is in use.
    """
    with contextlib.suppress(OSError):  # a kernel without IPv6
        if "TCP6: inuse 0\n" in _net("sockstat6").read_text(encoding="ascii"):
            return ("tcp",)
    return ("tcp", "tcp6")


def _net(name: str) -> Path:
    """A table of this network namespace."""
    return _PROC / str(os.getpid()) / "net" / name


def _waiting(name: str, state: str) -> Iterator[list[str]]:
    """The fields of each line of that state in a table.

    The kernel lists all TCP sockets that listen before all connections, of which there may be
    thousands (Documentation/networking/proc_net_tcp.rst); it need not write those down.
    """
    with _net(name).open(encoding="ascii") as lines:
        next(lines)  # the headings
        for fields in (line.split() for line in lines):
            if fields[3] == state:
                yield fields
            elif name.startswith("tcp"):
                return


def _host(words: str) -> str:
    """The address of its hexadecimal digits: 32-bit words in the order of this machine's bytes."""
    raw = bytes.fromhex(words)
    parts = [raw[at : at + _WORD][::-1] for at in range(0, len(raw), _WORD)]
    return str(ipaddress.ip_address(b"".join(parts)))


def _ancestors(pid: int) -> set[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return {parent.pid for parent in psutil.Process(pid).parents()}
    return set()
