"""What a study sets of servers, PostgreSQL, load and network."""

from typing import Annotated, Literal

import msgspec

from harness.inputs.factors import PER_REQUEST, PER_THREAD

Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
"""Of blocks, rounds, threads, connections of a pool: more than any machine or patience has."""
Workers = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
"""Processes of one server."""
Positive = Annotated[float, msgspec.Meta(ge=0.001, le=86_400)]
"""Seconds or milliseconds: from a thousandth, which is shorter than any of them can be kept, to a
day; TOML can say `inf`."""
OPENS_PER_S = 5_000.0
"""Connections that are opened per second: fewer than a server that does nothing else accepts, so
its backlog stays short, and ten thousand are open after two seconds."""
Connections = Annotated[int, msgspec.Meta(ge=10, le=10_000)]
MOST_COUNTED = 512
"""Connections of one variant that the audit counts exactly; of more it asks for no more."""
Line = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=300, pattern=r"^(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)",
        description="one line of 1 to 300 characters",
    ),
]  # fmt: skip
"""What a table, a heading or a chart shows."""


class ApplicationSettings(msgspec.Struct, frozen=True):
    """What an implementation is told, by environment variable; the contract names them."""

    database_url: str
    pool_size: int
    pool_timeout_s: float
    cpu_iterations: int
    wait_ms: int
    extra_hops: int = 0

    def environment(self) -> dict[str, str]:
        """The variables of the contract, as strings."""
        return {
            "DATABASE_URL": self.database_url,
            "POOL_SIZE": str(self.pool_size),
            "POOL_TIMEOUT": f"{self.pool_timeout_s:g}",
            "CPU_ITERATIONS": str(self.cpu_iterations),
            "WAIT_MS": str(self.wait_ms),
            "EXTRA_HOPS": str(self.extra_hops),
        }


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every server of the study is given; docs/adding.md says what else is held constant.

    workers: processes of a server.
    threads: of each worker, where the server's command line takes a number of them.
    pool_size: connections of each worker to PostgreSQL; the contract's POOL_SIZE.
    pool_timeout_s: seconds that a request waits for a connection; the contract's POOL_TIMEOUT.
    cpu_iterations: of the loop of `/cpu`; the contract's CPU_ITERATIONS.
    wait_ms: milliseconds that `/io_wait` waits; the contract's WAIT_MS.
    """

    workers: Workers = 1
    threads: Count = 16
    pool_size: Count = 16
    pool_timeout_s: Positive = 30.0
    cpu_iterations: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 10_000_000
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 100

    def connections(self, pool: str) -> int | None:
        """The most connections that a variant may hold; None for one that connects per request.

        Args:
            pool: its factor of that name.
        """
        if pool == PER_REQUEST:
            return None
        return self.workers * (self.threads if pool == PER_THREAD else self.pool_size)

    def application(self, database_url: str) -> ApplicationSettings:
        """What an implementation is given under these settings."""
        return ApplicationSettings(
            database_url=database_url,
            pool_size=self.pool_size,
            pool_timeout_s=self.pool_timeout_s,
            cpu_iterations=self.cpu_iterations,
            wait_ms=self.wait_ms,
        )


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The study's PostgreSQL.

    max_connections: of the server, the harness's own included.
    durability: `"off"` sets fsync, synchronous_commit and full_page_writes off, so that the disk
        of the machine is not what `io_create` measures.
    """

    max_connections: Connections = 400
    durability: Literal["on", "off"] = "off"


_LEAST_USERS_PER_S, _MOST_USERS_PER_S = 0.01, 10_000
_SHORTEST_HOLD_S = 0.001


