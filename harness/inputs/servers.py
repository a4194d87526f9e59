"""Servers: how each is started, from `shared/servers.toml`."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from string import Formatter

import msgspec

from harness.base.decode import convert, toml_table
from harness.base.errors import BridgetollError, MalformedFile

PLACEHOLDERS = ("app", "host", "port", "python", "threads", "workers")
"""The names that a server's command line may hold in braces."""
_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|\blocalhost\b|\[[0-9a-f:]*:[0-9a-f:]*\]|::",
    re.IGNORECASE,
)
"""An address that is spelled out."""
_EVERYWHERE = re.compile(r"(?<!\{host\}):\{port\}")
"""A port without a host: servers then listen on every address of the machine."""
_OWN_PORT = re.compile(r"\{host\}:\d+")


class Protocol(StrEnum):
    """What a server speaks with an application: PEP 3333, the ASGI specification, or the interface
    of one framework, whose applications no other server runs."""

    WSGI = "wsgi"
    ASGI = "asgi"
    OWN = "own"


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `shared/servers.toml`.

    protocol: what it speaks with an application.
    keep_alive: whether the server keeps a connection open between two requests.
    argv: its command line, with placeholders in braces.
    """

    protocol: Protocol
    keep_alive: bool
    argv: tuple[str, ...]

    def takes(self, placeholder: str) -> bool:
        """Whether its command line has a place for this setting."""
        return placeholder in _used(self.argv)


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


def _used(argv: tuple[str, ...]) -> set[str]:
    """The names in braces.

    Raises:
        ValueError: a brace has no partner.
    """
    return {
        field for part in argv for _, field, _, _ in Formatter().parse(part) if field is not None
    }


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
            _check_command(path, name, server)
        except MalformedFile as error:
            broken[name] = error
        else:
            servers[name] = server
    return servers, broken


def _check_command(path: Path, name: str, server: Server) -> None:
    """An unknown placeholder would otherwise fail only when the server is started."""
    if not server.argv:
        raise MalformedFile(path, f"`{name}.argv` is empty; name the server's program.")
    try:
        used = _used(server.argv)
    except ValueError as error:
        raise MalformedFile(path, f"`{name}.argv`: {error}; write literal braces twice.") from None
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
    for part in server.argv:
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
