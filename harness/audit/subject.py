"""The subject of a check: a running server, with demands on its answers."""

import re
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import msgspec

from harness.audit.http_client import Probe, Reply, Request
from harness.inputs.contract import Contract, Operation
from harness.inputs.factors import PER_REQUEST, POOLED
from harness.inputs.settings import ApplicationSettings
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.postgres.database import Database

if TYPE_CHECKING:
    from harness.audit.counters import Counters


class Subject(msgspec.Struct, frozen=True):
    """A server to check, with the database and the settings that it was given.

    variant: the name by which the database knows it, which is that of the variant.
    pool: how it holds its connections; the factor of that name.
    threads: of the server, which has a connection for each where the pool is per thread.
    waits_for_threads: its requests wait for one of POOL_SIZE threads, and not for a connection.
    keep_alive: whether its server keeps a connection open between two requests.
    way: from the server to the database, where a check may close it; None for the direct one.
    cpu_ns: reads the CPU time of the server's processes so far, in nanoseconds.
    pids: the server's processes that live now.
    counters: inside of them; None for a server without the audit's instrument.
    fitting: by endpoint, the last body that fits the contract: the same one again fits too.
    """

    variant: str
    probe: Probe
    contract: Contract
    database: Database
    settings: ApplicationSettings
    pool: str = POOLED
    threads: int = 1
    waits_for_threads: bool = False
    keep_alive: bool = True
    way: ObservingRelay | None = None
    cpu_ns: Callable[[], int] = lambda: 0
    pids: Callable[[], Collection[int]] = tuple
    counters: "Counters | None" = None
    fitting: dict[str, bytes] = msgspec.field(default_factory=dict)

    @property
    def connects_per_request(self) -> bool:
        """Whether each request sets up a connection, as its manifest says."""
        return self.pool == PER_REQUEST

    @property
    def allowed(self) -> int | None:
        """Connections that it may hold; None for one that connects per request."""
        if self.pool == PER_REQUEST:
            return None
        return self.settings.pool_size if self.pool == POOLED else self.threads

    def answer(self, endpoint: str) -> Any:
        """GET an endpoint, demand a 200 of the contract's shape, and return its decoded body."""
        return self.success(endpoint, self.probe.get(self.contract.operations[endpoint].target))

    def success(self, endpoint: str, reply: Reply) -> Any:
        """Demand a 200 of the contract's shape, and return its decoded body."""
        demand_status(reply, 200)
        body = _body(reply)
        if self.fitting.get(endpoint) != reply.body:
            problem = self.contract.problem(self.contract.success_schema(endpoint), body)
            fields = f"the contract's fields in a 200 of {reply.request.route}"
            _demand_shape(reply, problem, fields)
            self.fitting[endpoint] = reply.body
        return body

    def refusal(self, reply: Reply, status: int) -> None:
        """Demand an error answer of the contract's shape."""
        demand_status(reply, status)
        body = _body(reply)
        _demand_shape(reply, self.contract.problem("Error", body), 'an error: {"error": "…"}')
        sentence = cast(dict[str, str], body)["error"]
        demand(
            "\n" not in sentence and "Traceback" not in sentence,
            "an error of one sentence", repr(sentence), reply.request, "no sentence",
        )  # fmt: skip


def demand_allow(reply: Reply, operation: Operation) -> None:
    """Demand that `Allow` names the endpoint's method, and none that it does not serve."""
    allow = reply.headers.get("allow", "none")
    methods = {method.strip() for method in allow.split(",")}
    demand(
        operation.method in methods, f"{operation.method} in the header Allow", allow,
        reply.request, f"{reply.status} without a right Allow",
    )  # fmt: skip
    served = {operation.method, "OPTIONS"} | ({"HEAD"} if operation.method == "GET" else set())
    demand(
        methods <= served, f"no method but {', '.join(sorted(served))} in the header Allow", allow,
        reply.request, f"{reply.status} without a right Allow",
    )  # fmt: skip


Check = Callable[[Subject], None]
"""Raises a `Violation`. Its docstring's first line tells users what it checks."""


class Violation(Exception):
    """A check failed; the message says what was expected and what was seen.

    Args:
        problem: the message.
        expected, seen: the two as phrases, where the message is made of them.
        request: whose answer is wrong; None for the last one of the check.
        cause: violations with the same have one cause; None where it is not known.
    """

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        seen: str | None = None,
        request: Request | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.expected = expected
        self.seen = seen
        self.request = request
        self.cause = cause


def expect(condition: bool, problem: str) -> None:
    """Raise a `Violation` unless the condition holds."""
    if not condition:
        raise Violation(problem)


def demand(
    condition: bool,
    expected: str,
    seen: str,
    request: Request | None = None,
    cause: str | None = None,
) -> None:
    """Raise a `Violation` of what was expected and seen unless the condition holds."""
    if not condition:
        raise Violation(
            f"expected {expected}, got {seen}",
            expected=expected, seen=seen, request=request, cause=cause,
        )  # fmt: skip


def demand_status(reply: Reply, status: int) -> None:
    """Demand this status."""
    demand(
        reply.status == status, f"{status}", reply.shown(), reply.request,
        cause_of_status(reply, status),
    )  # fmt: skip


def cause_of_status(reply: Reply, status: int) -> str | None:
    """Whatever an endpoint answers instead of a 200, or of anything, has one cause.

    An error that was not refused as it should has its own: None.
    """
    always = reply.status >= _BROKEN or reply.status == HTTPStatus.NOT_FOUND
    if always or status == HTTPStatus.OK:
        return f"{reply.request.route} answers {reply.status}"
    return None


_BROKEN = 500


def _demand_shape(reply: Reply, problem: str | None, expected: str) -> None:
    if problem is not None:
        place = re.sub(r"\d+", "0", problem.partition(":")[0])  # of every post alike
        cause = f"{place} of {expected}"
        seen = f"{problem}, in {reply.shown()}"
        raise Violation(
            f"the body breaks the contract at {problem}",
            expected=expected, seen=seen, request=reply.request, cause=cause,
        )  # fmt: skip


def _body(reply: Reply) -> object:
    """The decoded body of an answer that is framed as the contract has it."""
    kind = reply.headers.get("content-type", "none").partition(";")[0].strip()
    which = "errors" if reply.status >= HTTPStatus.BAD_REQUEST else "answers"
    demand(
        kind == "application/json", "application/json", kind, reply.request,
        f"{which} are {kind}",
    )  # fmt: skip
    demand(
        "content-length" in reply.headers, "a Content-Length", "a response without one",
        reply.request, f"{which} without Content-Length",
    )  # fmt: skip
    try:
        return reply.json()
    except ValueError:
        raise Violation(
            f"the body is not JSON: {reply.shown()}",
            expected="JSON", seen=reply.shown(), request=reply.request,
            cause=f"{reply.request.route} is no JSON",
        ) from None  # fmt: skip
