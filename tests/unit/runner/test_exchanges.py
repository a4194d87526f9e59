import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

import pytest

from harness.audit.http_client import Probe
from harness.audit.subject import Subject, Violation
from harness.inputs.contract import FANOUT, MAX_CONTENT, MAX_TITLE, Contract, cpu_sum, row_id
from harness.inputs.settings import ApplicationSettings
from harness.inputs.study import Condition
from harness.lab.postgres.database import Database
from harness.load.protocol import Exchange
from harness.runner.exchanges import exchange_for
from tests.toys.http import Toy, respond
from tests.waiting import PATIENCE_S

ITERATIONS = 1_000


@pytest.fixture
def ask(contract: Contract, database: Database) -> Callable[[Condition, bytes], Exchange]:
    """Make the exchange for a server that always answers 200 with this body."""

    def make(condition: Condition, body: bytes, seed: int = 1) -> Exchange:
        with answering(body) as toy:
            url = f"http://127.0.0.1:{toy.port}"
            settings = ApplicationSettings("unused", 1, 1.0, ITERATIONS, 5)
            subject = Subject("toy/x", Probe(url, PATIENCE_S), contract, database, settings)
            return exchange_for(subject, url, condition, seed)

    return make


@contextmanager
def answering(body: bytes) -> Iterator[Toy]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with Toy(respond(head % len(body) + body)) as toy:
        yield toy


def posts(count: int) -> list[dict[str, str]]:
    moment = "2026-01-01T00:00:00.000001+00:00"
    return [
        {
            "id": f"00000000-0000-4000-8000-{number:012}", "title": "t", "content": "c",
            "created_at": moment, "updated_at": moment,
        }
        for number in range(count)
    ]  # fmt: skip


def page(ct: int, count: int) -> bytes:
    return json.dumps({"ct": ct, "posts": posts(count)}).encode()


def fanout(*numbers: int | None) -> bytes:
    """The answer that shows these rows of the dataset."""
    (post,) = posts(1)
    shown = [None if number is None else post | {"id": str(row_id(number))} for number in numbers]
    return json.dumps({"posts": shown}).encode()


Ask = Callable[[Condition, bytes], Exchange]


def test_the_one_correct_body_is_what_the_server_answered_byte_for_byte(ask: Ask) -> None:
    body = b'{ "ct" : %d }' % cpu_sum(ITERATIONS)
    exchange = ask(Condition("cpu"), body)
    assert exchange.body == body
    (request,) = exchange.requests
    assert request.startswith(b"GET /cpu HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(("rows", "count"), [(0, 0), (3, 3), (25, 25), (1_000, 25)])
def test_a_page_of_posts_fits_the_table(ask: Ask, rows: int, count: int) -> None:
    body = page(rows, count)
    assert ask(Condition("io_read", rows=rows), body).body == body


@pytest.mark.parametrize(
    ("rows", "numbers"), [(0, [None] * FANOUT), (3, [1, 2, 3, None, None]), (5, [1, 2, 3, 4, 5])]
)
def test_a_fanout_asks_for_rows_and_gets_those_that_the_table_has(
    ask: Ask, rows: int, numbers: list[int | None]
) -> None:
    body = fanout(*numbers)
    exchange = ask(Condition("io_fanout", rows=rows), body)
    assert exchange.body == body
    (request,) = exchange.requests
    ids = ",".join(str(row_id(number)) for number in range(1, FANOUT + 1))
    assert request.startswith(f"GET /io_fanout?ids={ids} HTTP/1.1\r\nHost: ".encode())


@pytest.mark.parametrize(
    ("condition", "body", "told"),
    [
        (Condition("cpu"), b'{"ct": 1}', "answers 1, expected 332833500"),
        (Condition("cpu"), b'{"ct": "1"}', "breaks the contract"),
        (Condition("noop"), b'{"a": 1}', "breaks the contract"),
        (Condition("io_read", rows=30), page(29, 25), r"\(29, 25\), not \(30, 25\)"),
        (Condition("io_read", rows=30), page(30, 24), r"\(30, 24\), not \(30, 25\)"),
        (Condition("io_read", rows=0), b"[]", "breaks the contract"),
        (Condition("io_fanout", rows=4), fanout(1, 2, 3, 4, 5), "has the posts .*, not .*None"),
        (Condition("io_fanout", rows=5), fanout(1, 2, 3, 4, None), "has the posts .*None.*, not "),
        (Condition("io_fanout", rows=5), fanout(2, 1, 3, 4, 5), "has the posts "),
        (Condition("io_fanout", rows=5), fanout(1, 2, 3, 4), "breaks the contract"),
    ],
)
def test_a_wrong_answer_is_not_taken_for_the_correct_body(
    ask: Ask, condition: Condition, body: bytes, told: str
) -> None:
    with pytest.raises(Violation, match=told):
        ask(condition, body)


def test_forms_are_those_of_the_published_experiment_and_within_the_contract(ask: Ask) -> None:
    exchange = ask(Condition("io_create"), b"")
    assert exchange.body is None
    assert exchange.posts is not None
    assert len(set(exchange.posts)) == len(exchange.posts) == len(exchange.requests)
    for (title, content), request in zip(exchange.posts, exchange.requests, strict=True):
        head, _, body = request.partition(b"\r\n\r\n")
        assert parse_qs(body.decode()) == {"title": [title], "content": [content]}
        assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
        assert (len(title), len(content)) == (10, 100)
        assert len(title) <= MAX_TITLE
        assert len(content) <= MAX_CONTENT


def test_the_same_seed_gives_every_server_the_same_forms(ask: Callable[..., Exchange]) -> None:
    one = ask(Condition("io_create"), b"", 1)
    assert ask(Condition("io_create"), b"", 1).posts == one.posts
    assert ask(Condition("io_create"), b"", 2).posts != one.posts
