"""A receipt: what requests of an application take, what causes it, and what that costs here.

It is made for an application that is not ours: see `bridgetoll receipt`. Times and prices are in
microseconds of the server's CPU, where nothing else is said.
"""

from enum import StrEnum

import msgspec

from harness.analysis.stats.interval import Interval
from harness.records.observation import Amount, LeftBehind, SentRequest, Served

PRICED = (Amount.HOPS, Amount.THREADS, Amount.LOOPS, Amount.CONNECTIONS, Amount.WRAPPERS)
"""Tolls: they have a cause each, and a price."""


class CauseKind(StrEnum):
    """Who causes a toll."""

    LIFE_CYCLE = "life cycle"
    """Django's own handling of a request: the built-in receivers of its signals, and closing."""
    MIDDLEWARE = "middleware"
    SIGNAL = "signal receiver"
    """The project's own, or one of a package."""
    AUTHENTICATION = "authentication"
    QUERY = "query"
    """A call of the ORM or a driver."""
    TEMPLATE = "template"
    ENDPOINT = "sync endpoint"
    """A view or endpoint that is written `def` and served from an event loop."""
    ASYNC_ENDPOINT = "async endpoint"
    """The other way round: one that is written `async def` and served without an event loop."""
    CALL = "call"
    """`sync_to_async`, `to_thread` or an executor, called in the project's own code."""
    DEPENDENCY = "dependency"
    """FastAPI's, written `def`."""
    SERVER = "server"
    """The HTTP server's own threads."""
    UNKNOWN = "unknown"


class Cause(msgspec.Struct, frozen=True):
    """Who caused a toll, as far as the stack shows.

    name: what a developer looks for: the dotted name of a middleware, receiver or function; of a
        query the call, such as `Post.objects.acount`.
    file, line: in the project's own code, relative to its folder; None where no frame is its own.
    project: whether it is the project's choice, its middleware included; False for what the
        framework does for every request.
    """

    kind: CauseKind
    name: str
    file: str | None = None
    line: int | None = None
    project: bool = True


class Spread(msgspec.Struct, frozen=True):
    """A quantity over the requests that were counted.

    values: how many requests had which value, by value as text; at most eight, the rest under
        "others".
    """

    mean: float
    lowest: float
    highest: float
    values: dict[str, int]

    @property
    def steady(self) -> bool:
        """Whether every request had the same."""
        return self.lowest == self.highest


class Item(msgspec.Struct, frozen=True):
    """A line of the receipt: so many of one toll, for one cause.

    per_request: how many. price: of one; None without a price, which `Receipt.notes` explain.
    total: of those of one request.
    """

    amount: Amount
    cause: Cause
    per_request: Spread
    price: Interval | None = None
    total: Interval | None = None


class Span(msgspec.Struct, frozen=True):
    """A stretch of one request's time line.

    what: `HOPS`, from when it was asked for until it has ended; `POOL_WAIT_US`, `CONNECTIONS`,
        `STATEMENTS`, `HANDOVERS`.
    begin_us, end_us: since the request's first byte was sent. thread: 0 is the event loop's, or the
    one that serves the request; others are numbered as they appear.
    cause: None where it has none of its own.
    """

    what: Amount
    begin_us: float
    end_us: float
    thread: int
    cause: Cause | None = None


class TimeLine(msgspec.Struct, frozen=True):
    """One request that took what most take; with instruments, so its times show order, not cost."""

    took_us: float
    spans: tuple[Span, ...]


class Against(msgspec.Struct, frozen=True):
    """The same request to the other application, measured in slices between those of this one.

    cpu: there. ratio: of CPU per request, the other's by this one's. verdict: `same`, `differs` or
    `undecided`, as `analysis.stats.verdicts` has them. sent: how many requests it got.
    """

    cpu: Interval | None
    ratio: Interval | None
    verdict: str
    sent: int = 0


class UrlReceipt(msgspec.Struct, frozen=True):
    """What one URL takes.

    status: of its answer. requests: so many were counted, one after the other.
    sent: how many it got altogether: to see whether it answers, to count and to measure.
    counted: by quantity; one that cannot be seen is not there, and `Receipt.notes` say why.
    connecting: statements among them that a framework sends on a new connection by itself.
    items: tolls by cause, dearest first.
    cpu: measured under load without instruments. tolls: the sum of the items' totals.
    rate_per_s: correct answers per second of load, likewise. failed: requests under load without
        the expected answer.
    against: None where nothing is compared.
    """

    request: SentRequest
    status: int
    requests: int
    counted: dict[Amount, Spread]
    items: tuple[Item, ...]
    time_line: TimeLine | None = None
    cpu: Interval | None = None
    tolls: Interval | None = None
    rate_per_s: Interval | None = None
    failed: int = 0
    against: Against | None = None
    sent: int = 0
    connecting: Spread | None = None


class PriceTag(msgspec.Struct, frozen=True):
    """The price of one toll, microseconds of CPU. how: by which comparison it was measured."""

    name: str
    amount: Amount
    value: Interval
    how: str


class Prices(msgspec.Struct, frozen=True):
    """source: `measured here`, or the id of the run that they are taken from.

    connections: of the load under which they hold.
    """

    source: str
    connections: int
    tags: tuple[PriceTag, ...]


class Recommendation(msgspec.Struct, frozen=True):
    """What to change, where the data support it.

    rule: its name, which is also the anchor of its section in docs/receipt.md.
    says: one sentence. urls: those that it concerns, as `SentRequest.name`.
    saving: at most so much per request; None where it saves something else than CPU.
    """

    rule: str
    says: str
    urls: tuple[str, ...]
    saving: Interval | None
    page: str


class Receipt(msgspec.Struct, frozen=True):
    """All of it, as `--json` prints it.

    machine: as a run has it. took_s: to make it.
    notes: what could not be seen or measured, each as one sentence.
    """

    version: str
    made_at: str
    machine: dict[str, str | int]
    served: Served
    other: Served | None
    urls: tuple[UrlReceipt, ...]
    left_behind: LeftBehind | None
    prices: Prices | None
    recommendations: tuple[Recommendation, ...]
    notes: tuple[str, ...]
    took_s: float
