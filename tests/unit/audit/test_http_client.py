import time
from collections.abc import Iterator

import pytest

from harness.audit.http_client import NoAnswer, Probe, Request
from harness.lab.process import wait_until
from tests.toys.http import Behaviour, Toy, Visit, respond_once
from tests.waiting import PATIENCE_S


def answer(head: bytes, body: bytes) -> Behaviour:
    return respond_once(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def test_a_reply_has_status_lower_case_fields_and_body() -> None:
    toy = answer(b"HTTP/1.1 418 No\r\nContent-TYPE: application/json\r\n", b'{"a": 1}')
    with Toy(toy) as server:
        reply = Probe(f"http://127.0.0.1:{server.port}").get("/x")
    assert reply.status == 418
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"a": 1}
    assert reply.shown() == """418 '{"a": 1}'"""


def test_an_answer_before_the_whole_body_was_read_is_received() -> None:
    """As a server answers 413 and closes, without waiting for the rest."""

    def refuse(visit: Visit) -> None:
        visit.request()
        visit.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n{}")

    with Toy(refuse) as server:
        probe = Probe(f"http://127.0.0.1:{server.port}")
        assert probe.send("POST", "/x", endless(), "text/plain").status == 413


def endless() -> Iterator[bytes]:
    """Enough to fill every buffer between two sockets on loopback."""
    return (b"x" * 1_000_000 for _ in range(40))


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (b"", "closed the connection without a response"),
        (b"SPAM\r\n\r\n", "the response is no HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "in the middle of its response"),
    ],
    ids=["nothing", "no HTTP", "half"],
)
def test_no_complete_response_is_told_with_its_request(response: bytes, told: str) -> None:
    with Toy(respond_once(response)) as server, pytest.raises(NoAnswer) as caught:
        Probe(f"http://127.0.0.1:{server.port}").get("/x")
    assert told in str(caught.value)
    assert caught.value.request.line == "GET /x"


def test_a_form_is_encoded_as_a_browser_would() -> None:
    seen: list[bytes | None] = []

    def behave(visit: Visit) -> None:
        seen.append(visit.request())
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with Toy(behave) as server:
        Probe(f"http://127.0.0.1:{server.port}").post_form("/x", {"title": "é &=+", "b": "\0"})
    assert seen[0] is not None
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in seen[0]
    assert seen[0].endswith(b"\r\n\r\ntitle=%C3%A9+%26%3D%2B&b=%00")


def hang(visit: Visit) -> None:
    visit.request()
    visit.wait_for_client_to_go()


def drip(visit: Visit) -> None:
    """One byte at a time: each receive has an answer, and the response never ends."""
    visit.request()
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        visit.send(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("behaviour", [hang, drip])
def test_a_response_that_never_ends_is_cut_off(behaviour: Behaviour) -> None:
    with Toy(behaviour) as server:
        probe = Probe(f"http://127.0.0.1:{server.port}", patience_s=0.3)
        with pytest.raises(NoAnswer, match=r"no complete response within 0\.3 s"):
            probe.get("/x")


def test_a_request_that_had_no_answer_in_time_is_not_sent_again() -> None:
    visits: list[Visit] = []

    def behave(visit: Visit) -> None:
        visits.append(visit)
        hang(visit)

    with Toy(behave) as server:
        probe = Probe(f"http://127.0.0.1:{server.port}", 0.2, silent=set())
        for _ in range(3):
            with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
                probe.get("/x")
        with pytest.raises(NoAnswer):
            probe.among(8).get("/x")
        assert wait_until(lambda: bool(visits), PATIENCE_S)  # it may have come late
    assert len(visits) == 1


def test_of_a_long_body_or_path_the_beginning_is_shown() -> None:
    request = Request("POST", "/x?" + "y" * 99, b"title=" + b"z" * 1_000)
    assert len(request.line) < 70
    assert request.route == "/x"
    assert request.text is not None
    assert request.text.startswith("title=zzz")
    assert request.text.endswith("… (1,006 bytes)")
    assert Request("POST", "/x", b"caf\xe9").text == r"caf\xe9"
    assert Request("POST", "/x", b"").text == "(empty)"
    assert Request("GET", "/x").text is None
