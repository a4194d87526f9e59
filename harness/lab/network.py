"""Addresses and ports: on loopback, unless the roles of a run have machines of their own."""

import contextlib
import os
import secrets
import socket
from collections import deque
from pathlib import Path

import msgspec

from harness.base.errors import UsageError

HOST = "127.0.0.1"
_LEAST, _TRIES = 10_240, 64
_MOST_RESERVED = 64
_reserved: deque[int] = deque()
"""Open files that stand for the ports handed out last; more servers do not start at once."""
_NETSTAT = Path("/proc/self/net/netstat")
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str = HOST) -> int:
    """A port that is free now on that address and outside the range of outgoing connections.

    The kernel takes the local ports of outgoing connections from a range. A free port of that range
    may belong to a connection a second later, when a server wants to listen on it. With a thousand
    connections to each of five servers this happened.
    """
    for _ in range(_TRIES):
        port = _LEAST + secrets.randbelow(_first_outgoing() - _LEAST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            _reserve(port)
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        last: int = probe.getsockname()[1]
        return last


def _reserve(port: int) -> None:
    """Keep this port from other processes of the harness until its server listens.

    A busy machine takes seconds to start one. A name without a file (unix(7), "abstract") has one
    owner, in the same network namespace as the port, and is free again when that process ends.

    Raises:
        OSError: another has reserved it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
        mark.bind(f"\0bridgetoll-port-{port}")
        _reserved.append(mark.detach())
    if len(_reserved) > _MOST_RESERVED:
        os.close(_reserved.popleft())


def _first_outgoing() -> int:
    """The first port of the range for outgoing connections (ip(7), ip_local_port_range)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return max(_LEAST + 1, int(_RANGE.read_text().split()[0]))
    return 32_768


def backlog_overflows(netstat: Path = _NETSTAT) -> int | None:
    """How often the kernel dropped a connection since its start because a backlog was full.

    Of all sockets of this network namespace: `ListenOverflows` in proc_pid_net(5). Only differences
    have a meaning. None where it is not visible.
    """
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = netstat.read_text(encoding="ascii").splitlines()
        names, values = (line.split() for line in lines if line.startswith("TcpExt:"))
        return int(dict(zip(names, values, strict=True))["ListenOverflows"])
    return None


def check_free(port: int) -> None:
    """Check that a server can listen on a port.

    Raises:
        UsageError: it cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} on {HOST} cannot be used ({error.strerror}); name another with "
                "--port."
            ) from error


class Address(msgspec.Struct, frozen=True):
    """Host and port of a listening socket."""

    host: str
    port: int
