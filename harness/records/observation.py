"""What was seen of an application's requests, one after the other, with instruments inside.

These are raw facts; `analysis.receipt` names their causes. Times are in nanoseconds of the
monotonic clock, which all processes of a machine share.
"""

from enum import StrEnum

import msgspec


class Amount(StrEnum):
    """What is counted per request. A name is also its key in JSON."""

    HOPS = "hops"
    """Work that an event loop hands to a thread; see `audit/instrument`."""
    RETURNS = "returns"
    """Work that a thread hands to an event loop, and waits for: `async_to_sync`."""
    HANDOVERS = "handovers"
    """Work that a thread without a loop hands to another: a threaded server's own."""
    THREADS = "threads"
    """Threads started."""
    LOOPS = "loops"
    """Event loops made."""
    CONNECTIONS = "connections"
    """Connections to a database opened."""
    WRAPPERS = "wrappers"
    """Database wrappers that Django has made: one for each thread that asks a database."""
    STATEMENTS = "statements"
    TRANSACTIONS = "transactions"
    ROUND_TRIPS = "round_trips"
    """Times that the application waits for a database's answer; None where that cannot be seen."""
    POOL_WAIT_US = "pool_wait_us"
    """Time for which it waits until a pool gives it a connection; wall-clock microseconds."""
    SWITCHES = "switches"
    """Context switches of all threads of the server, voluntary and not."""
    BYTES_IN = "bytes_in"
    BYTES_OUT = "bytes_out"
    """Of HTTP, heads included."""
    DATABASE_BYTES_OUT = "database_bytes_out"
    DATABASE_BYTES_IN = "database_bytes_in"
    CPU_US = "cpu_us"
    """CPU time of the server, microseconds; only of one that runs without instruments."""


class Frame(msgspec.Struct, frozen=True):
    """A frame of a stack.

    module: its dotted name. function: qualified, without the module. file: as Python knows it.
    owner: the class of its `self`, dotted; None without one. model: the model of Django that its
    `self` belongs to, dotted.
    target: of a frame that hands a callable on, such as asgiref's, the callable's dotted name; one
    that Django has wrapped as a middleware, or as the view behind them, stands in the brackets of
    `convert_exception_to_response()`. Of a signal: its sync receivers, between commas.
    target_file, target_line: where that callable is defined; line 0 if unknown.
    """

    module: str
    function: str
    file: str
    line: int
    owner: str | None = None
    model: str | None = None
    target: str | None = None
    target_file: str | None = None
    target_line: int = 0


class Happening(msgspec.Struct, frozen=True):
    """Something that a request did.

    what: the quantity that it adds one to; `POOL_WAIT_US` for a wait.
    begin_ns, end_ns: None where it has not ended, or has no length.
    thread: native id of the thread that did it. by: of the thread that asked for it.
    frames: of the asker's stack, innermost first, at most 60. It goes on across threads and
        tasks: with the stack that handed the work to the thread, or made the task.
    """

    what: Amount
    begin_ns: int
    end_ns: int | None
    thread: int | None
    by: int
    frames: tuple[Frame, ...]


class ObservedRequest(msgspec.Struct, frozen=True):
    """One request, and all that happened until the server was at rest again.

    sent_ns, answered_ns: first byte out, last byte in.
    counts: by quantity; one that cannot be seen is not there.
    """

    status: int
    sent_ns: int
    answered_ns: int
    counts: dict[Amount, float]
    happenings: tuple[Happening, ...]


