"""The closed loop against real servers, each bad in one way; seen from both ends."""

import asyncio
import socket
import threading
import time
from array import array
from collections import Counter

import pytest
import uvloop

from harness.lab.network import free_port
from harness.lab.process import wait_until
from harness.load.generator import Edge, ProcessGenerator, merged
from harness.load.protocol import Exchange, Open, Slice, Tally
from harness.load.worker import connection as places
from harness.load.worker import target as targets
from harness.load.worker.http1 import request_bytes
from harness.load.worker.target import Target
from tests.toys.http import (
    HOST,
    OK,
    OK_BODY,
    Behaviour,
    Toy,
    Visit,
    reset_at_once,
    respond,
    respond_once,
    respond_slowly,
    stay_silent,
)
from tests.toys.looks import until_quiet
from tests.waiting import PATIENCE_S

EXCHANGE = Exchange(requests=[request_bytes("GET", "/health", "toy")], body=OK_BODY)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\n" + OK_BODY[:5] + b"\r\na\r\n" + OK_BODY[5:] + b"\r\n0\r\nX: 1\r\n\r\n"
)
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n" + OK_BODY
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n" + OK_BODY
WRONG = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
N = 4
SLICE_S = 0.12
TIMES = 3
"""Slices of most loads: each connection sends once in each at least, on a busy machine too."""
TIMER_NS = 2_000_000
"""libuv's timers count in whole milliseconds, from the time at which its loop last looked."""


def load(
    generator: ProcessGenerator,
    toy: Toy,
    *,
    times: int = TIMES,
    keep_alive: bool = True,
    timeout_s: float = PATIENCE_S,
) -> Tally:
    """Some slices with N connections, as one."""
    target = str(toy.port)
    generator.open(target, HOST, toy.port, connections=N, keep_alive=keep_alive)
    tallies = [generator.slice(target, EXCHANGE, SLICE_S, timeout_s) for _ in range(times)]
    generator.close(target)
    assert all(len(t.samples) == min(5, sum(t.errors.values())) for t in tallies)
    return merged(tallies)


def latencies(tally: Tally) -> list[int]:
    values = array("q")
    values.frombytes(tally.latencies)
    return list(values)


def check_books(tally: Tally, toy: Toy) -> None:
    """Every request that the server saw stands in exactly one column, and nothing else does."""
    failed = sum(n for kind, n in tally.errors.items() if kind != "connect")
    sent = tally.correct + failed + tally.before + tally.in_flight
    wait_until(lambda: toy.requests >= sent, PATIENCE_S)  # it may not have read the last ones yet
    assert toy.requests == sent
    assert len(latencies(tally)) == tally.correct + tally.in_flight
    assert all(0 < latency <= tally.end_ns - tally.start_ns for latency in latencies(tally))


@pytest.mark.parametrize("response", [OK, CHUNKED, b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK])
def test_good_answers_are_correct_on_connections_that_stay(
    generator: ProcessGenerator, response: bytes
) -> None:
    with Toy(respond(response)) as toy:
        tally = load(generator, toy)
        assert tally.errors == {}
        assert tally.correct > N
        assert toy.connections == N
        assert tally.reconnects == 0
        check_books(tally, toy)


def test_keep_alive_connections_are_reused_over_slices(generator: ProcessGenerator) -> None:
    with Toy(respond(OK)) as toy:
        generator.open("reused", HOST, toy.port, connections=N)
        tallies = [generator.slice("reused", EXCHANGE, 0.03) for _ in range(5)]
        assert toy.connections == N
        assert sum(t.correct for t in tallies) == toy.requests
        assert [t.reconnects for t in tallies] == [0] * 5
        generator.close("reused")


def test_closing_a_target_closes_its_connections_at_once(generator: ProcessGenerator) -> None:
    """Not only when the generator's loop happens to run again."""
    with Toy(respond(OK)) as toy:
        generator.open("closed", HOST, toy.port, connections=N)
        assert toy.until_open(N)
        generator.close("closed")
        assert toy.until_open(0)


def test_opening_a_name_anew_closes_what_stood_under_it(generator: ProcessGenerator) -> None:
    with Toy(respond(OK)) as old, Toy(respond(OK)) as new:
        generator.open("same", HOST, old.port, connections=N)
        generator.open("same", HOST, new.port, connections=1)
        assert old.until_open(0)
        generator.slice("same", EXCHANGE, 0.02)
        assert (old.requests, new.connections) == (0, 1)
        generator.close("same")


