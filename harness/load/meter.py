"""What one slice or window has seen: counts, latencies, errors by kind."""

from array import array
from collections import Counter

from harness.load.checks import Check, check_for
from harness.load.messages import Exchange, Tally

_SAMPLES, _SAMPLE_CHARACTERS = 5, 200


class Meter:
    """All connections of a target write to one, while a slice or window lasts."""

    __slots__ = (
        "before", "check", "correct", "count", "deadline_ns", "errors", "in_flight", "last_ns",
        "latencies", "next_request", "opens_ns", "payloads", "pending", "reconnects", "samples",
    )  # fmt: skip

    def __init__(self, exchange: Exchange) -> None:
        self.check: Check = check_for(exchange)
        self.payloads = exchange.requests
        self.count = len(exchange.requests)
        self.next_request = 0
        self.deadline_ns = 0
        self.opens_ns = 0  # window: requests sent before this do not count; slice: 0
        self.last_ns = 0
        self.pending = 0  # connections that still send, or wait for an answer
        self.latencies = array("q")
        self.correct = 0
        self.before = 0
        self.in_flight = 0
        self.errors: Counter[str] = Counter()
        self.samples: list[str] = []
        self.reconnects = 0

    def take(self) -> int:
        """The index of the request that is sent next; they go round."""
        index = self.next_request
        self.next_request = index + 1 if index + 1 < self.count else 0
        return index

    def answered(self, now: int, sent: int) -> None:
        """Count a correct response."""
        if self._counts(now, sent):
            self.correct += 1
            self.latencies.append(now - sent)

    def failed(self, kind: str, now: int, sent: int, seen: str = "") -> None:
        """Count an error, and keep what was seen of the first few."""
        if self._counts(now, sent):
            self.errors[kind] += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(f"{kind}: {seen[:_SAMPLE_CHARACTERS]}" if seen else kind)

    def tally(self, start_ns: int, end_ns: int) -> Tally:
        """The sum of it."""
        return Tally(
            correct=self.correct,
            errors=dict(self.errors),
            samples=self.samples,
            reconnects=self.reconnects,
            start_ns=start_ns,
            end_ns=end_ns,
            latencies=self.latencies.tobytes(),
            before=self.before,
            in_flight=self.in_flight,
        )

    def _counts(self, now: int, sent: int) -> bool:
        """In a slice every request counts; in a window one that lies within it from end to end."""
        if not self.opens_ns:
            return True
        if sent < self.opens_ns:
            self.before += 1
            return False
        if now > self.deadline_ns:
            self.in_flight += 1
            return False
        return True
