"""Checks of the contract's database side: SQL statements and their effects, and an outage.

Requests are sent side by side, because only then one statement can serve two requests.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlencode

from harness.audit.http_client import FORM, Reply
from harness.audit.subject import Subject, expect
from harness.inputs.contract import FANOUT, Operation, fanout_target
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.postgres.database import Counted

_AT_ONCE = 8
_REQUESTS = 48
"""Several for each of eight clients."""
_WARMUP = 96
"""Enough for every connection of a pool of eight to have prepared its statements."""
_ROWS = 100
MOST_CONNECTS = 0.25
"""Connections opened per request, at most, where a variant keeps them: a pool may still grow at a
thread's first query, but only during the first requests."""


def sql_effects(subject: Subject) -> None:
    """Every endpoint sends exactly the contract's statements per request."""
    for operation in subject.contract.operations.values():
        _send(subject, operation, _WARMUP if operation.effects.statements else _AT_ONCE)
        _check_endpoint(subject, operation)


def errors_leave_the_database_alone(subject: Subject) -> None:
    """A refused request sends no statement about posts."""
    subject.database.forget_statements()
    subject.probe.post_form("/io_create", {"title": "", "content": ""})
    subject.probe.post_form("/io_create", {"title": "\0", "content": "c"})
    subject.probe.get(fanout_target(["1"] * FANOUT))
    subject.probe.get("/nowhere")
    seen = [c.query for c in subject.database.statements(subject.variant) if c.touches_posts]
    expect(not seen, f"a refused request sent: {'; '.join(seen)}")


def _check_endpoint(subject: Subject, operation: Operation) -> None:
    subject.database.reset(_ROWS)
    subject.database.forget_statements()
    sessions = subject.database.sessions()
    replies = _send(subject, operation, _REQUESTS)
    for reply in replies:
        subject.success(operation.name, reply)
    opened = subject.database.sessions() - sessions
    counted = subject.database.statements(subject.variant)
    about_posts = [c for c in counted if c.touches_posts]
    _check_statements(operation, about_posts)
    control = [c for c in counted if not c.touches_posts]
    if not subject.connects_per_request:
        allowed = operation.effects.control * _REQUESTS
        seen = sum(c.calls for c in control)
        expect(
            seen <= allowed,
            f"{operation.path}: {seen / _REQUESTS:g} statements per request beyond its work, "
            f"{operation.effects.control} allowed: {'; '.join(c.query for c in control)}",
        )
    expect(
        subject.connects_per_request or opened <= _REQUESTS * MOST_CONNECTS,
        f"{operation.path}: {opened} connections were opened for {_REQUESTS} requests, by a "
        "variant that says it keeps its connections",
    )
    created = sum(s.rows for s in operation.effects.statements if s.verb == "INSERT")
    ((stored,),) = subject.database.rows("SELECT count(*) FROM post")
    expect(
        stored == _ROWS + created * _REQUESTS,
        f"{operation.path}: {_REQUESTS} requests left {stored} rows in a table of {_ROWS}, "
        f"expected {_ROWS + created * _REQUESTS}",
    )


def _check_statements(operation: Operation, about_posts: list[Counted]) -> None:
    """Compare calls and rows by verb with exactly those of `_REQUESTS` requests."""
    calls, rows = Counter[str](), Counter[str]()
    for counted in about_posts:
        calls[counted.verb] += counted.calls
        rows[counted.verb] += counted.rows
    for verb in sorted({*calls, *(s.verb for s in operation.effects.statements)}):
        wanted = [s for s in operation.effects.statements if s.verb == verb]
        expect(
            calls[verb] == len(wanted) * _REQUESTS,
            f"{operation.path}: {calls[verb] / _REQUESTS:g} {verb} per request, "
            f"expected {len(wanted)}",
        )
        expect(
            rows[verb] == sum(s.rows for s in wanted) * _REQUESTS,
            f"{operation.path}: {verb} touched {rows[verb] / _REQUESTS:g} rows per request, "
            f"expected {sum(s.rows for s in wanted)}",
        )


def _send(subject: Subject, operation: Operation, count: int) -> list[Reply]:
    def one(number: int) -> Reply:
        if operation.method == "GET":
            return subject.probe.get(operation.target)
        body = urlencode({"title": f"title {number}", "content": f"content {number}"}).encode()
        return subject.probe.send(operation.method, operation.target, body, FORM)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(one, range(count)))


RECOVERY_S = 20.0
"""Long enough for a pool that waits between attempts, doubling from a second."""


_STEADY = 40
"""Correct answers in a row that count as recovered: more than a pool has connections."""


_PAUSE_S = 0.05
_CUT_S, _POLL_S = 2.0, 0.005
"""A connection that is cut ends within some milliseconds."""


def database_outage(subject: Subject) -> None:
    """503 while the database is gone, other endpoints unharmed, recovery when it returns."""
    assert subject.way is not None
    subject.database.reset(30)
    targets = [subject.contract.operations[name].target for name in ("io_read", "io_fanout")]
    subject.answer("io_read")
    with _gone(subject, subject.way):
        for _ in range(2):  # the first meets a cut connection, the second none at all
            for target in targets:
                subject.refusal(subject.probe.get(target), 503)
            form = {"title": "t", "content": "c"}
            subject.refusal(subject.probe.post_form("/io_create", form), 503)
        subject.answer("noop")
    _recovers(subject)


@contextmanager
def _gone(subject: Subject, way: ObservingRelay) -> Iterator[None]:
    """Within the block the database is gone for this server alone, so others can be checked.

    It sees what it would see of a PostgreSQL that is shut down: new connections are refused, and
    open ones are told so and closed.
    """
    with way.refusing():
        subject.database.cut_off(subject.variant)
        end = time.monotonic() + _CUT_S
        while subject.database.connections()[subject.variant] and time.monotonic() < end:
            time.sleep(_POLL_S)
        yield


def _recovers(subject: Subject) -> None:
    end = time.monotonic() + RECOVERY_S
    steady = 0
    while steady < _STEADY:
        reply = subject.probe.get("/io_read")
        if reply.status == 200:
            steady += 1
            continue
        subject.refusal(reply, 503)
        steady = 0
        expect(time.monotonic() < end, f"still {reply.shown()} {RECOVERY_S:.0f} s after its return")
        time.sleep(_PAUSE_S)
