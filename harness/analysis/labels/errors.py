"""Errors of requests by kind: their counts in words, and the remedy for the most frequent kind.

Kinds are those of `load.worker.connection`, and in Locust's ramps a status, `another answer than
expected`, or the class of an exception.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.records.trial import Trial

_WITHOUT_DATABASE = frozenset({"health", "noop", "cpu", "io_wait"})
"""Endpoints whose answer needs no connection to PostgreSQL."""

_POOL = (
    "enlarge the pool or use fewer connections: PostgreSQL did not serve the requests (503); the "
    "server's log says more"
)
_REFUSED = "find in the server's log why it refused the work (503)"
_BROKEN = "find the exception in the server's log, in the run's folder"
_UNKNOWN = "compare the server with the contract by `bridgetoll verify`: it rejects the request"
_TIMEOUT = "find what hangs in the server's log, use fewer connections, or raise `timeout_s`"
_CONNECT = "find in the server's log whether it still ran: it took no connection"
_CLOSED = "find in the server's log why it closed connections without an answer"
_BODY = "compare the trial's samples with `bridgetoll verify`: the answers broke the contract"
_PROTOCOL = "look at the trial's samples: the answers were no valid HTTP"
_OTHER = "look at the errors in the trial, and at the server's log in the run's folder"


_KINDS = {
    "timeout": ("request", "without an answer in time"),
    "body": ("answer", "with a wrong body"),
    "another answer than expected": ("answer", "with a wrong body"),
    "protocol": ("answer", "not in valid HTTP"),
    "closed": ("request", "whose connection closed without an answer"),
    "connect": ("request", "without a connection"),
}
"""By kind: the noun that is counted, and what is said of it."""


def errors_of(trials: Iterable[Trial]) -> dict[str, int]:
    """Errors by kind, the most frequent first, of all turns of these trials.

    Of a trial without any answer in its turns, or without turns, those before its turns.
    """
    counts: Counter[str] = Counter()
    for trial in trials:
        in_turns: Counter[str] = Counter()
        for piece in trial.slices:
            in_turns.update(piece.failures)
        answered = bool(in_turns) or any(piece.correct for piece in trial.slices)
        counts.update(in_turns if answered else trial.errors_before)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def in_one_line(problem: str) -> str:
    """A problem's first line, with the last one where the first announces a server's last words."""
    first, *others = [line.strip() for line in problem.splitlines() if line.strip()] or [
        "no reason was recorded"
    ]
    return f"{first} {others[-1]}" if others and first.endswith(":") else first


def in_words(errors: Mapping[str, int]) -> str:
    """Errors by kind, e.g. `412 answers with status 503, 8 requests without an answer in time`."""
    return ", ".join(_in_words(kind, count) for kind, count in errors.items() if count)


def _in_words(kind: str, count: int) -> str:
    if kind.startswith("status "):
        noun, rest = "answer", f"with {kind}"
    elif kind in _KINDS:
        noun, rest = _KINDS[kind]
    else:  # the class of an exception
        noun, rest = "request", f"ended by {kind}"
    return f"{count:,} {noun}{'' if count == 1 else 's'} {rest}"


def remedy_for(errors: Mapping[str, int], endpoint: str) -> str | None:
    """What to do about the most frequent kind; None without errors."""
    if not any(errors.values()):
        return None
    kind = max(errors, key=lambda kind: errors[kind])
    if kind.startswith("status "):
        return _of_status(kind.removeprefix("status "), endpoint)
    if kind == "body" or kind.startswith("another answer"):
        return _BODY
    if kind == "protocol":
        return _PROTOCOL
    lowered = kind.lower()
    if "timeout" in lowered:
        return _TIMEOUT
    if kind == "closed" or any(word in lowered for word in ("reset", "disconnected", "pipe")):
        return _CLOSED
    return _CONNECT if "connect" in lowered or "refused" in lowered else _OTHER


def _of_status(status: str, endpoint: str) -> str:
    if status == "503":
        return _REFUSED if endpoint in _WITHOUT_DATABASE else _POOL
    return _BROKEN if status.startswith("5") else _UNKNOWN
