"""Checks of the contract's database side: SQL statements and their effects, and an outage.

Requests are sent side by side, because only then one statement can serve two requests.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from urllib.parse import urlencode

from harness.audit.http_client import FORM, HttpSession, NoAnswer, Probe, Reply, Request
from harness.audit.subject import Subject, demand
from harness.inputs.contract import FANOUT, Operation, fanout_target
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.postgres.database import Counted

_AT_ONCE = 8
_REQUESTS, _WITHOUT_WORK = 48, 16
"""Several for each of eight clients; fewer to an endpoint that has no statement to send."""
_WARMUP, _AGAIN = 64, 24
"""Enough for every thread to have its connection; then for those of another endpoint to be warm."""
_ROWS = 100
MOST_CONNECTS = 0.25
"""Connections opened per request, at most, where a variant keeps them: a pool may still grow at a
thread's first query, but only during the first requests."""


def sql_effects(subject: Subject) -> None:
    """Each request sends exactly the SQL statements that the contract names.

    They are counted on the server, by pg_stat_statements, over 48 requests of which eight are under
    way at a time, as are the connections that are opened and the rows that are changed. Endpoints
    without a statement are asked 16 times.
    """
    subject.database.reset(_ROWS)
    warmup = _WARMUP
    for operation in subject.contract.operations.values():
        works = bool(operation.effects.statements)
        if works and not subject.connects_per_request:
            _send(subject, operation, warmup)
            warmup = _AGAIN
        else:
            _send(subject, operation, _AT_ONCE)
        _check_endpoint(subject, operation, _REQUESTS if works else _WITHOUT_WORK)


def errors_leave_the_database_alone(subject: Subject) -> None:
    """A request that is refused sends no statement about posts."""
    for method, path, body in (
        ("POST", "/io_create", urlencode({"title": "", "content": ""}).encode()),
        ("POST", "/io_create", urlencode({"title": "\0", "content": "c"}).encode()),
        ("GET", fanout_target(["1"] * FANOUT), None),
        ("GET", "/nowhere", None),
    ):
        subject.database.forget_statements()
        subject.probe.send(method, path, body, None if body is None else FORM)
        seen = [c.query for c in subject.database.statements(subject.variant) if c.touches_posts]
        demand(not seen, "no statement about posts", "; ".join(seen))


def _check_endpoint(subject: Subject, operation: Operation, requests: int) -> None:
    rows = _count_rows(subject)
    subject.database.forget_statements()
    sessions = subject.database.sessions()
    replies = _send(subject, operation, requests)
    for reply in replies:
        subject.success(operation.name, reply)
    sent = replies[0].request
    opened = subject.database.sessions() - sessions
    counted = subject.database.statements(subject.variant)
    _check_statements(operation, requests, [c for c in counted if c.touches_posts], sent)
    control = [c for c in counted if not c.touches_posts]
    if not subject.connects_per_request:
        seen = sum(c.calls for c in control) / requests
        demand(
            seen <= operation.effects.control,
            f"{operation.effects.control} statements per request beside those about posts",
            f"{seen:g}: {'; '.join(c.query for c in control)}", sent,
        )  # fmt: skip
    demand(
        subject.connects_per_request or opened <= requests * MOST_CONNECTS,
        "a pool that keeps its connections, as the manifest says",
        f"{opened} connections were opened for {requests} requests", sent,
    )  # fmt: skip
    created = sum(s.rows for s in operation.effects.statements if s.verb == "INSERT") * requests
    stored = _count_rows(subject)
    demand(
        stored == rows + created,
        f"{rows + created} rows after {requests} requests to a table of {rows}",
        f"{stored} rows", sent,
    )  # fmt: skip


def _count_rows(subject: Subject) -> int:
    ((count,),) = subject.database.rows("SELECT count(*) FROM post")
    assert isinstance(count, int)
    return count


def _check_statements(
    operation: Operation, requests: int, about_posts: list[Counted], sent: Request
) -> None:
    """Compare calls and rows by verb with exactly those of so many requests."""
    calls, rows = Counter[str](), Counter[str]()
    for counted in about_posts:
        calls[counted.verb] += counted.calls
        rows[counted.verb] += counted.rows
    queries = "; ".join(dict.fromkeys(" ".join(c.query.split()) for c in about_posts))
    for verb in sorted({*calls, *(s.verb for s in operation.effects.statements)}):
        wanted = [s for s in operation.effects.statements if s.verb == verb]
        shown = f": {queries}" if queries else ""
        demand(
            calls[verb] == len(wanted) * requests,
            f"{len(wanted)} {verb} per request", f"{calls[verb] / requests:g}{shown}", sent,
        )  # fmt: skip
        demand(
            rows[verb] == sum(s.rows for s in wanted) * requests,
            f"{sum(s.rows for s in wanted)} rows per request by {verb}",
            f"{rows[verb] / requests:g}{shown}", sent,
        )  # fmt: skip


def _send(subject: Subject, operation: Operation, count: int) -> list[Reply]:
    """Several at once, from clients that keep their connections if the server does.

    After a failure no more begin, as the rest would fail likewise.
    """
    failed = Event()
    probe = subject.probe.among(_AT_ONCE)

    def ask(client: Probe | HttpSession, number: int) -> Reply:
        body = kind = None
        if operation.method == "POST":
            kind = FORM
            body = urlencode({"title": f"title {number}", "content": f"content {number}"}).encode()
        return client.send(operation.method, operation.target, body, kind)

    def one_client(first: int) -> list[Reply]:
        replies: list[Reply] = []
        with probe.session() as session:
            for number in range(first, count, _AT_ONCE):
                if failed.is_set():
                    break
                try:
                    # The probe knows which requests have had no answer, and fails at once.
                    replies.append(ask(session if replies else probe, number))
                except NoAnswer:
                    failed.set()
                    raise
        return replies

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [reply for replies in pool.map(one_client, range(_AT_ONCE)) for reply in replies]


RECOVERY_S = 20.0
"""Long enough for a pool that waits between attempts, doubling from a second."""


_STEADY = 40
"""Correct answers in a row that count as recovered: more than a pool has connections."""


_PAUSE_S = 0.05
_CUT_S, _POLL_S = 2.0, 0.005
"""A connection that is cut ends within some milliseconds."""


def database_outage(subject: Subject) -> None:
    """Without a database it answers 503, and recovers once the database is back.

    Its connections are cut and new ones refused. Endpoints without the database go on answering.
    """
    assert subject.way is not None
    subject.database.reset(30)
    subject.answer("io_read")
    with _gone(subject, subject.way):
        for _ in range(2):  # the first meets a cut connection, the second none at all
            for reply in _each_of_the_database(subject):
                subject.refusal(reply, 503)
        subject.answer("noop")
    _recovers(subject)


def _each_of_the_database(subject: Subject) -> list[Reply]:
    """A request to each endpoint of the database, at once: each may wait for POOL_TIMEOUT."""
    targets = [subject.contract.operations[name].target for name in ("io_read", "io_fanout")]
    form = {"title": "t", "content": "c"}
    probe = subject.probe.among(len(targets) + 1)
    with ThreadPoolExecutor(len(targets) + 1) as threads:
        replies = [threads.submit(probe.get, target) for target in targets]
        replies.append(threads.submit(probe.post_form, "/io_create", form))
        return [reply.result() for reply in replies]


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
        demand(
            time.monotonic() < end,
            f"200 at last, {RECOVERY_S:.0f} s after the database is back", reply.shown(),
            reply.request,
        )  # fmt: skip
        time.sleep(_PAUSE_S)
