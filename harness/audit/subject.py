"""The subject of a check: a running server, with demands on its answers."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from harness.audit.http_client import Probe, Reply
from harness.inputs.contract import (
    Contract,
)
from harness.inputs.settings import ApplicationSettings
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.postgres.database import Database


class Subject(msgspec.Struct, frozen=True):
    """A server to check, with the database and the settings that it was given.

    connects_per_request: its manifest declares no pool, so each request sets up a connection.
    way: from the server to the database, where a check may close it; None for the direct one.
    """

    variant: str
    probe: Probe
    contract: Contract
    database: Database
    settings: ApplicationSettings
    connects_per_request: bool = False
    way: ObservingRelay | None = None

    def answer(self, endpoint: str) -> Any:
        """GET an endpoint, demand a 200 of the contract's shape, and return its decoded body."""
        return self.success(endpoint, self.probe.get(self.contract.operations[endpoint].target))

    def success(self, endpoint: str, reply: Reply) -> Any:
        """Demand a 200 of the contract's shape, and return its decoded body."""
        expect(reply.status == 200, f"expected 200, got {reply.shown()}")
        body = self._body(reply)
        problem = self.contract.problem(self.contract.success_schema(endpoint), body)
        expect(problem is None, f"the body breaks the contract at {problem}")
        return body

    def refusal(self, reply: Reply, status: int) -> None:
        """Demand an error answer of the contract's shape."""
        expect(reply.status == status, f"expected {status}, got {reply.shown()}")
        body = self._body(reply)
        problem = self.contract.problem("Error", body)
        expect(problem is None, f"the error's body breaks the contract at {problem}")
        sentence = cast(dict[str, str], body)["error"]
        expect(
            "\n" not in sentence and "Traceback" not in sentence, f"not a sentence: {sentence!r}"
        )

    def _body(self, reply: Reply) -> object:
        kind = reply.headers.get("content-type", "none").partition(";")[0].strip()
        expect(kind == "application/json", f"expected application/json, got {kind}")
        expect("content-length" in reply.headers, "the response has no Content-Length")
        try:
            return reply.json()
        except ValueError:
            raise Violation(f"the body is not JSON: {reply.shown()}") from None


Check = Callable[[Subject], None]


class Violation(Exception):
    """A check failed; the message says what was expected and what was seen."""


def expect(condition: bool, problem: str) -> None:
    """Raise a `Violation` unless the condition holds."""
    if not condition:
        raise Violation(problem)
