"""PostgreSQL's protocol, read from conversations that are made by hand."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audit.pg_wire import Direction, Wire

type Turn = tuple[Direction, bytes]
"""Who speaks, and what."""


def untyped(code: int, body: bytes = b"") -> bytes:
    """A client's message before the start-up is over."""
    return (8 + len(body)).to_bytes(4) + code.to_bytes(4) + body


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + (4 + len(body)).to_bytes(4) + body


def query(sql: str) -> bytes:
    """By the simple protocol."""
    return message(b"Q", sql.encode() + b"\0")


def execution(sql: str) -> bytes:
    """By the extended protocol, all of it but the Sync."""
    return b"".join((
        message(b"P", b"\0" + sql.encode() + b"\0\0\0"),
        message(b"B", bytes(8)),
        message(b"D", b"P\0"),
        message(b"E", bytes(5)),
    ))  # fmt: skip


STARTUP = untyped(3 << 16, b"user\0toy\0\0")
SSL_REQUEST, GSS_REQUEST = untyped(80877103), untyped(80877104)
CANCEL = untyped(80877102, bytes(8))
SYNC, TERMINATE = message(b"S"), message(b"X")
IDLE, IN_TRANSACTION, FAILED = (message(b"Z", status) for status in (b"I", b"T", b"E"))
DONE = message(b"C", b"SELECT 1\0")
ERROR = message(b"E", b"SERROR\0C22012\0Mdivision by zero\0\0")
PREPARED, BOUND = message(b"1"), message(b"2")
GREETING = message(b"R", bytes(4)) + message(b"S", b"a\0b\0") + message(b"K", bytes(8)) + IDLE

OPENING: tuple[Turn, ...] = (("out", STARTUP), ("in", GREETING))
REFUSED: tuple[Turn, ...] = (("out", SSL_REQUEST), ("in", b"N"), *OPENING)
EXCHANGES: dict[str, tuple[tuple[Turn, ...], Counter[str]]] = {
    "a simple query": (
        (("out", query("SELECT 1")), ("in", DONE + IDLE)),
        Counter(statements=1, transactions=1, round_trips=1),
    ),
    "an extended query": (
        (("out", execution("SELECT 1") + SYNC), ("in", PREPARED + BOUND + DONE + IDLE)),
        Counter(statements=1, transactions=1, round_trips=1),
    ),
    "a function call": (
        (("out", message(b"F", bytes(14))), ("in", message(b"V", bytes(8)) + IDLE)),
        Counter(statements=1, transactions=1, round_trips=1),
    ),
    "a statement that is only prepared": (
        (("out", message(b"P", b"s\0SELECT 1\0\0\0") + SYNC), ("in", PREPARED + IDLE)),
        Counter(round_trips=1),
    ),
    "a pipeline": (
        (
            ("out", execution("SELECT 1") + execution("SELECT 2") + SYNC),
            ("in", 2 * (PREPARED + BOUND + DONE) + IDLE),
        ),
        Counter(statements=2, transactions=1, round_trips=1),
    ),
    "a transaction": (
        (
            ("out", query("BEGIN")),
            ("in", DONE + IN_TRANSACTION),
            ("out", execution("INSERT INTO post VALUES (1)") + SYNC),
            ("in", PREPARED + BOUND + DONE + IN_TRANSACTION),
            ("out", query("COMMIT")),
            ("in", DONE + IDLE),
        ),
        Counter(statements=3, transactions=1, round_trips=3),
    ),
    "a transaction that fails": (
        (
            ("out", query("BEGIN")),
            ("in", DONE + IN_TRANSACTION),
            ("out", query("SELECT 1 / 0")),
            ("in", ERROR + FAILED),
            ("out", query("ROLLBACK")),
            ("in", DONE + IDLE),
        ),
        Counter(statements=3, transactions=1, round_trips=3),
    ),
    "a row that holds what looks like the end": (
        (("out", query("SELECT 2")), ("in", message(b"D", IDLE) + DONE + IDLE)),
        Counter(statements=1, transactions=1, round_trips=1),
    ),
    "a parameter that holds what looks like a query": (
        (
            ("out", message(b"B", query("SELECT 1")) + message(b"E", bytes(5)) + SYNC),
            ("in", BOUND + DONE + IDLE),
        ),
        Counter(statements=1, transactions=1, round_trips=1),
    ),
}
"""By name: what is said on an open connection, and what it amounts to."""


def counts(turns: Iterable[Turn]) -> Counter[str]:
    """What is counted of a connection that says this from its beginning on."""
    counted: Counter[str] = Counter()
    wire = Wire(counted)
    for direction, data in turns:
        wire.feed(direction, data)
    assert not wire.encrypted
    return counted


def work(counted: Counter[str]) -> Counter[str]:
    """All but the bytes."""
    return Counter({name: n for name, n in counted.items() if name not in ("out", "in")})