def test_connections_closed_while_idle_are_opened_before_the_slice_and_counted(
    generator: ProcessGenerator,
) -> None:
    """No request fails for it: reconnecting is not part of what is measured."""
    with Toy(respond(OK)) as toy:
        generator.open("idle", HOST, toy.port, connections=N)
        assert toy.until_open(N)
        toy.drop_connections()
        assert toy.until_open(0)
        tally = generator.slice("idle", EXCHANGE, SLICE_S)
        assert tally.errors == {}
        assert tally.reconnects == N
        assert toy.connections == 2 * N
        check_books(tally, toy)
        generator.close("idle")


@pytest.mark.parametrize("response", [CLOSING, ENDLESS])
def test_a_server_without_keep_alive_is_loaded_connection_by_connection(
    generator: ProcessGenerator, response: bytes
) -> None:
    """The connect belongs to the latency, and is no reconnect."""
    with Toy(respond_once(response)) as toy:
        tally = load(generator, toy, keep_alive=False)
        assert tally.errors == {}
        assert tally.correct > N
        assert toy.connections == toy.requests
        assert tally.reconnects == 0
        check_books(tally, toy)


def test_a_kept_alive_server_that_closes_after_each_answer_costs_reconnects(
    generator: ProcessGenerator,
) -> None:
    with Toy(respond_once(CLOSING)) as toy:
        tally = load(generator, toy)
        assert tally.errors == {}
        assert tally.reconnects == toy.connections - N > 0
        check_books(tally, toy)


def test_closing_unannounced_is_found_by_the_next_request(generator: ProcessGenerator) -> None:
    """The server does not say that it closes: a reconnect or an error, never a hang."""
    with Toy(respond_once(OK)) as toy:
        generator.open("unannounced", HOST, toy.port, connections=N)
        first = generator.slice("unannounced", EXCHANGE, SLICE_S)
        assert toy.until_open(0)  # so that the second slice begins with new connections
        tally = merged([first, generator.slice("unannounced", EXCHANGE, SLICE_S)])
        generator.close("unannounced")
        assert set(tally.errors) <= {"closed"}
        assert tally.correct == toy.requests  # one that arrived too late was never read
        assert tally.correct > N
        assert tally.reconnects > 0
        assert len(latencies(tally)) == tally.correct + tally.in_flight


