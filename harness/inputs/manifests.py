"""The nouns of the harness as frozen records.

Words are used as in the README's vocabulary: an *implementation* is a folder for one framework, a
*variant* something that can be run, a *condition* everything outside the variant, a *slice* one
variant's turn in a round, a *trial* what one block yields for one variant under one condition.
Durations end in `_s` (seconds) or `_ns` (nanoseconds). What is not known is `None`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

ENDPOINTS = ("health", "noop", "cpu", "io_create", "io_read", "io_fanout", "io_wait")
"""The operations of the contract, in the order in which reports show them."""


QUANTITIES = (
    "hops", "threads", "loops", "connects", "statements", "transactions", "round_trips",
)  # fmt: skip
"""What the audit counts per request and a manifest's `expect` can name; see `Expect`."""
EVERY = "every"
"""In an `expect` table: the value of the endpoints that are not named."""


class Tag(StrEnum):
    """`controlled`: the same knobs everywhere. `deployed`: as an expert would run it."""

    CONTROLLED = "controlled"
    DEPLOYED = "deployed"


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `shared/servers.toml`."""

    title: str
    protocol: str
    keep_alive: bool
    argv: tuple[str, ...]


Count = Annotated[int, msgspec.Meta(ge=0)]
Counts = Count | dict[str, Count]
"""Per request: the same for every endpoint, or by endpoint, with `every` for those not named and 0
without it."""


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a variant says that one request does; the audit holds it to it.

    hops: pieces of work that the event loop hands to another thread.
    threads, loops: threads started, event loops made.
    connects: connections opened to the database.
    statements, transactions, round_trips: sent to the database; None for those of the contract.
    """

    hops: Counts = 0
    threads: Counts = 0
    loops: Counts = 0
    connects: Counts = 0
    statements: Counts | None = None
    transactions: Counts | None = None
    round_trips: Counts | None = None

    def of(self, quantity: str, endpoint: str) -> int | None:
        """The value for one endpoint; None where the contract is to be asked."""
        counts: Counts | None = getattr(self, quantity)
        if isinstance(counts, dict):
            return counts.get(endpoint, counts.get(EVERY, 0))
        return counts


class Variant(msgspec.Struct, frozen=True):
    """Something that can be run: a folder under `implementations/` and one of its variants."""

    name: str
    title: str
    framework: str
    implementation: str
    folder: Path
    server: str
    app: str
    factors: dict[str, str]
    env: dict[str, str]
    tags: tuple[Tag, ...]
    expect: Expect = Expect()


class Implementation(msgspec.Struct, frozen=True):
    """One framework: a folder with its manifest, its lock file and its variants.

    dependencies: as the manifest asks for them; the lock file says which versions these are.
    """

    name: str
    title: str
    folder: Path
    requires_python: str
    variants: tuple[Variant, ...]
    dependencies: tuple[str, ...] = ()

    @property
    def lock_file(self) -> Path:
        """The hashed requirements from which its environment is made."""
        return self.folder / "requirements.lock"


class Settings(msgspec.Struct, frozen=True):
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


class Cores(msgspec.Struct, frozen=True):
    """Which processors each role is pinned to; roles that share one are *co-located*."""

    application: tuple[int, ...]
    database: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def all(self) -> frozenset[int]:
        """Every processor that some role may use."""
        return frozenset({*self.application, *self.database, *self.load})

    @property
    def co_located(self) -> bool:
        """Whether two roles share a processor."""
        count = len(self.application) + len(self.database) + len(self.load)
        return len({*self.application, *self.database, *self.load}) < count
