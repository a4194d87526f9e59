"""Servers: how each is started, from `shared/servers.toml`."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from string import Formatter

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.base.decode import convert, toml_table
from harness.base.errors import BridgetollError, MalformedFile, UsageError, nearest, plain

PLACEHOLDERS = ("app", "host", "port", "python", "threads", "workers")
"""The names that a server's command line may hold in braces."""
KNOBS = "{knobs}"
"""The place in a command line of the words that its knobs stand for."""
_KNOB_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|\blocalhost\b|\[[0-9a-f:]*:[0-9a-f:]*\]|::",
    re.IGNORECASE,
)
"""An address that is spelled out."""
_EVERYWHERE = re.compile(r"(?<!\{host\}):\{port\}")
"""A port without a host: servers then listen on every address of the machine."""
_OWN_PORT = re.compile(r"\{host\}:\d+")

BOTH_PROTOCOLS = {"granian": {"asgi": "granian-asgi", "wsgi": "granian-wsgi"}}
"""Servers that speak both protocols, and their entries in `shared/servers.toml`."""
_NOT_OFFERED = ("gunicorn-sync-2022",)
"""It needs a file in the application's folder."""


class Protocol(StrEnum):
    """What a server speaks with an application: PEP 3333, the ASGI specification, or the interface
    of one framework, whose applications no other server runs."""

    WSGI = "wsgi"
    ASGI = "asgi"
    OWN = "own"


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one value of a knob stands for.

    argv: words of the command line. env: environment variables of the server.
    requires: packages beside those of the server.
    keep_alive: as of the server, where this value decides it.
    """

    argv: tuple[str, ...] = ()
    env: dict[str, str] = {}
    requires: tuple[str, ...] = ()
    keep_alive: bool | None = None


class Knob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An option of a server that a study may set. Its value is a factor.

    default: the value that is fair, which every variant has unless a setup says else.
    values: what each stands for.
    """

    default: str
    values: dict[str, Choice]


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `shared/servers.toml`.

    protocol: what it speaks with an application.
    keep_alive: whether the server keeps a connection open between two requests.
    argv: its command line, with placeholders in braces.
    requires: packages that it needs, with the releases for which its entry is written.
    fair: what makes it comparable, and where it cannot be as the others are.
    knobs: its options by name. env: environment variables, which knobs set.
    """

    protocol: Protocol
    keep_alive: bool
    argv: tuple[str, ...]
    requires: tuple[str, ...] = ()
    fair: str = ""
    knobs: dict[str, Knob] = {}
    env: dict[str, str] = {}

    def takes(self, placeholder: str) -> bool:
        """Whether its command line has a place for this setting."""
        return placeholder in _used(self.argv)

    def setting(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """The value of every knob, where some are chosen and all others have their default."""
        return {name: chosen.get(name, knob.default) for name, knob in self.knobs.items()}

    def fitted(self, chosen: Mapping[str, str]) -> "Server":
        """The server with its knobs so: without knobs, and with all that they stand for.

        Args:
            chosen: values by knob; others have their default.
        """
        values = self.setting(chosen)
        choices = [knob.values[values[name]] for name, knob in self.knobs.items()]
        words = [word for choice in choices for word in choice.argv]
        keep_alive = self.keep_alive
        for choice in choices:
            keep_alive = keep_alive if choice.keep_alive is None else choice.keep_alive
        return Server(
            protocol=self.protocol,
            keep_alive=keep_alive,
            argv=tuple(w for part in self.argv for w in (words if part == KNOBS else [part])),
            requires=(*self.requires, *(text for c in choices for text in c.requires)),
            fair=self.fair,
            env=self.env | {name: text for c in choices for name, text in c.env.items()},
        )


def check_knobs(name: str, server: Server, chosen: Mapping[str, str], at: str) -> None:
    """Refuse knobs that a server lacks, and values that they do not have.

    Args:
        name: of the server. chosen: values by knob.
        at: where they stand, for messages.

    Raises:
        UsageError: with the nearest name, and all that are allowed.
    """
    for knob, value in chosen.items():
        if not server.knobs:
            raise UsageError(f"{at}: the server `{name}` has no knobs; remove `{plain(knob)}`.")
        if knob not in server.knobs:
            raise UsageError(
                f"{at}: the server `{name}` has no knob `{plain(knob)}`; "
                f"{_offer(knob, server.knobs)}."
            )
        if value not in server.knobs[knob].values:
            raise UsageError(
                f"{at}: the knob `{knob}` of `{name}` has no value {plain(value)!r}; "
                f"{_offer(value, server.knobs[knob].values)}."
            )


def _offer(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = nearest(name, names)
    first = f"the nearest is `{near}`, and " if near and len(names) > 1 else ""
    return f"{first}it has: {', '.join(names)}"


def missing(requires: Iterable[str], locked: Mapping[str, str]) -> tuple[str, ...]:
    """Those of a server's requirements that a lock does not meet.

    Args:
        locked: versions by canonical name.
    """
    return tuple(text for text in requires if not _is_met(Requirement(text), locked))


def _is_met(wanted: Requirement, locked: Mapping[str, str]) -> bool:
    version = locked.get(canonicalize_name(wanted.name))
    return version is not None and wanted.specifier.contains(version, prereleases=True)


def servers_for(name: str, servers: Mapping[str, Server]) -> list[str]:
    """The servers that run the applications of one of them, itself among them.

    Args:
        name: of the server that a variant names.
        servers: by name.
    """
    protocol = servers[name].protocol
    if protocol is Protocol.OWN:
        return [name]
    return [other for other, server in servers.items() if server.protocol is protocol]


def offered_servers(servers: Mapping[str, Server]) -> list[str]:
    """Names of servers for any application of their protocol."""
    single = [name for entries in BOTH_PROTOCOLS.values() for name in entries.values()]
    known = [
        name
        for name, server in servers.items()
        if server.protocol is not Protocol.OWN and name not in (*_NOT_OFFERED, *single)
    ]
    return sorted([*known, *BOTH_PROTOCOLS])


def _used(argv: tuple[str, ...]) -> set[str]:
    """The names in braces.

    Raises:
        ValueError: a brace has no partner.
    """
    return {
        field for part in argv for _, field, _, _ in Formatter().parse(part) if field is not None
    } - {KNOBS.strip("{}")}


def load_servers(path: Path) -> tuple[dict[str, Server], dict[str, BridgetollError]]:
    """Read the servers by name, and check that every command line can be filled in.

    Returns:
        The servers, and by name why others cannot be used, naming the key.

    Raises:
        MalformedFile: the file is no TOML.
    """
    servers: dict[str, Server] = {}
    broken: dict[str, BridgetollError] = {}
    for name, entry in toml_table(path).items():
        try:
            server = convert(entry, Server, path, (name,))
            _check_knobs(path, name, server)
            _check_command(path, name, server)
        except MalformedFile as error:
            broken[name] = error
        else:
            servers[name] = server
    return servers, broken


def _check_knobs(path: Path, name: str, server: Server) -> None:
    """Every default is a value, every requirement one, and their words have a place."""
    if bool(server.knobs) is not (KNOBS in server.argv):
        remedy = f"has knobs; add {KNOBS}" if server.knobs else f"has no knobs; remove {KNOBS}"
        raise MalformedFile(path, f"`{name}.argv`: the server {remedy} as a word of its own.")
    required = [(f"{name}.requires", text) for text in server.requires]
    for knob, entry in server.knobs.items():
        at = f"{name}.knobs.{plain(knob)}"
        if not _KNOB_NAME.fullmatch(knob):
            raise MalformedFile(path, f"`{at}`: a knob has small letters, digits and `_` only.")
        if entry.default not in entry.values:
            raise MalformedFile(
                path,
                f"`{at}.default` is {plain(entry.default)!r}, and its values are: "
                f"{', '.join(entry.values) or 'none'}; name one of them.",
            )
        required += [(f"{at}.values", t) for c in entry.values.values() for t in c.requires]
    for at, text in required:
        try:
            Requirement(text)
        except InvalidRequirement:
            raise MalformedFile(
                path, f"`{at}`: {plain(text)!r} is no requirement; write e.g. 'uvicorn~=0.54'."
            ) from None


def _check_command(path: Path, name: str, server: Server) -> None:
    """An unknown placeholder would otherwise fail only when the server is started."""
    if not server.argv:
        raise MalformedFile(path, f"`{name}.argv` is empty; name the server's program.")
    choices = [choice for knob in server.knobs.values() for choice in knob.values.values()]
    words = [part for part in server.argv if part != KNOBS]
    try:
        used = _used(tuple(words))
        used_by_knobs = _used(tuple(word for choice in choices for word in choice.argv))
    except ValueError as error:
        raise MalformedFile(path, f"`{name}.argv`: {error}; write literal braces twice.") from None
    if placed := sorted(used_by_knobs):
        raise MalformedFile(
            path, f"`{name}.knobs`: a word has {{{placed[0]}}}; write it into `{name}.argv`."
        )
    if unknown := sorted(used - set(PLACEHOLDERS)):
        raise MalformedFile(
            path,
            f"`{name}.argv`: unknown placeholder {{{unknown[0]}}}; the allowed ones are: "
            f"{', '.join(PLACEHOLDERS)}.",
        )
    for place in ("host", "port"):
        if place not in used:
            raise MalformedFile(
                path,
                f"`{name}.argv` lacks {{{place}}}, so the server would listen where it likes; "
                "bind it to {host} and {port}.",
            )
    for part in (*words, *(word for choice in choices for word in choice.argv)):
        _check_address(path, name, part)


def _check_address(path: Path, name: str, part: str) -> None:
    """A server listens on loopback only, and on its own port only."""
    if "\0" in part:
        raise MalformedFile(path, f"`{name}.argv`: {part!r} has a NUL; remove it.")
    if address := _ADDRESS.search(part):
        raise MalformedFile(
            path,
            f"`{name}.argv`: {part!r} has the address {address.group()}; write {{host}}.",
        )
    if _EVERYWHERE.search(part):
        raise MalformedFile(
            path,
            f"`{name}.argv`: {part!r} listens on every address of the machine; write "
            "{host}:{port}.",
        )
    if _OWN_PORT.search(part):
        raise MalformedFile(
            path, f"`{name}.argv`: {part!r} has a port of its own; write {{host}}:{{port}}."
        )
