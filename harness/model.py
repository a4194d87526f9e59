"""The nouns of the harness as frozen records.

Words are used as in the README's vocabulary: an *implementation* is a folder for one framework, a
*variant* something that can be run, a *condition* everything outside the variant, a *slice* one
variant's turn in a round, a *trial* what one block yields for one variant under one condition.
Durations end in `_s` (seconds) or `_ns` (nanoseconds). What is not known is `None`.
"""

from enum import StrEnum
from pathlib import Path

import msgspec

ENDPOINTS = ("health", "noop", "cpu", "io_create", "io_read", "io_wait")
"""The operations of the contract, in the order in which reports show them."""


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


class Implementation(msgspec.Struct, frozen=True):
    """One framework: a folder with its manifest, its lock file and its variants."""

    name: str
    title: str
    folder: Path
    requires_python: str
    variants: tuple[Variant, ...]

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
