"""The desk that hands out relays, asked as the witness asks it."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.audit.receipt.relays import RelayDesk
from tests.toys.tcp import echo, receive, serving


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayDesk]:
    with RelayDesk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def ask(desk: RelayDesk, target: object) -> dict[str, str | int]:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(desk.place))
        asking.sendall(json.dumps(target).encode() + b"\n")
        told: dict[str, str | int] = json.loads(asking.makefile().readline() or "{}")
    return told


def test_a_relay_passes_bytes_on_and_counts_them(desk: RelayDesk) -> None:
    with serving(echo) as there:
        told = ask(desk, {"host": there.host, "port": there.port})
        assert told["port"] != there.port
        with socket.create_connection((str(told["host"]), int(told["port"]))) as client:
            client.sendall(b"hello\n")
            assert receive(client, 6) == b"hello\n"
    assert (desk.counted()["out"], desk.counted()["in"]) == (6, 6)
    assert desk.counted()["round_trips"] == 1
    assert not desk.encrypted


def test_a_path_is_answered_by_a_path_that_libpq_finds(desk: RelayDesk, tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / ".s.PGSQL.5432"))
        listening.listen()
        told = ask(desk, {"path": str(tmp_path / ".s.PGSQL.5432")})
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{told['host']}/.s.PGSQL.{told['port']}")
            client.sendall(b"hello")
            connection, _ = listening.accept()
            with connection:
                assert receive(connection, 5) == b"hello"
                connection.sendall(b"well")
                assert receive(client, 4) == b"well"


def test_a_question_that_is_none_has_no_answer_and_the_next_one_has(desk: RelayDesk) -> None:
    assert ask(desk, {"port": "x"}) == {}
    with serving(echo) as there:
        assert "port" in ask(desk, {"host": there.host, "port": there.port})
