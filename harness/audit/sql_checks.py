"""The contract's database side: what a request does, not only what it says.

Requests are sent side by side, because a statement that serves two requests shows itself only so.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from harness.audit.http_checks import Subject, expect
from harness.audit.http_client import FORM, Reply
from harness.inputs.contract import FANOUT, Operation, fanout_target
from harness.lab.postgres.database import Counted

_AT_ONCE = 8
_REQUESTS = 48
"""Enough for each of eight clients to go round several times."""
_WARMUP = 160
"""Enough for every connection of a pool of 16 to have prepared its statements."""
_ROWS = 100
MOST_CONNECTS = 0.25
"""Connections opened per request, at most, where a variant keeps them: a pool may still be filling
at a thread's first query, and that is over after some requests."""


def sql_effects(subject: Subject) -> None:
    """Every endpoint sends exactly its statements per request, and an error none."""
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
    """Calls and rows by verb must be those of `_REQUESTS` requests, no more and no fewer."""
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
