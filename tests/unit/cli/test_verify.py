"""The command `verify`."""

import json
import socket

from tests.toys.entry import Call


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