class Ramp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Locust test: users come until all are there, and stay for a while.

    per_s: users that come each second. hold_s: seconds for which all of them stay.
    client: Locust's FastHttpUser, or its slower HttpUser, on `requests`.
    """

    per_s: Annotated[float, msgspec.Meta(ge=_LEAST_USERS_PER_S, le=_MOST_USERS_PER_S)] = 5.0
    hold_s: Positive = 80.0
    client: Literal["fast", "http"] = "fast"

    def length_s(self, users: int) -> float:
        """Seconds from the first user to the end."""
        return users / self.per_s + self.hold_s

    def scaled(self, share: float) -> "Ramp":
        """As many users in a share of the time."""
        per_s = min(_MOST_USERS_PER_S, self.per_s / share)
        hold_s = max(_SHORTEST_HOLD_S, self.hold_s * share)
        return msgspec.structs.replace(self, per_s=per_s, hold_s=hold_s)


class LoadSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the variants are loaded.

    engine: our own generator, or Locust; with Locust every variant under every condition is a cell
        of its own: a fresh server, the ramp, and nothing that this engine cannot do.
    ramp: of Locust's users, as many as a condition has connections.
    processes: of Locust that send, where one core does not suffice; with more than one, a master
        adds their users.
    slice_s: seconds during which a slice sends; it then ends with its last response.
    rounds: slices per variant in one trial.
    rounds_of: slices by endpoint, for those that need more or fewer: collections of garbage make
        inserts uneven, and a loop costs the same each time.
    warmup_s: seconds of the same load, per variant, before the first round.
    timeout_s: a request without a complete answer after this long is an error; so is a single one,
        for which a busy machine needs a tenth of a second.
    generators: processes of the generator, where one core does not suffice.
    probe: whether a speed probe watches the application's core.
    samples_per_s: how often PostgreSQL is asked what it waits for; 0 for never.
    keep_requests: whether each request's start and latency are kept beside the trials.
    """

    engine: Literal["native", "locust"] = "native"
    slice_s: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.1
    rounds: Count = 20
    rounds_of: dict[str, Count] = {}
    warmup_s: Positive = 0.3
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)] = 30.0
    generators: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    probe: bool = True
    samples_per_s: Annotated[float, msgspec.Meta(ge=0, le=100)] = 10.0
    keep_requests: bool = False
    ramp: Ramp = Ramp()
    processes: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1

    @property
    def senders(self) -> int:
        """Processes that send, whichever the engine."""
        return self.processes if self.engine == "locust" else self.generators


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes legs long, where a condition wants them so.

    injector: `"relay"` is a process in user space, and works everywhere; `"netem"` is the kernel,
        on a loopback of our own.
    """

    injector: Literal["relay", "netem"] = "relay"


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variant with something of its own, so that one study can compare it.

    variant: of the catalog, that it is made of.
    title: what a reader is told; without it a title is made of all else.
    threads, pool_size, workers, max_connections: as in `[server]` and `[database]`, whose values
        stand otherwise.
    server: a key of `shared/servers.toml`, in place of the variant's.
    knobs: values of the server's knobs, in place of their defaults.
    env: environment variables, beside those of the variant or in their place.
    packages: requirements, e.g. `asgiref==3.11.1`, in place of what the lock file has.
    python: a version of the interpreter, e.g. `3.12`.
    """

    variant: str
    title: Line | None = None
    threads: Count | None = None
    pool_size: Count | None = None
    workers: Count | None = None
    max_connections: Connections | None = None
    server: str | None = None
    env: dict[str, Line] = {}
    packages: tuple[Line, ...] = ()
    python: Line | None = None
    knobs: dict[str, Line] = {}

    @property
    def settings(self) -> dict[str, int]:
        """The numbers that it sets, by name."""
        names = ("threads", "pool_size", "workers", "max_connections")
        return {n: value for n in names if (value := getattr(self, n)) is not None}

    @property
    def own(self) -> dict[str, object]:
        """All that it sets, by name."""
        given = msgspec.structs.asdict(self)
        return {n: v for n, v in given.items() if v and n not in ("variant", "title")}

    def server_settings(self, usual: ServerSettings) -> ServerSettings:
        """The study's, changed."""
        own = {n: v for n, v in self.settings.items() if n != "max_connections"}
        return msgspec.structs.replace(usual, **own)

    def database_settings(self, usual: DatabaseSettings) -> DatabaseSettings:
        """The study's, changed."""
        if self.max_connections is None:
            return usual
        return msgspec.structs.replace(usual, max_connections=self.max_connections)
