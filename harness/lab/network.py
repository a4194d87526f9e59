"""Addresses: everything of ours listens on loopback."""

import contextlib
import secrets
import socket
from pathlib import Path

import msgspec

from harness.base.errors import UsageError

HOST = "127.0.0.1"
_LEAST, _TRIES = 10_240, 64
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that nobody listens on at this moment, and that no connection will be given.

    The kernel gives outgoing connections ports of a range of its own. One of that range that is
    free now may be some connection's a second later, when a server wants to listen on it: with a
    thousand connections to each of five servers that has happened.
    """
    for _ in range(_TRIES):
        port = _LEAST + secrets.randbelow(_first_outgoing() - _LEAST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        last: int = probe.getsockname()[1]
        return last


def _first_outgoing() -> int:
    """Of the kernel's range for outgoing connections (ip(7), ip_local_port_range)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return max(_LEAST + 1, int(_RANGE.read_text().split()[0]))
    return 32_768


def check_free(port: int) -> None:
    """Find out whether a server could listen on a port.

    Raises:
        UsageError: it could not.
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
    """Where something listens."""

    host: str
    port: int
