"""The bare server's protocol, over a real loop and real sockets."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from harness.base import channel
from harness.load.bare_server import BODY, RESPONSE
from harness.load.worker.http1 import ResponseParser, request_bytes
from tests.toys.http import HOST
from tests.waiting import PATIENCE_S

REQUEST = request_bytes("GET", "/", HOST)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a bare server listens."""
    argv = [sys.executable, "-m", "harness.load.bare_server", HOST]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        number = channel.receive(process.stdout, msgspec.msgpack.Decoder(int))
        assert number is not None
        yield number
        process.kill()


@pytest.fixture
def client(port: int) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=PATIENCE_S) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connected


def received(client: socket.socket, count: int) -> bytes:
    """Exactly so many bytes, or fewer if the server closed."""
    return client.makefile("rb").read(count)


def test_the_response_is_correct_http() -> None:
    response = ResponseParser().feed(RESPONSE)
    assert response is not None
    assert (response.status, response.body, response.close) == (200, BODY, False)


def test_a_connection_serves_request_after_request(client: socket.socket) -> None:
    for _ in range(3):
        client.sendall(REQUEST)
        assert received(client, len(RESPONSE)) == RESPONSE


def test_a_request_may_come_in_pieces(client: socket.socket) -> None:
    for at in (1, 3, len(REQUEST) - 3, len(REQUEST) - 1):
        client.sendall(REQUEST[:at])
        client.sendall(REQUEST[at:])
        assert received(client, len(RESPONSE)) == RESPONSE


def test_requests_that_come_together_are_all_answered_and_the_last_waits_for_its_end(
    client: socket.socket,
) -> None:
    client.sendall(REQUEST * 3 + REQUEST[:-2])
    assert received(client, 3 * len(RESPONSE)) == RESPONSE * 3
    client.sendall(REQUEST[-2:])
    assert received(client, len(RESPONSE)) == RESPONSE


@pytest.mark.parametrize("request_line", [b"POST / HTTP/1.1", b"nonsense", b""])
def test_anything_but_a_get_ends_the_connection(client: socket.socket, request_line: bytes) -> None:
    client.sendall(request_line + b"\r\n\r\n")
    assert received(client, 1) == b""


def test_a_client_that_leaves_does_not_disturb_the_others(port: int, client: socket.socket) -> None:
    with socket.create_connection((HOST, port)) as other:
        other.sendall(REQUEST[:5])
    client.sendall(REQUEST)
    assert received(client, len(RESPONSE)) == RESPONSE
