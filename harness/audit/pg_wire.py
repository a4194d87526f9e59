"""Counts the messages of PostgreSQL's frontend/backend protocol as a relay passes them on.

Message formats: PostgreSQL documentation, "Frontend/Backend Protocol", version 3.
"""

from collections import Counter, deque
from typing import Literal

Direction = Literal["out", "in"]
"""From the application to the database, and back."""

_HEADER = 5
"""A type byte and a length of four bytes, which counts itself but not the type."""
_UNTYPED_HEADER = 8
"""During start-up, a client's messages have a length and a code, and no type."""
_PROTOCOL_3 = 3
_ENCRYPTION_REQUESTS = frozenset({80877103, 80877104})
"""SSLRequest and GSSENCRequest: answered by one byte."""
_CANCEL = 80877102
_STATEMENTS = frozenset({b"Q", b"E", b"F"})
"""Query, Execute, FunctionCall."""
_BATCH_ENDS = frozenset({b"Q", b"S", b"F"})
"""Query, Sync, FunctionCall."""
_READY, _IDLE = b"Z", b"I"
"""ReadyForQuery, and its status outside of a transaction."""


class Wire:
    """One connection, fed with its bytes; it adds to `counts`.

    counts: round_trips (the client sent, and the database answered), statements (executed, by
    either protocol), transactions (ended, implicit ones included), out and in (bytes).
    encrypted: whether the two agreed on encryption; later messages are then not counted.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self.encrypted = False
        self._counts = counts
        self._asked = False
        self._batches: deque[bool] = deque()
        self._batch_works = False
        self._in_transaction = False
        self._started = False
        self._single_byte = False
        self._pending: dict[Direction, bytearray] = {"out": bytearray(), "in": bytearray()}

    def feed(self, direction: Direction, data: bytes) -> None:
        """Take the bytes of one direction, in order and in pieces of any size."""
        self._counts[direction] += len(data)
        if direction == "out":
            self._asked = True
        elif self._asked:
            self._asked = False
            self._counts["round_trips"] += 1
        if self.encrypted:
            return
        pending = self._pending[direction]
        pending += data
        if direction == "out":
            self._read_client(pending)
        else:
            self._read_server(pending)

    def _read_client(self, pending: bytearray) -> None:
        while not self._started and len(pending) >= _UNTYPED_HEADER:
            length, code = int.from_bytes(pending[:4]), int.from_bytes(pending[4:8])
            if len(pending) < length:
                return
            del pending[:length]
            self._single_byte = code in _ENCRYPTION_REQUESTS
            self._started = code >> 16 == _PROTOCOL_3
            if code == _CANCEL:
                return
        while self._started and (message := _take(pending)) is not None:
            if message[:1] in _STATEMENTS:
                self._counts["statements"] += 1
                self._batch_works = True
            if message[:1] in _BATCH_ENDS:  # each will have a ReadyForQuery of its own
                self._batches.append(self._batch_works)
                self._batch_works = False

    def _read_server(self, pending: bytearray) -> None:
        if self._single_byte and pending:
            self._single_byte = False
            self.encrypted = pending[:1] != b"N"
            del pending[:1]
        while not self.encrypted and (message := _take(pending)) is not None:
            if message[:1] == _READY:
                self._ready(message[5:6])

    def _ready(self, status: bytes) -> None:
        """Count a transaction that ended: the database waits for the next batch."""
        worked = (self._batches.popleft() if self._batches else False) or self._in_transaction
        self._in_transaction = worked and status != _IDLE
        if worked and status == _IDLE:
            self._counts["transactions"] += 1


def _take(pending: bytearray) -> bytes | None:
    """Remove the first message, if it is complete, and return its beginning."""
    if len(pending) < _HEADER:
        return None
    length = 1 + int.from_bytes(pending[1:5])
    if len(pending) < length:
        return None
    message = bytes(pending[: _HEADER + 1])
    del pending[:length]
    return message
