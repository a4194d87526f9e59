import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.lab import network
from harness.lab.network import HOST, check_free, free_port


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    check_free(port)
    with socket.create_server((HOST, port)):
        pass


DRAW = """\
import secrets, sys
from harness.lab import network
secrets.randbelow = lambda _: int(sys.argv[1]) - network._LEAST
print(network.free_port(), flush=True)
input()
"""


def test_a_port_is_handed_out_once_until_its_server_listens(repository_root: Path) -> None:
    """Also where two processes draw the same number; the second takes one from the kernel."""
    port = free_port()
    os.close(network._reserved.pop())  # the processes are to have it
    argv = [sys.executable, "-c", DRAW, str(port)]
    ports: list[int] = []
    with ExitStack() as stack:
        for _ in range(2):
            process = stack.enter_context(
                subprocess.Popen(
                    argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=repository_root
                )
            )
            assert process.stdout is not None
            ports.append(int(process.stdout.readline()))
    assert ports[0] == port
    assert ports[1] != port


def test_only_the_last_ports_are_kept_from_others() -> None:
    """Each takes an open file."""

    def grown() -> int:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(100):
            free_port()
        return len(list(Path("/proc/self/fd").iterdir())) - before

    grown()
    # What another test has left may be closed between two looks.
    assert any(grown() == 0 for _ in range(5))


def test_a_port_in_use_is_a_sentence() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^Port {port} on {HOST} cannot be used \(Addr.*\);"):
            check_free(port)


def test_a_port_just_left_is_free() -> None:
    """Connections in TIME_WAIT do not hold it: a server is restarted on the port it had."""
    port = free_port()  # no other process takes it meanwhile
    with (
        socket.create_server((HOST, port)) as server,
        socket.create_connection((HOST, port)) as client,
    ):
        accepted, _ = server.accept()
        accepted.close()  # the server's side closes first and waits
        assert client.recv(1) == b""
    check_free(port)


def test_everything_is_on_loopback() -> None:
    assert HOST == "127.0.0.1"
