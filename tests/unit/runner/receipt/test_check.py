"""Answers are checked before anything is measured."""

import msgspec
import pytest

from harness.inputs.application import Wanted, WantedRequest
from harness.lab.network import HOST, Address
from harness.runner.receipt.check import CheckedRequest, UnusableAnswers, check_answers
from tests.toys.http import OK, Toy, respond

REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
WANTED = Wanted(
    (WantedRequest("GET", "/a"), WantedRequest("GET", "/b?token=abcdef")),
    url="http://127.0.0.1:1",
)


def checked(*responses: bytes, wanted: Wanted = WANTED) -> tuple[CheckedRequest, ...]:
    with Toy(respond_once(*responses)) as toy:
        return check_answers(wanted, Address(HOST, toy.port))


def respond_once(*responses: bytes):  # type: ignore[no-untyped-def]
    """Answers of successive connections."""
    left = list(responses)
    return lambda visit: respond(left.pop(0) if len(left) > 1 else left[0])(visit)


def refused(*responses: bytes, wanted: Wanted = WANTED) -> str:
    with pytest.raises(UnusableAnswers) as caught:
        checked(*responses, wanted=wanted)
    return str(caught.value)


def test_equal_answers_are_measured() -> None:
    assert [(each.request.target, each.status, each.size) for each in checked(OK)] == [
        ("/a", 200, 15), ("/b?token=abcdef", 200, 15),
    ]  # fmt: skip


def test_every_request_that_is_refused_has_a_sentence_without_its_secrets() -> None:
    first, second = refused(REFUSED).splitlines()
    assert first.startswith("`GET /a` answers 404")
    assert second.startswith("`GET /b?token=...` answers 404")


def test_one_that_is_refused_does_not_hide_that_others_are_good() -> None:
    assert len(refused(OK, OK, REFUSED).splitlines()) == 1


def test_a_request_that_works_only_once_is_refused() -> None:
    one = msgspec.structs.replace(WANTED, requests=WANTED.requests[:1])
    assert "cannot be repeated" in refused(OK, REFUSED, wanted=one)


def test_answers_with_other_statuses_are_refused() -> None:
    one = msgspec.structs.replace(WANTED, requests=WANTED.requests[:1])
    assert "200 then 201" in refused(OK, CREATED, wanted=one)


def test_the_log_of_a_failure_is_quoted_without_secrets() -> None:
    log = "long ago\n" + "line\n" * 20 + "postgres://ada:hunter2@db is down, key abcdef\n"
    with Toy(respond(FAILED)) as toy, pytest.raises(UnusableAnswers) as caught:
        check_answers(WANTED, Address(HOST, toy.port), said=lambda _: log, secrets=("abcdef",))
    told = str(caught.value)
    assert "is down" in told
    assert "long ago" not in told
    assert "hunter2" not in told
    assert "abcdef" not in told
