"""The errors that a user can cause or meet. Each says what is wrong, where, and the remedy.

Every error that leaves the harness is a `BridgetollError`: the command line prints its message and
exits with its status, and shows no traceback. Any other exception that escapes is a bug.
"""

import errno
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path


class BridgetollError(Exception):
    """Base of all errors meant for a reader: what is wrong, where, and what to do."""

    exit_status = 1


class UsageError(BridgetollError):
    """The command or its input cannot be carried out as given."""

    exit_status = 2


_COMMAND_LISTS = {
    "variant": "list variants", "study": "list studies", "run": "list runs",
    "check": "verify --list-checks",
}  # fmt: skip
_MANY = 12
"""Names that one sentence can hold."""
_WHOLE, _WHOLE_PATH = 100, 4096
"""Characters of a name, and of a path, that are shown; no path that Linux knows is longer."""
_TELLING = 3
"""Characters that suffice to tell a longer name."""
_FEW = 3
"""Of so few names, the reader sees which is nearest."""


_WITHOUT_ANY = {
    "run": "no run is kept yet: make one with `bridgetoll run`.",
    "group": "the study has none: add it under `[groups]`.",
}


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
        if not known:
            remedy = _WITHOUT_ANY.get(kind, f"there is no {kind} at all.")
        elif listed and len(known) > _MANY and kind in _COMMAND_LISTS:
            first = f"the nearest is `{near}`, and " if near else ""
            remedy = f"{first}`bridgetoll {_COMMAND_LISTS[kind]}` shows all {len(known)}."
        else:
            first = f"the nearest is `{near}`. Choose" if near else "choose"
            remedy = f"{first} one of: {', '.join(sorted(known))}."
        super().__init__(f"There is no {kind} `{plain(name, _WHOLE)}`{at}; {remedy}")


def plain(text: object, longest: int = 40) -> str:
    """`text` on one line, without what does not print, and cut where it is longer than that."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is most like `name`, if one is; else the last that begins with it.

    So `quick` is near to the newest of the runs `quick-20261128-200751` and the like.
    """
    if close := get_close_matches(name, known, n=1):
        return close[0]
    longer = [other for other in known if len(name) >= _TELLING and other.startswith(name)]
    return max(longer, default=None)


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


class NotReady(ServerFailed):
    """A server ended, or did not answer in time, before it was ready.

    Args:
        name: of its variant.
        what: a sentence: what became of the server.
        words: the end of its standard error.
    """

    def __init__(self, name: str, what: str, words: str) -> None:
        said = f" It said:\n{words}" if words else " It said nothing."
        super().__init__(f"{what[:-1]}; try it with `bridgetoll serve {name}`.{said}")
        self.what = what


class GeneratorFailed(BridgetollError):
    """The load generator's process died or broke its protocol."""


class LocustFailed(BridgetollError):
    """Locust could not be started, or died before it reported."""


class LocustWorkerLost(LocustFailed):
    """A worker of Locust died, or gave no sign of life, in the middle of a ramp.

    Args:
        what: which one, and how, as a clause.
        said: the end of the message: its last words.
    """

    def __init__(self, what: str, said: str = "") -> None:
        super().__init__(f"{what}; its requests are lost, so the ramp has no figure.{said}")
        self.what = what


class DrawingFailed(BridgetollError):
    """A chart could not be drawn."""


class StoreFailed(BridgetollError):
    """The results folder cannot be written or read."""


class RelayFailed(BridgetollError):
    """The process that adds latency died or did not work."""


class RunFailed(BridgetollError):
    """A run ended, but not every variant could be measured as planned.

    Args:
        text: what failed, what is kept, and what continues it.
        exit_status: of the failure.
    """

    def __init__(self, text: str, exit_status: int = 1) -> None:
        super().__init__(text)
        self.exit_status = exit_status


class PlaceLost(RunFailed):
    """A machine of the cluster has gone."""


class RunEnds(PlaceLost):
    """Nothing more is asked of a machine, because the run ends."""


class Regressed(BridgetollError):
    """A variant became slower than allowed."""


class Undecided(BridgetollError):
    """Two runs cannot tell whether a variant became slower than allowed."""

    exit_status = 3


class Untestable(BridgetollError):
    """B of an A/B cannot be built, or does other work than A; `git bisect` then skips it."""

    exit_status = 125


class Stopped(BridgetollError):
    """Ctrl-C, or another signal that asks to end.

    Args:
        text: what is kept, and what continues.
        number: of the signal.
    """

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text)
        self.number = number
        self.exit_status = 128 + number  # as shells report it


class SystemRefused(BridgetollError):
    """The operating system refused something, such as to open one more file."""

    def __init__(self, error: OSError) -> None:
        at = "" if error.filename is None else f" ({error.filename})"
        super().__init__(
            f"The system refused: {error.strerror or error}{at}; {remedy_of(error)}, then try "
            "again."
        )


_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})
"""What this process ran out of; a server that it speaks to has nothing to do with it."""


def check_scarce(error: Exception) -> None:
    """Tell what this process lacks from a failure of the server that it speaks to.

    Raises:
        SystemRefused: the former, such as one more file for a connection.
    """
    if isinstance(error, OSError) and error.errno in _SCARCE:
        raise SystemRefused(error) from error


_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "make the file system writable",
    errno.EACCES: "give this user the permission",
    errno.EPERM: "give this user the permission",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the machine's limit of open files (`fs.file-max`)",
    errno.ENOMEM: "free some memory",
    errno.EAGAIN: "raise the limit of processes (`ulimit -u`)",
    errno.EEXIST: "remove what is in its place",
    errno.ENOTDIR: "remove the file that is in the place of a folder",
    errno.EISDIR: "remove the folder that is in its place",
    errno.ENOENT: "restore the folder",
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def remedy_of(error: OSError) -> str:
    """What mends an error of the operating system, as the middle of a sentence."""
    return _REMEDIES.get(error.errno or 0, "check the disk and the permissions")
