"""Checks of what a server holds: the connections of its pool, and what requests leave behind.

A lock on the table of posts holds up all requests for the database, so connections can be counted
while each of them is in use. Nothing here depends on how fast the machine is.
"""

import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http import HTTPStatus
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from harness.audit.counters import Counters
from harness.audit.http_client import FORM, Reply
from harness.audit.instrument.sitecustomize import BUG
from harness.audit.subject import Subject, demand
from harness.inputs.contract import FANOUT, fanout_target
from harness.inputs.factors import POOLED
from harness.lab.clocks import Usage
from harness.lab.process import wait_until

_ROWS = 100
_SURPLUS = 4
"""Requests beyond the connections of a pool: they wait for one."""
_EARLY, _LATE_S = 0.5, 3.0
"""The first share of POOL_TIMEOUT in which no request may be given up, as clocks may be coarse; and
the seconds after it in which all must be, as a machine may be busy."""
_STEADY_S, _POLL_S, _LOOK_S = 0.5, 0.01, 0.05
_REACHED_S = 2.0
"""A request reaches the database in less, on a busy machine too."""

_WARMUP, _REQUESTS, _AT_ONCE = 48, 136, 8
"""Each of eight clients asks for each of eight things twice."""
_HANG_UPS = 3
"""Clients that hang up, of each kind."""
_ROOM = 8
"""Threads, tasks and files that may be more than before: a server makes some of them when it first
needs them. A leak shows as one for each request, or for each client that hung up."""
_SETTLED_S = 3.0
"""What a server holds before requests is read once two looks agree, or after so long."""
_FORGOTTEN_S, _LONGEST_S = 6.0, 30.0
"""What a server holds is what it leaves behind once nothing has changed for the first of these, and
it has hardly worked; on a busy machine it may have requests in its queue for much longer. Hypercorn
keeps the tasks of a closed connection for five seconds, its keep-alive time."""
_AT_REST_NS = 1_000_000
"""CPU time between two looks: a server that works off a queue uses more."""
_ATTEMPTS = 3
_FORM = urlencode({"title": "t", "content": "c"}).encode()
_RST_AT_CLOSE = struct.pack("ii", 1, 0)


def pool(subject: Subject) -> None:
    """It has POOL_SIZE connections from its start, never more, and waits POOL_TIMEOUT for one.

    A request that gets none is answered 503 then. A variant with a connection per thread has as
    many as threads at most. Where requests wait for one of POOL_SIZE threads, or a server serves
    fewer requests at once than the pool has connections, none waits for a connection.
    """
    size, allowed = subject.settings.pool_size, subject.allowed
    held = subject.database.activity(subject.variant).connections
    demand(
        held == size or subject.pool != POOLED,
        f"{size} connections before the first request, as POOL_SIZE says", f"{held}",
        cause="the pool has another size",
    )  # fmt: skip
    if allowed is None:
        return
    subject.database.reset(_ROWS)
    crowd = _hold_up(subject, allowed + _SURPLUS, to_the_end=subject.pool == POOLED)
    request = crowd.replies[0].request
    demand(
        crowd.connections <= allowed, f"{allowed} connections at most, as many as it is given",
        f"{crowd.connections}", request, "the pool has another size",
    )  # fmt: skip
    refused = [reply for reply in crowd.replies if reply.status != HTTPStatus.OK]
    for reply in refused:
        subject.refusal(reply, 503)
    if subject.pool != POOLED or subject.waits_for_threads or crowd.waiting < size:
        return
    timeout_s = subject.settings.pool_timeout_s
    rule = f"503 after {timeout_s:g} s, as POOL_TIMEOUT says"
    demand(
        len(refused) >= _SURPLUS, f"{rule}, for {_SURPLUS} requests beyond the pool",
        f"{len(refused)} such answers after {crowd.held_up_s:.1f} s", request,
        "POOL_TIMEOUT is ignored",
    )  # fmt: skip
    demand(
        crowd.held_up_s >= timeout_s * _EARLY, rule, f"503 after {crowd.held_up_s:.1f} s", request,
        "POOL_TIMEOUT is ignored",
    )  # fmt: skip


class _Crowd(msgspec.Struct, frozen=True):
    """Requests that were held up at the database at the same time.

    connections, waiting: of the variant, the most that there were; see `Activity`.
    held_up_s: for how long the table was locked since the first of them was sent.
    """

    replies: list[Reply]
    connections: int
    waiting: int
    held_up_s: float


