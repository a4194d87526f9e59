"""Messages between the harness and the load generator's processes; see `base.channel`."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.inputs.settings import OPENS_PER_S


class Exchange(msgspec.Struct, frozen=True, tag=True):
    """One kind of request and its correct answer.

    requests: complete HTTP requests, sent in turn; more than one where bodies should differ.
    body: the only correct body, where it is known beforehand.
    posts: for `/io_create`, the (title, content) with which each of `requests` must come back.
    any_body: whether every complete answer is correct, as of an application that is not ours.
    status: of a correct answer.
    """

    requests: list[bytes]
    body: bytes | None = None
    posts: list[tuple[str, str]] | None = None
    any_body: bool = False
    status: int = 200


class Open(msgspec.Struct, frozen=True, tag=True):
    """Prepare `connections` connections to a server, under a name. Answered by `Opened`.

    per_s: how many of them are begun per second, evenly.
    """

    target: str
    host: str
    port: int
    connections: int
    keep_alive: bool
    per_s: float = OPENS_PER_S


class Slice(msgspec.Struct, frozen=True, tag=True):
    """Closed loop: every connection sends at once, for `seconds`, then drains. Gives a `Tally`."""

    target: str
    exchange: Exchange
    seconds: float
    timeout_s: float


class Arrivals(msgspec.Struct, frozen=True, tag=True):
    """When requests are due in an open loop, independent of the server.

    poisson: independent arrivals, exponential gaps. constant: equal gaps.
    rate_per_s: mean arrivals per second.
    seed: of the gaps, in parts below 2**32; arrivals that differ in one part are independent.
    offset_s: constant arrivals only: the first one's distance from the start, so that several
        generators interleave.
    """

    kind: Literal["poisson", "constant"]
    rate_per_s: float
    seed: tuple[int, ...]
    offset_s: float = 0.0


class Window(msgspec.Struct, frozen=True, tag=True):
    """Load without a gap from now on; only requests between the edges count. Gives a `Tally`.

    opens_ns, closes_ns: the edges, on the monotonic clock that all processes share; the load goes
        on from its start, as warm-up, through both.
    arrivals: the open loop's; None for a closed loop.
    spread_ns: closed loop: the connections send their first requests evenly over so long, because
        requests that all begin at once would come in waves for as long as the window lasts.
    """

    target: str
    exchange: Exchange
    opens_ns: int
    closes_ns: int
    timeout_s: float
    arrivals: Arrivals | None = None
    spread_ns: int = 0


class Close(msgspec.Struct, frozen=True, tag=True):
    """Close a target's connections. Answered by `Done`."""

    target: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The command was carried out."""


class Opened(msgspec.Struct, frozen=True, tag=True):
    """What became of the connections that were to be opened.

    opened: those that stand; 0 where the server closes after each answer, so that every request
        opens its own.
    slow: those of them that took as long as the kernel waits before it tries again, which it does
        where a full backlog dropped the first attempt.
    refused: nobody listened. unanswered: they had no answer in time. failed: all others.
    longest_ns, elapsed_ns: the longest that one took, and all of them together.
    """

    opened: int = 0
    slow: int = 0
    refused: int = 0
    unanswered: int = 0
    failed: int = 0
    longest_ns: int = 0
    elapsed_ns: int = 0


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The command could not be carried out."""

    reason: str


class Tally(msgspec.Struct, frozen=True, tag=True):
    """The counts and times of a slice or a window.

    correct: complete, checked responses; in a window those that were sent and answered within it.
    errors: failed requests by kind: connect, closed, timeout, protocol, body, `status <code>`; in
        a window those sent within it, whenever they failed.
    samples: the beginning of some wrong answers.
    reconnects: connections that had to be opened again although the server keeps them alive.
    start_ns, end_ns: monotonic clock. Slice: first send and last response. Window: its edges.
    latencies: nanoseconds, as the bytes of an int64 array in the machine's byte order, in order of
        completion. Closed loop: from the send. Open loop: from the time at which it was due. In a
        window: of every correct request sent (or due) within it, those answered later included, so
        that slow ones are not cut off.
    starts: likewise, when each of them was sent (or due), on the monotonic clock.
    lags: open loop: by how much the generator sent each request due within the window too late.
    before: window only: correct responses within it to requests sent before it opened.
    ends_before: the times of these responses, on the monotonic clock, as such an array's bytes.
    in_flight: window only: requests under way when it closed, and answered correctly afterwards.
    dropped: open loop only: arrivals due within the window that found every connection busy.
    sent: every request, correct or not, including a window's warm-up.
    paused_ns: the longest time for which the generator's own event loop did not run.
    errors_early: window only: requests that were under way as it opened and then failed, by kind.
    drain_ns: window only: from its closing until the last request under way had ended.
    """

    correct: int
    errors: dict[str, int]
    samples: list[str]
    reconnects: int
    start_ns: int
    end_ns: int
    latencies: bytes
    starts: bytes = b""
    lags: bytes = b""
    before: int = 0
    in_flight: int = 0
    dropped: int = 0
    sent: int = 0
    ends_before: bytes = b""
    paused_ns: int = 0
    errors_early: dict[str, int] = {}
    drain_ns: int = 0

    @property
    def latencies_ns(self) -> NDArray[np.int64]:
        """`latencies` as an array."""
        return np.frombuffer(self.latencies, dtype=np.int64)

    @property
    def starts_ns(self) -> NDArray[np.int64]:
        """`starts` as an array."""
        return np.frombuffer(self.starts, dtype=np.int64)

    @property
    def lags_ns(self) -> NDArray[np.int64]:
        """`lags` as an array."""
        return np.frombuffer(self.lags, dtype=np.int64)

    @property
    def ends_before_ns(self) -> NDArray[np.int64]:
        """`ends_before` as an array."""
        return np.frombuffer(self.ends_before, dtype=np.int64)

    @property
    def completed(self) -> int:
        """Correct responses between start and end, including those to requests sent before."""
        return self.correct + self.before


Command = Open | Slice | Window | Close
Answer = Done | Opened | Failed | Tally

COMMANDS: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
