"""One request and its answer, within limits of time and size."""

import time

import pytest

from harness.inputs.application import WantedRequest
from harness.lab.applications import answers
from harness.lab.applications.answers import NoWholeAnswer, ask
from harness.lab.network import HOST, Address, free_port
from tests.toys.http import OK, Behaviour, Toy, Visit
from tests.waiting import PATIENCE_S

GET = WantedRequest("GET", "/")


def sends(text: bytes) -> Behaviour:
    """Answers every request so, and leaves."""

    def behaviour(visit: Visit) -> None:
        visit.request()
        visit.send(text)

    return behaviour


def refused(behaviour: Behaviour, seconds: float = PATIENCE_S, most: int = 1_000) -> NoWholeAnswer:
    with Toy(behaviour) as toy, pytest.raises(NoWholeAnswer) as caught:
        ask(Address(HOST, toy.port), GET, seconds, most)
    return caught.value


def test_an_answer_has_status_headers_and_body() -> None:
    with Toy(sends(OK)) as toy:
        answer = ask(Address(HOST, toy.port), GET)
    assert (answer.status, answer.size, answer.body) == (200, 15, b'{"status":"ok"}')
    assert answer.headers["content-length"] == "15"


def test_chunks_and_a_body_without_a_length_are_read_to_their_end() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    until_closed = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
    for text in (chunked, until_closed):
        with Toy(sends(text)) as toy:
            assert ask(Address(HOST, toy.port), GET).body == b"abc"


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_refused(text: bytes) -> None:
    error = refused(sends(text))
    assert "breaks off" in error.reason
    assert not error.silent


def test_something_else_than_http_is_refused() -> None:
    assert "no HTTP/1.1" in refused(sends(b"SSH-2.0\r\n\r\n")).reason


def test_a_connection_that_is_closed_without_an_answer_is_told() -> None:
    error = refused(sends(b""))
    assert "closed the connection" in error.reason
    assert error.silent


def test_a_silent_server_is_left_after_the_time_limit() -> None:
    def behaviour(visit: Visit) -> None:
        visit.request()
        visit.request()  # which never comes

    began = time.monotonic()
    error = refused(behaviour, seconds=0.3)
    assert "within 0.3 s" in error.reason
    assert error.silent
    assert time.monotonic() - began < PATIENCE_S  # it would wait for ever


def drips(visit: Visit) -> None:
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:  # until the client has gone
        visit.send(b"x" * 100)
        time.sleep(0.01)


def test_an_endless_answer_is_left_after_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "ANSWER_S", 0.5)  # once it has begun
    error = refused(drips, most=10**9)
    assert "does not end within 0.5 s" in error.reason
    assert not error.silent


def test_an_endless_answer_is_left_after_the_size_limit() -> None:
    assert "more than" in refused(drips, seconds=20, most=500).reason


def test_a_server_that_has_ended_is_not_waited_for() -> None:
    def behaviour(visit: Visit) -> None:
        visit.request()
        visit.request()

    with Toy(behaviour) as toy, pytest.raises(NoWholeAnswer, match="has ended"):
        ask(Address(HOST, toy.port), GET, 60, alive=lambda: False)


def test_no_server_at_all_is_told() -> None:
    with pytest.raises(NoWholeAnswer, match="accepts no connection"):
        ask(Address(HOST, free_port()), GET)