def torn(turns: Iterable[Turn], sizes: Iterable[int]) -> Iterator[Turn]:
    """The same bytes in pieces of these sizes, again and again."""
    lengths = cycle(sizes)
    for direction, data in turns:
        rest = data
        while rest:
            length = next(lengths)
            yield direction, rest[:length]
            rest = rest[length:]


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_is_counted_for_what_it_is(name: str) -> None:
    turns, expected = EXCHANGES[name]
    assert work(counts([*OPENING, *turns])) == Counter(round_trips=1) + expected


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_in_single_bytes_is_counted_the_same(name: str) -> None:
    turns, expected = EXCHANGES[name]
    assert work(counts(torn([*REFUSED, *turns], [1]))) == Counter(round_trips=2) + expected


def test_a_start_up_is_a_round_trip_and_no_statement() -> None:
    assert work(counts(OPENING)) == Counter(round_trips=1)


@pytest.mark.parametrize("question", [SSL_REQUEST, GSS_REQUEST], ids=["SSL", "GSS"])
def test_encryption_that_is_refused_takes_a_round_trip_and_nothing_else(question: bytes) -> None:
    turns, expected = EXCHANGES["a simple query"]
    opening: list[Turn] = [("out", question), ("in", b"N"), *OPENING]
    assert work(counts([*opening, *turns])) == Counter(round_trips=2) + expected


def test_encryption_may_be_asked_for_in_two_ways_one_after_the_other() -> None:
    assert work(counts([("out", GSS_REQUEST), ("in", b"N"), *REFUSED])) == Counter(round_trips=3)


@pytest.mark.parametrize(("question", "yes"), [(SSL_REQUEST, b"S"), (GSS_REQUEST, b"G")])
def test_what_is_encrypted_is_told_and_not_understood(question: bytes, yes: bytes) -> None:
    """Bytes and round trips are still counted, and nothing that would need to be read."""
    counted: Counter[str] = Counter()
    wire = Wire(counted)
    wire.feed("out", question)
    assert not wire.encrypted
    wire.feed("in", yes)
    assert wire.encrypted
    for direction, data in EXCHANGES["a simple query"][0]:
        wire.feed(direction, data)
    assert work(counted) == Counter(round_trips=2)
    assert counted["out"] == len(question) + len(query("SELECT 1"))


def test_saying_goodbye_is_no_round_trip_and_no_statement() -> None:
    before = counts(OPENING)
    after = counts([*OPENING, ("out", TERMINATE)])
    assert after - before == Counter(out=len(TERMINATE))


def test_a_questionto_cancel_counts_for_nothing_but_its_bytes() -> None:
    assert counts([("out", CANCEL)]) == Counter(out=len(CANCEL))


def test_what_the_server_says_unasked_is_no_round_trip() -> None:
    notice = message(b"N", b"SWARNING\0Mgood morning\0\0")
    assert work(counts([*OPENING, ("in", notice), ("in", notice)])) == Counter(round_trips=1)


def test_an_answer_in_several_pieces_is_one_round_trip() -> None:
    row = message(b"D", bytes(300_000))
    turns: list[Turn] = [("out", query("SELECT 1")), ("in", row[:9]), ("in", row[9:])]
    counted = counts([*OPENING, *turns, ("in", DONE), ("in", IDLE)])
    assert work(counted) == Counter(round_trips=2, statements=1, transactions=1)


def test_a_transaction_ends_with_the_answer_and_not_with_the_question() -> None:
    turns: list[Turn] = [("out", query("SELECT 1")), ("in", DONE)]
    assert counts([*OPENING, *turns])["transactions"] == 0
    assert counts([*OPENING, *turns, ("in", IDLE)])["transactions"] == 1


def test_bytes_are_summed_per_direction() -> None:
    turns, _ = EXCHANGES["a transaction"]
    counted = counts([*OPENING, *turns])
    assert counted["out"] == sum(len(data) for who, data in (*OPENING, *turns) if who == "out")
    assert counted["in"] == sum(len(data) for who, data in (*OPENING, *turns) if who == "in")


def test_connections_that_share_their_counts_do_not_mix_what_they_hear() -> None:
    """Each is in the middle of a message when the other goes on."""
    counted: Counter[str] = Counter()
    wires = [Wire(counted), Wire(counted)]
    turns, expected = EXCHANGES["a transaction"]
    for direction, data in torn([*OPENING, *turns], [3, 5]):
        for wire in wires:
            wire.feed(direction, data)
    assert work(counted) == Counter(round_trips=2) + expected + expected


@given(
    names=st.lists(st.sampled_from(sorted(EXCHANGES)), max_size=6),
    opening=st.sampled_from([OPENING, REFUSED]),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
)
def test_however_a_conversation_is_cut_it_is_counted_the_same(
    names: list[str], opening: tuple[Turn, ...], sizes: list[int]
) -> None:
    turns = [*opening, *chain.from_iterable(EXCHANGES[name][0] for name in names)]
    whole = counts(turns)
    assert counts(torn(turns, sizes)) == whole
    for what in ("statements", "transactions"):
        assert whole[what] == sum(EXCHANGES[name][1][what] for name in names)
