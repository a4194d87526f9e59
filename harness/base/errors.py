"""The errors that a user can cause or meet, each one sentence that ends in a remedy.

Every error that leaves the harness is a `BridgetollError`: the command line prints its message and
exits with its status, and shows no traceback. Anything else that escapes is a bug of ours.
"""

from pathlib import Path


class BridgetollError(Exception):
    """Base of all errors meant for a reader; the message says what, where, and what to do."""

    exit_status = 1


class UsageError(BridgetollError):
    """The user asked for something that cannot be done as asked."""

    exit_status = 2


class UnknownName(UsageError):
    """A name that stands nowhere: a study, a variant, an endpoint, a server, a run."""

    def __init__(self, kind: str, name: str, known: list[str], where: str | None = None) -> None:
        at = f" in {where}" if where else ""
        choices = ", ".join(sorted(known)) or "none"
        super().__init__(f"There is no {kind} `{name}`{at}; choose one of: {choices}.")


class MalformedFile(UsageError):
    """A TOML, YAML or JSON file that cannot be read as what it should be."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class EnvironmentFailed(BridgetollError):
    """An implementation's Python environment could not be made."""


class DatabaseFailed(BridgetollError):
    """PostgreSQL could not be started, reached or used."""


class ServerFailed(BridgetollError):
    """A server died, never got ready, or could not listen."""


class GeneratorFailed(BridgetollError):
    """The load generator's process died or broke its protocol."""


class LocustFailed(BridgetollError):
    """Locust could not be started, or died before it had told what it saw."""


class DrawingFailed(BridgetollError):
    """A chart could not be drawn."""


class StoreFailed(BridgetollError):
    """The results folder cannot be written or read."""


class RelayFailed(BridgetollError):
    """The process that adds latency died or was of no use."""


class RunFailed(BridgetollError):
    """A run ended, but not every variant could be measured as planned."""


class Regressed(BridgetollError):
    """A variant became slower than was allowed, or nothing could be compared to rule that out."""


class Stopped(BridgetollError):
    """Ctrl-C, or a request to end."""

    exit_status = 130
    """128 + SIGINT, as shells report it."""

    def __init__(self, run: str | None) -> None:
        super().__init__(
            "Stopped before anything was measured; nothing is left running."
            if run is None
            else "Stopped; nothing is left running, and every finished trial is kept. Continue "
            f"with `bridgetoll run --resume {run}`."
        )
