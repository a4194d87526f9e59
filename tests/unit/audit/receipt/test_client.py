"""Requests on one connection: kept, opened anew, and answers that are none."""

import socket
from collections.abc import Callable

import pytest

from harness.audit.receipt import client
from harness.audit.receipt.client import KeptConnection, shown
from harness.base.errors import ServerFailed
from tests.toys.receipt_requests import Wanted
from tests.toys.tcp import serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"


def answering(*answers: bytes) -> Callable[[socket.socket], None]:
    """Of each connection: the answers to its requests, then its end."""

    def serve(connection: socket.socket) -> None:
        for answer in answers:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(4096)
                if not piece:
                    return
                data += piece
            connection.sendall(answer)

    return serve


def test_requests_share_a_connection() -> None:
    with serving(answering(OK, OK, OK)) as there, KeptConnection(there) as connection:
        answers = [connection.send(Wanted("/")) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    times = [time for one in answers for time in (one.sent_ns, one.answered_ns)]
    assert times == sorted(times)


def test_one_that_the_server_closes_is_opened_anew() -> None:
    with serving(answering(CLOSING)) as there, KeptConnection(there) as connection:
        assert [connection.send(Wanted("/")).status for _ in range(2)] == [404] * 2


def test_one_that_was_closed_between_two_requests_is_opened_anew() -> None:
    with serving(answering(OK)) as there, KeptConnection(there) as connection:
        assert [connection.send(Wanted("/")).status for _ in range(3)] == [200] * 3


def test_a_server_that_closes_without_an_answer_is_an_error() -> None:
    with (
        serving(answering(b"")) as there,
        KeptConnection(there) as connection,
        pytest.raises(ServerFailed, match="GET /gone"),
    ):
        connection.send(Wanted("/gone"))


def test_an_answer_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 0.2)

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.settimeout(0.05)
        for _ in range(100):
            try:
                connection.sendall(b"1\r\nx\r\n")
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue

    with (
        serving(drip) as there,
        KeptConnection(there) as connection,
        pytest.raises(ServerFailed, match="ends within"),
    ):
        connection.send(Wanted("/stream"))


def test_the_record_of_a_request_has_no_values() -> None:
    request = Wanted("/?token=...", headers=(("Authorization", "geheim"),))
    sent = shown(request)
    assert (sent.method, sent.target) == ("GET", "/?token=...")
    assert sent.headers == ("Authorization",)
    assert "geheim" not in repr(sent)
