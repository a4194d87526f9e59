"""The errors that a user can cause or meet. Each says what is wrong, where, and the remedy.

Every error that leaves the harness is a `BridgetollError`: the command line prints its message and
exits with its status, and shows no traceback. Any other exception that escapes is a bug.
"""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path


class BridgetollError(Exception):
    """Base of all errors meant for a reader: what is wrong, where, and what to do."""

    exit_status = 1


class UsageError(BridgetollError):
    """The command or its input cannot be carried out as given."""

    exit_status = 2


_COMMAND_LISTS = {"variant": "variants", "study": "studies", "run": "runs"}
_MANY = 12
"""Names that one sentence can hold."""
_WHOLE, _WHOLE_PATH = 100, 4096
"""Characters of a name, and of a path, that are shown; no path that Linux knows is longer."""
_FEW = 3
"""Of so few names, the reader sees which is nearest."""


class UnknownName(UsageError):
    """A name that does not exist: of a study, a variant, an endpoint, a server, a run.

    The message has the nearest name first, then all names. Where they are many, the command that
    lists them stands in their place.

    Args:
        kind: of what has no such name.
        name: the unknown one.
        known: the names that exist.
        where: the file that has the unknown name, and its key.
        listed: whether `known` are those that `bridgetoll list` shows.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: list[str],
        where: str | None = None,
        *,
        listed: bool = True,
    ) -> None:
        at = f" in {where}" if where else ""
        near = nearest(name, known) if len(known) > _FEW else None
        if listed and len(known) > _MANY and kind in _COMMAND_LISTS:
            first = f"the nearest is `{near}`, and " if near else ""
            remedy = f"{first}`bridgetoll list {_COMMAND_LISTS[kind]}` shows all {len(known)}."
        else:
            first = f"the nearest is `{near}`. Choose" if near else "choose"
            remedy = f"{first} one of: {', '.join(sorted(known)) or 'none'}."
        super().__init__(f"There is no {kind} `{plain(name, _WHOLE)}`{at}; {remedy}")


def plain(text: object, longest: int = 40) -> str:
    """`text` on one line, without what does not print, and cut where it is longer than that."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is most like `name`, if one is."""
    return next(iter(get_close_matches(name, known, n=1)), None)


class MalformedFile(UsageError):
    """A TOML, YAML or JSON file with wrong syntax or content."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{plain(path, _WHOLE_PATH)}: {problem}")
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
    """Locust could not be started, or died before it reported."""


class DrawingFailed(BridgetollError):
    """A chart could not be drawn."""


class StoreFailed(BridgetollError):
    """The results folder cannot be written or read."""


class RelayFailed(BridgetollError):
    """The process that adds latency died or did not work."""


class RunFailed(BridgetollError):
    """A run ended, but not every variant could be measured as planned."""


class Regressed(BridgetollError):
    """A variant became slower than allowed, or the runs cannot rule that out."""


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