def _hold_up(
    subject: Subject, count: int, *, endpoint: str = "io_read", to_the_end: bool = False
) -> _Crowd:
    """Send requests at once while the table is locked.

    The lock is held until as many wait for it as can. `to_the_end`: and, if these are as many as
    the pool has connections, until all others are answered, or should have been.
    """
    probe = subject.probe.among(count)
    operation = subject.contract.operations[endpoint]
    body, kind = (_FORM, FORM) if operation.method == "POST" else (None, None)
    size, timeout_s = subject.settings.pool_size, subject.settings.pool_timeout_s
    connections = waiting = 0
    with ThreadPoolExecutor(count) as threads:
        with subject.database.posts_locked():
            sent = time.monotonic()
            answers = [
                threads.submit(probe.send, operation.method, operation.target, body, kind)
                for _ in range(count)
            ]
            begun = since = time.monotonic()
            while (now := time.monotonic()) < begun + timeout_s + _LATE_S:
                seen = subject.database.activity(subject.variant)
                if seen.waiting > waiting:
                    since = now
                connections = max(connections, seen.connections)
                waiting = max(waiting, seen.waiting)
                wants_more = waiting < size and now < since + _STEADY_S
                first = waiting == 0 and now < begun + _REACHED_S
                queue = to_the_end and waiting >= size and not subject.waits_for_threads
                unanswered = sum(not answer.done() for answer in answers)
                excess = subject.allowed is not None and connections > subject.allowed
                if (
                    (to_the_end and excess)
                    or not unanswered
                    or not (first or wants_more or (queue and unanswered > size))
                ):
                    break
                time.sleep(_POLL_S)
            held_up_s = time.monotonic() - sent
        replies = [answer.result() for answer in answers]
    return _Crowd(replies, connections, waiting, held_up_s)


def unexpected_error(subject: Subject) -> None:
    """A bug is answered 500 as other errors are, without its words; the next request is served.

    For this check `uuid.uuid4()` raises an exception, once, when `/io_create` makes an id.
    """
    assert subject.counters is not None
    form = {"title": "t", "content": "c"}
    with subject.counters.failing():
        reply = subject.probe.post_form("/io_create", form)
    demand(
        reply.status != HTTPStatus.OK, "an id that is made by Python's uuid.uuid4()",
        "another one, so no bug could be put there", reply.request,
    )  # fmt: skip
    subject.refusal(reply, 500)
    demand(
        BUG not in reply.body.decode("utf-8", "replace"),
        "a sentence that says nothing of the cause", reply.shown(), reply.request,
    )  # fmt: skip
    subject.success("io_create", subject.probe.post_form("/io_create", form))


class _Holding(msgspec.Struct, frozen=True):
    """What a server holds: connections to PostgreSQL, threads, tasks of asyncio, open files."""

    connections: int
    threads: int
    tasks: int
    files: int


def nothing_left_behind(subject: Subject) -> None:
    """Answers, and clients that hang up, leave no connection, thread, task or file behind.

    136 requests are answered. Clients hang up in the middle of a request's head or body, and while
    their request waits, in the database too; every connection has prepared its statements by
    then. At the end the pool must still have all of its connections to give.
    """
    assert subject.counters is not None
    subject.database.reset(_ROWS)
    _serve(subject, _WARMUP)
    _demand_no_transaction(subject, _WARMUP)  # one that is left open would hold up the lock
    usable = _usable(subject)
    _hang_up(subject)
    _demand_usable(subject, usable)
    before = _settled(subject, subject.counters)
    _serve(subject, _REQUESTS)
    _demand_no_transaction(subject, _REQUESTS)
    _demand_no_more(subject, subject.counters, before, f"{_REQUESTS} requests")
    clients = _hang_up(subject)
    _demand_no_more(subject, subject.counters, before, f"{clients} clients have hung up")
    _demand_usable(subject, usable)


def _demand_no_transaction(subject: Subject, requests: int) -> None:
    def left() -> int:
        return subject.database.activity(subject.variant).in_transaction

    wait_until(lambda: left() == 0, _SETTLED_S)
    demand(
        (seen := left()) == 0, f"no transaction open after {requests} requests", f"{seen}",
        cause="transactions are left open",
    )  # fmt: skip


def _serve(subject: Subject, count: int) -> None:
    """Requests of all kinds, several at once, on connections that are kept."""
    operations = subject.contract.operations
    kinds = [
        ("GET", operations["io_read"].target, None),
        ("POST", "/io_create", _FORM),
        ("GET", operations["io_fanout"].target, None),
        ("GET", "/noop", None),
        ("GET", "/io_wait", None),
        ("POST", "/io_create", b"title="),
        ("GET", fanout_target(["1"] * FANOUT), None),
        ("GET", "/nowhere", None),
    ]
    probe = subject.probe.among(_AT_ONCE)

    def one_client(number: int) -> None:
        share = count // _AT_ONCE
        with probe.session() as session:
            for method, target, body in islice(cycle(kinds), number, number + share):
                session.send(method, target, body, None if body is None else FORM)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(one_client, range(_AT_ONCE)))


