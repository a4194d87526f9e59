"""The command `verify`."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.toys.entry import Call
from tests.toys.laboratory import patient


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    with patient():
        yield


def test_a_database_that_does_not_answer_is_status_1(call: Call) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{unused.getsockname()[1]}/x"
        said = call("verify", "toy/good", "--database-url", url)
    assert said.status == 1
    assert "cannot be reached" in " ".join(said.err.split())
    assert "secret" not in said.err


def test_verify_tells_the_failed_check_and_status_1(call: Call) -> None:
    said = call("verify", "toy/crashes-at-start", "--json")
    (result,) = json.loads(said.out)
    assert result["variant"] == "toy/crashes-at-start"
    assert result["outcomes"][0]["check"] == "starts"
    assert said.status == 1
    assert "1 of 1 variants fail: toy/crashes-at-start" in " ".join(said.err.split())


def test_checks_are_listed_with_a_sentence_each(call: Call) -> None:
    said = call("verify", "--list-checks")
    assert said.status == 0
    assert "sql effects" in said.out
    listed = json.loads(call("verify", "--list-checks", "--json").out)
    assert {"name": "health", "checks": "`GET /health` answers that the server is ready."} in listed
    assert all(check["name"] in said.out for check in listed)


def test_only_the_checks_asked_for_are_run(call: Call) -> None:
    said = call("verify", "toy/good", "--check", "io-wait", "--check", "noop", "--json")
    (result,) = json.loads(said.out)
    assert [o["check"] for o in result["outcomes"]] == ["starts", "noop", "io wait"]
    assert said.status == 0


def test_a_failure_is_shown_with_request_rule_and_log(call: Call) -> None:
    said = call("verify", "toy/raises", "--check", "io-read")
    assert said.status == 1
    lines = [line.split(maxsplit=1) for line in said.out.splitlines() if line.startswith("    ")]
    rows = {label: rest[0].rstrip() for label, *rest in lines if rest}
    assert rows["sent"] == "GET /io_read"
    assert rows["expected"] == "200"
    assert rows["seen"].startswith("500 ")
    assert "ZeroDivisionError" in said.out
    assert "verify-toy.raises.log" in said.out


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("toys",), "no implementation `toys`"),
        (("toy/god",), "the nearest is `toy/good`"),
        (("toy/good", "--check", "io-raed"), "the nearest is `io read`"),
        (("toy/good", "--watch", "--json"), "leave out --json or --watch"),
        (("toy/god", "--watch"), "the nearest is `toy/good`"),
    ],
)
def test_a_wrong_name_is_told_the_nearest(call: Call, names: tuple[str, ...], told: str) -> None:
    said = call("verify", *names)
    assert said.status == 2
    assert told in said.sentence
