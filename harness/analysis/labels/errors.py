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
    "the database did not serve the requests: read the server's log, enlarge the pool or use fewer "
    "connections"
)
_REFUSED = "the server refused the work: read its log in the run's folder"
_BROKEN = "the server failed within the request: read its log in the run's folder"
_UNKNOWN = "the server does not know this request: compare it with the contract by `verify`"
_TIMEOUT = (
    "no answer came in time: find what hangs in the server's log, use fewer connections or raise "
    "`timeout_s`"
)
_CONNECT = "the server took no connection: find in its log whether it still ran"
_CLOSED = "the server closed connections without an answer: find the reason in its log"
_BODY = "the answers broke the contract under load: compare the trial's samples with `verify`"
_PROTOCOL = "the answers were no valid HTTP: look at the trial's samples"
_OTHER = "look at the errors in the trial, and at the server's log in the run's folder"


def errors_of(trials: Iterable[Trial]) -> dict[str, int]:
    """Errors by kind, the most frequent first, of all turns of these trials.

    Of a trial without any answer in its turns, or without turns, those before its turns.
    """
    counts: Counter[str] = Counter()
    for trial in trials:
        in_turns: Counter[str] = Counter()
        for piece in trial.slices:
            in_turns.update(piece.errors)
        answered = bool(in_turns) or any(piece.correct for piece in trial.slices)
        counts.update(in_turns if answered else trial.errors_before)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def in_one_line(problem: str) -> str:
    """A problem's first line, with the last one where the first announces a server's last words."""
    first, *others = [line.strip() for line in problem.splitlines() if line.strip()] or [
        "no reason was recorded"
    ]
    return f"{first} {others[-1]}" if others and first.endswith(":") else first


def counted(errors: Mapping[str, int]) -> str:
    """Errors by kind in words, e.g. `412 x status 503, 8 x timeout`."""
    return ", ".join(f"{count:,} x {kind}" for kind, count in errors.items() if count)


def remedy_of(errors: Mapping[str, int], endpoint: str) -> str | None:
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