def _hang_up(subject: Subject) -> int:
    """Clients that hang up in the middle, half of them by a reset; returns how many.

    The table is locked meanwhile, so that those of the database are caught in it.
    """
    _prepare_everywhere(subject)
    database, operations = subject.database, subject.contract.operations
    whole = [
        _head("GET", operations["io_read"].target),
        _head("GET", operations["io_fanout"].target),
        _head("GET", "/io_wait"),
        _head("POST", "/io_create", len(_FORM)) + _FORM,
    ]
    half = [b"GET /io_read HTTP/1.1\r\nHos", _head("POST", "/io_create", 1_000) + _FORM]
    with database.posts_locked(), ExitStack() as stack:
        clients = [
            stack.enter_context(subject.probe.connect()) for _ in (*half, *whole) * _HANG_UPS
        ]
        for client, data in zip(clients, (*half, *whole) * _HANG_UPS, strict=True):
            client.sendall(data)
        wait_until(lambda: database.activity(subject.variant).waiting > 0, _REACHED_S)
        for client in clients[::2]:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_AT_CLOSE)
    return len(clients)


def _prepare_everywhere(subject: Subject) -> None:
    """Have each connection of a pool send each statement, so that it has prepared all of them.

    asyncpg 0.32 leaves a lock on the table if a request is cancelled between the answer to Parse
    and its Bind (see `tests.benchmarks.cancelled_parse`). That is rare, so a check that meets it
    would fail now and then.
    """
    if subject.pool == POOLED:
        for endpoint in ("io_create", "io_read", "io_fanout"):
            _hold_up(subject, subject.settings.pool_size, endpoint=endpoint)


def _head(method: str, target: str, length: int | None = None) -> bytes:
    typed = "" if length is None else f"Content-Type: {FORM}\r\nContent-Length: {length}\r\n"
    return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{typed}\r\n".encode()


def _usable(subject: Subject) -> int:
    """How many connections requests can use at once; 0 where each request opens its own."""
    if subject.allowed is None:
        return 0
    return _hold_up(subject, subject.settings.pool_size).waiting


def _demand_usable(subject: Subject, usable: int) -> None:
    """A busy machine makes it fewer, never more, so too few are counted again."""
    for _ in range(_ATTEMPTS):
        if (left := _usable(subject)) >= usable:
            break
    demand(
        left >= usable,
        f"{usable} connections in use at once, as before clients hung up", f"{left}",
        cause="connections are lost when clients hang up",
    )  # fmt: skip


def _holding(subject: Subject, counters: Counters) -> _Holding:
    pids = subject.pids()
    files = 0
    for pid in pids:
        with suppress(OSError):  # it has ended
            files += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return _Holding(
        connections=subject.database.activity(subject.variant).connections,
        threads=Usage.of(pids).threads,
        tasks=counters.tasks(),
        files=files,
    )


def _settled(subject: Subject, counters: Counters) -> _Holding:
    """What it holds once that changes no more."""
    seen = [_holding(subject, counters)]

    def steady() -> bool:
        seen.append(_holding(subject, counters))
        return seen[-1] == seen[-2]

    wait_until(steady, _SETTLED_S)
    return seen[-1]


def _demand_no_more(subject: Subject, counters: Counters, before: _Holding, after: str) -> None:
    """Wait until it holds no more than before, and demand it, naming what is left."""
    allowed = max(subject.allowed or 0, before.connections)

    def excess() -> dict[str, tuple[int, int]]:
        now = _holding(subject, counters)
        bounds = {
            "connections to PostgreSQL": (allowed, now.connections),
            "threads": (before.threads + _ROOM, now.threads),
            "tasks of asyncio": (before.tasks + _ROOM, now.tasks),
            "open files": (before.files + _ROOM, now.files),
        }
        return {what: (most, seen) for what, (most, seen) in bounds.items() if seen > most}

    for what, (most, seen) in _lasting(subject, excess).items():
        demand(False, f"at most {most} {what} after {after}", f"{seen}", cause=f"{what} are left")


def _lasting(
    subject: Subject, excess: Callable[[], dict[str, tuple[int, int]]]
) -> dict[str, tuple[int, int]]:
    """The excess that stays though the server rests."""
    begun = since = time.monotonic()
    found, used_ns = excess(), subject.cpu_ns()
    while found and since - begun < _LONGEST_S and time.monotonic() < since + _FORGOTTEN_S:
        time.sleep(_LOOK_S)
        found_before, found = found, excess()
        used_before_ns, used_ns = used_ns, subject.cpu_ns()
        if found != found_before or used_ns - used_before_ns > _AT_REST_NS:
            since = time.monotonic()
    return found
