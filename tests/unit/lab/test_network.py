import socket

import pytest

from harness.base.errors import UsageError
from harness.lab.network import HOST, check_free, free_port


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    check_free(port)
    with socket.create_server((HOST, port)):
        pass


def test_a_port_in_use_is_a_sentence() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^Port {port} on {HOST} cannot be used \(Addr.*\);"):
            check_free(port)


def test_a_port_just_left_is_free() -> None:
    """Connections in TIME_WAIT do not hold it: a server is restarted on the port it had."""
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the server's side closes first and waits
            assert client.recv(1) == b""
    check_free(port)


def test_everything_is_on_loopback() -> None:
    assert HOST == "127.0.0.1"
