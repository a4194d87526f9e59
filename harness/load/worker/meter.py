"""Counts, latencies and errors of one slice or window."""

from array import array
from collections import Counter
from time import monotonic_ns

from harness.load.protocol import Exchange, Tally
from harness.load.worker.checks import Check, check_for

_SAMPLES, _SAMPLE_CHARACTERS = 5, 200
_NEVER_NS = 2**63 - 1


class Meter:
    """Collects from all connections of a target while a slice or window lasts."""

    __slots__ = (
        "before", "check", "closes_ns", "correct", "count", "dropped", "ends_before", "errors",
        "errors_early", "in_flight", "lags", "latencies", "next_request", "opens_ns", "payloads",
        "reconnects", "samples", "sent", "starts", "status",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, opens_ns: int = 0, closes_ns: int = _NEVER_NS) -> None:
        self.check: Check = check_for(exchange)
        self.status = exchange.status
        self.payloads = exchange.requests
        self.count = len(exchange.requests)
        self.next_request = 0
        self.opens_ns = opens_ns  # a slice has no edges: every request counts
        self.closes_ns = closes_ns
        self.latencies = array("q")
        self.starts = array("q")
        self.lags = array("q")
        self.ends_before = array("q")
        self.correct = 0
        self.before = 0
        self.in_flight = 0
        self.dropped = 0
        self.sent = 0
        self.errors: Counter[str] = Counter()
        self.errors_early: Counter[str] = Counter()
        self.samples: list[str] = []
        self.reconnects = 0

    def take(self) -> int:
        """The index of the next request, in rotation."""
        self.sent += 1
        index = self.next_request
        self.next_request = index + 1 if index + 1 < self.count else 0
        return index

    def answered(self, now: int, sent: int) -> None:
        """Count a correct response to the request that was sent, or due, at `sent`."""
        if sent < self.opens_ns:
            if self.opens_ns <= now <= self.closes_ns:
                self.before += 1
                self.ends_before.append(now)
            return
        if sent > self.closes_ns:
            return
        if now <= self.closes_ns:
            self.correct += 1
        else:
            self.in_flight += 1
        self.latencies.append(now - sent)
        self.starts.append(sent)

    def failed(self, kind: str, sent: int, seen: str = "") -> None:
        """Count an error, and keep the beginning of the first few answers."""
        if self.opens_ns <= sent <= self.closes_ns:
            self.errors[kind] += 1
        elif sent < self.opens_ns <= monotonic_ns():
            self.errors_early[kind] += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(f"{kind}: {seen[:_SAMPLE_CHARACTERS]}" if seen else kind)

    def late(self, due: int, now: int) -> None:
        """Note by how much an arrival was sent late."""
        if self.opens_ns <= due <= self.closes_ns:
            self.lags.append(now - due)

    def drop(self, due: int) -> None:
        """Count an arrival that could not be sent."""
        self.dropped += self.opens_ns <= due <= self.closes_ns

    def tally(self, start_ns: int, end_ns: int, paused_ns: int = 0, drain_ns: int = 0) -> Tally:
        """Return all counts and times; paused_ns: of the event loop; drain_ns: see `Tally`."""
        return Tally(
            correct=self.correct,
            errors=dict(self.errors),
            samples=self.samples,
            reconnects=self.reconnects,
            start_ns=start_ns,
            end_ns=end_ns,
            latencies=self.latencies.tobytes(),
            starts=self.starts.tobytes(),
            lags=self.lags.tobytes(),
            before=self.before,
            ends_before=self.ends_before.tobytes(),
            in_flight=self.in_flight,
            dropped=self.dropped,
            sent=self.sent,
            paused_ns=paused_ns,
            errors_early=dict(self.errors_early),
            drain_ns=drain_ns,
        )