@pytest.mark.parametrize(
    ("bad", "kind", "seen"),
    [
        (WRONG, "body", "body: {}"),
        (BUSY, "status 503", "status 503: busy"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204", "status 204"),
    ],
)
def test_wrong_answers_are_counted_by_kind_beside_the_good_ones(
    generator: ProcessGenerator, bad: bytes, kind: str, seen: str
) -> None:
    with Toy(respond(OK, OK, bad)) as toy:
        tally = load(generator, toy)
        assert set(tally.errors) == {kind}
        assert tally.samples[0] == seen
        assert toy.connections == N  # the connection is in order
        # Each connection gets two good ones, then a bad one, and may stop anywhere.
        assert 0 <= tally.correct - 2 * tally.errors[kind] <= 2 * N
        check_books(tally, toy)


@pytest.mark.parametrize(
    ("behaviour", "kind", "told"),
    [
        (respond_once(OK[:-1]), "closed", "the server closed the connection unanswered"),
        (respond_once(b""), "closed", "the server closed the connection unanswered"),
        (respond_once(CHUNKED[:-2]), "closed", "the server closed the connection unanswered"),
        (respond(b"SSH-2.0\r\n\r\n"), "protocol", "not a status line: b'SSH-2.0'"),
        (respond(OK + OK), "protocol", "bytes after the response's end"),
    ],
)
def test_broken_answers_are_counted_by_kind_and_end_the_connection(
    generator: ProcessGenerator, behaviour: Behaviour, kind: str, told: str
) -> None:
    with Toy(behaviour) as toy:
        tally = load(generator, toy)
        assert set(tally.errors) == {kind}
        assert tally.samples[0].startswith(f"{kind}: ")
        assert told in tally.samples[0]
        assert tally.correct == 0
        assert tally.reconnects > 0
        check_books(tally, toy)


def test_a_server_that_resets_every_connection_gives_closed_and_no_hang(
    generator: ProcessGenerator,
) -> None:
    with Toy(reset_at_once) as toy:
        tally = load(generator, toy)
        assert tally.correct == 0
        assert set(tally.errors) <= {"closed", "connect"}
        assert sum(tally.errors.values()) >= N
        assert toy.requests == 0


def test_a_dead_server_is_neither_hung_on_nor_spun_on(generator: ProcessGenerator) -> None:
    """Nobody listens: a few attempts per connection, each counted, and the slice ends."""
    port = free_port()
    generator.open("dead", HOST, port, connections=N)
    tally = generator.slice("dead", EXCHANGE, SLICE_S)
    assert tally.correct == 0
    assert set(tally.errors) == {"connect"}
    attempts_in_time = SLICE_S / places._RETRY_S + 1
    assert N <= tally.errors["connect"] <= N * attempts_in_time
    assert "refused" in tally.samples[0].lower()
    generator.close("dead")


def test_a_server_that_comes_back_is_used_again(generator: ProcessGenerator) -> None:
    """What could not be opened at first is opened when there is somebody."""
    port = free_port()  # no other process takes it meanwhile
    generator.open("back", HOST, port, connections=N)
    assert generator.slice("back", EXCHANGE, 0.02).correct == 0
    with Toy(respond(OK), port) as toy:
        tally = generator.slice("back", EXCHANGE, SLICE_S)
        assert tally.errors == {}
        assert tally.reconnects == N
        check_books(tally, toy)
    generator.close("back")


def test_a_request_without_an_answer_times_out(generator: ProcessGenerator) -> None:
    """Once per connection: the time is longer than the slice, so none is sent after it."""
    with Toy(stay_silent) as toy:
        tally = load(generator, toy, times=1, timeout_s=0.3)
        assert tally.errors == {"timeout": N}
        assert tally.correct == 0
        assert tally.end_ns - tally.start_ns >= 0.3e9
        check_books(tally, toy)


def test_a_time_out_leaves_the_connection_and_the_late_answer_behind(
    generator: ProcessGenerator,
) -> None:
    """An answer that comes later must not be taken for that of the next request."""
    given_up = threading.Event()

    def late_first(visit: Visit) -> None:
        first = visit.toy.connections == 1
        while visit.request() is not None:
            if first:
                given_up.wait(PATIENCE_S)
                time.sleep(0.2)  # the next request is under way
            visit.send(WRONG if first else OK)

    with Toy(late_first) as toy:
        generator.open("late", HOST, toy.port, connections=1)
        without = generator.slice("late", EXCHANGE, 0.05, 0.1)
        given_up.set()
        tally = merged([without, generator.slice("late", EXCHANGE, 0.5, PATIENCE_S)])
        assert tally.errors == {"timeout": 1}
        assert tally.correct > 0
        assert toy.connections == 2
        check_books(tally, toy)
        generator.close("late")


def test_a_slice_ends_with_its_last_response(generator: ProcessGenerator) -> None:
    """Slow answers are waited for, none is dropped, and no request follows the deadline."""
    with Toy(respond_slowly(OK, 1.5)) as toy:
        tally = load(generator, toy, times=1)
        assert tally.correct == toy.requests == N  # one each: the slice is over before the answer
        assert tally.end_ns - tally.start_ns >= 1.5e9
        assert max(latencies(tally)) <= tally.end_ns - tally.start_ns
        assert tally.end_ns - tally.start_ns < max(latencies(tally)) + 15e9, "not its time-out"
        assert (tally.before, tally.in_flight) == (0, 0)


def test_no_request_is_sent_after_the_deadline(generator: ProcessGenerator) -> None:
    """Each connection waits for the answer that is under way then, and for no other."""
    with Toy(respond(OK)) as toy:
        tally = load(generator, toy, times=1)
        deadline = tally.start_ns + round(SLICE_S * 1e9)
        assert sum(tally.starts_ns + tally.latencies_ns >= deadline) == N
        assert tally.end_ns >= deadline


def test_requests_go_round(generator: ProcessGenerator) -> None:
    """Each in its turn, over all connections, so that a server never meets the same one twice."""
    seen: list[bytes] = []

    def remember(visit: Visit) -> None:
        while (request := visit.request()) is not None:
            seen.append(request)
            visit.send(OK)

    requests = [request_bytes("GET", f"/{i}", "toy") for i in range(3)]
    with Toy(remember) as toy:
        generator.open("round", HOST, toy.port, connections=N)
        generator.slice("round", Exchange(requests=requests, body=OK_BODY), 0.05)
        generator.close("round")
    assert len(seen) >= N > len(requests)
    assert Counter(seen) == Counter(requests[i % 3] for i in range(len(seen)))


class Edges:
    """Notes when the edges of a window arrive."""

    def __init__(self) -> None:
        self.seen: list[tuple[Edge, int]] = []

    def __call__(self, edge: Edge) -> None:
        self.seen.append((edge, time.monotonic_ns()))


def test_a_window_counts_apart_what_lies_on_its_edges(generator: ProcessGenerator) -> None:
    """Answers take 50 ms, so every connection has one under way at either edge.

    A machine that stands still at an edge may hide it, and then there is another window.
    """

    def look() -> tuple[Tally, Edges, Toy]:
        edges = Edges()
        with Toy(respond_slowly(OK, 0.05)) as toy:
            generator.open("window", HOST, toy.port, connections=N)
            tally = generator.window(
                "window", EXCHANGE, warmup_s=0.3, seconds=0.6, at_edge=edges, timeout_s=PATIENCE_S
            )
            generator.close("window")
        return tally, edges, toy

    def quiet(seen: tuple[Tally, Edges, Toy]) -> bool:
        tally, edges, _ = seen
        return (
            tally.before == tally.in_flight == N
            and tally.correct >= 3 * N
            and edges.seen[0][1] < tally.end_ns
        )

    tally, edges, toy = until_quiet(look, quiet)
    assert tally.end_ns - tally.start_ns == 600_000_000
    assert tally.in_flight == N
    assert tally.before == N
    assert tally.correct >= 3 * N
    assert tally.completed == tally.correct + N
    assert len(latencies(tally)) == tally.correct + N
    assert tally.latencies
    assert len(tally.starts) == len(tally.latencies)
    assert tally.errors == {}
    assert toy.connections == N
    (opened, opened_at), (closed, closed_at) = edges.seen
    assert (opened.open, closed.open) == (True, False)
    assert opened.at_ns <= opened_at < closed.at_ns <= closed_at
    assert opened.at_ns > tally.start_ns - TIMER_NS
    assert closed.at_ns > tally.end_ns - TIMER_NS
    # The server notices a request later than it was sent, but not later than it answers.
    assert toy.last_request_ns <= tally.end_ns + max(latencies(tally))


def test_the_edges_of_a_window_come_though_the_server_is_dead(generator: ProcessGenerator) -> None:
    generator.open("dead window", HOST, free_port(), connections=N)

    def look() -> Tally:
        edges = Edges()
        tally = generator.window(
            "dead window", EXCHANGE, warmup_s=0.05, seconds=0.1, at_edge=edges, timeout_s=1.0
        )
        assert [edge.open for edge, _ in edges.seen] == [True, False]
        return tally

    tally = until_quiet(look, lambda seen: bool(seen.errors))  # it may have begun too late
    assert set(tally.errors) == {"connect"}
    generator.close("dead window")


def test_the_closing_edge_does_not_wait_for_the_drain(generator: ProcessGenerator) -> None:
    """Counters are read at the edge; an answer that takes longer must not hold it up."""
    closed = threading.Event()
    closed_before: list[bool] = []

    def hold(visit: Visit) -> None:
        while visit.request() is not None:
            closed_before.append(closed.wait(PATIENCE_S))
            visit.send(OK)

    def at_edge(edge: Edge) -> None:
        if not edge.open:
            closed.set()

    with Toy(hold) as toy:
        generator.open("drain", HOST, toy.port, connections=1)
        tally = generator.window(
            "drain", EXCHANGE, warmup_s=1.0, seconds=0.1, timeout_s=2 * PATIENCE_S, at_edge=at_edge
        )
        generator.close("drain")
    assert closed_before == [True]
    assert (tally.correct, tally.before) == (0, 0)


@pytest.mark.parametrize("keep_alive", [True, False])
def test_a_full_backlog_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, keep_alive: bool
) -> None:
    """The kernel drops the connection attempts in silence; TCP itself would try for two minutes."""
    monkeypatch.setattr(targets, "_CONNECT_S", 0.2)

    async def scenario(port: int) -> Tally:
        target = Target(Open("full", HOST, port, N, keep_alive))
        await target.ready()
        try:
            return await target.slice(Slice("full", EXCHANGE, 0.05, 0.2))
        finally:
            target.close()

    with socket.create_server((HOST, 0), backlog=0) as listener, socket.socket() as first:
        port = listener.getsockname()[1]
        first.connect((HOST, port))  # the one that a backlog of 0 holds
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            tally = runner.run(asyncio.wait_for(scenario(port), PATIENCE_S))
    assert tally.correct == 0
    assert tally.errors == {"timeout": N}