class SentRequest(msgspec.Struct, frozen=True):
    """A request as it may be shown: values of headers, of the form and of secret-looking parameters
    are left out.

    headers, form: names only.
    """

    method: str
    target: str
    headers: tuple[str, ...] = ()
    form: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For a reader."""
        return f"{self.method} {self.target}"


class ObservedUrl(msgspec.Struct, frozen=True):
    """All requests to one URL; those that warmed it up are not among them.

    sent: how many requests it got, with those for warming up and for what is left behind.
    """

    request: SentRequest
    observed: tuple[ObservedRequest, ...]
    sent: int = 0


class LeftBehind(msgspec.Struct, frozen=True):
    """What a server holds more than before, after `requests` more; None where it is unknown.

    connections: from the fewest to the most that were open when no request was under way.
    memory_bytes: of all its processes together (PSS where Linux tells it, else RSS).
    """

    requests: int
    connections: int | None
    threads: int | None
    tasks: int | None
    memory_bytes: int | None


class Served(msgspec.Struct, frozen=True):
    """The application as it was served.

    app: what was imported; None where a running one was reached under `url`, without its secrets.
    protocol: `asgi`, `wsgi`; None if unknown. server: of `shared/servers.toml`.
    python: version of its interpreter. packages: versions of those that explain a receipt.
    overlaid: packages that were added by bridgetoll, from an environment of its own.
    settings: variables that were set for it, as `NAME=value`; of most the value is left out.
    folder: the name of the project's folder.
    """

    app: str | None
    url: str | None = None
    protocol: str | None = None
    server: str | None = None
    python: str | None = None
    packages: dict[str, str] = {}
    overlaid: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    folder: str | None = None


class ListedMiddleware(msgspec.Struct, frozen=True):
    """An entry of Django's MIDDLEWARE.

    name: dotted, as settings have it. sync, awaitable: whether it can be called so, in a thread or
        on an event loop; see `sync_capable` and `async_capable` in Django's documentation.
    file, line: where it is defined; None and 0 if unknown.
    """

    name: str
    sync: bool = True
    awaitable: bool = False
    file: str | None = None
    line: int = 0


class Observation(msgspec.Struct, frozen=True):
    """All that was seen of one application.

    root: the project's folder; frames of files below it, outside of its environment, are its own.
    libraries: folders of its environment and interpreter, whose files are not its own.
    notes: what could not be seen, each as one sentence.
    middleware: of Django's settings, outermost first; empty where it is unknown.
    """

    served: Served
    root: str
    libraries: tuple[str, ...]
    urls: tuple[ObservedUrl, ...]
    left_behind: LeftBehind | None
    notes: tuple[str, ...]
    middleware: tuple[ListedMiddleware, ...] = ()


class LoadedBlock(msgspec.Struct, frozen=True):
    """What one URL of one application did in the slices of one block.

    cpu_ns: of the server, all processes, until it was at rest. correct: answers as expected.
    failed: all others. load_ns: length of its slices.
    errors: what was wrong with those that failed, by kind, such as `status 500`.
    connections: of its closed loop; fewer than usual where one request takes long.
    uncounted: further requests, which saw whether it answers and warmed it up.
    """

    block: int
    cpu_ns: int
    correct: int
    failed: int
    load_ns: int
    errors: dict[str, int] = {}
    connections: int = 1
    uncounted: int = 0

    @property
    def sent(self) -> int:
        """How many requests it got."""
        return self.correct + self.failed + self.uncounted


class LadderStep(msgspec.Struct, frozen=True):
    """A step of the price ladder: a request that takes a known number of each toll.

    terms: by the name of a price, how many of it one request takes.
    """

    terms: dict[str, float]
    blocks: tuple[LoadedBlock, ...]


class Loaded(msgspec.Struct, frozen=True):
    """What was measured under load, without instruments.

    connections: of the closed loop, at most.
    urls: by `SentRequest.name`, of the application; other: of the one it is compared with; ladder:
        of the price ladder's steps, by their names, on the same interpreter and server.
    notes: what disturbed it or could not be measured, each as one sentence.
    """

    connections: int
    urls: dict[str, tuple[LoadedBlock, ...]]
    other: dict[str, tuple[LoadedBlock, ...]] = {}
    ladder: dict[str, LadderStep] = {}
    notes: tuple[str, ...] = ()
