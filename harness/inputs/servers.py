"""Servers: how each is started, from `shared/servers.toml`."""

from pathlib import Path
from string import Formatter

import msgspec

from harness.base.decode import convert, toml_table
from harness.base.errors import MalformedFile

PLACEHOLDERS = ("app", "host", "port", "python", "threads", "workers")
"""The names that a server's command line may hold in braces."""


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `shared/servers.toml`.

    keep_alive: whether the server keeps a connection open between two requests.
    argv: its command line, with placeholders in braces.
    """

    keep_alive: bool
    argv: tuple[str, ...]


def load_servers(path: Path) -> dict[str, Server]:
    """Read the servers by name, and check that every command line can be filled in.

    Raises:
        MalformedFile: naming the key.
    """
    servers = convert(toml_table(path), dict[str, Server], path)
    for name, server in servers.items():
        _check_command(path, name, server)
    return servers


def _check_command(path: Path, name: str, server: Server) -> None:
    """An unknown placeholder would otherwise fail only when the server is started."""
    if not server.argv:
        raise MalformedFile(path, f"`{name}.argv` is empty; name the server's program.")
    try:
        used = {
            field
            for part in server.argv
            for _, field, _, _ in Formatter().parse(part)
            if field is not None
        }
    except ValueError as error:
        raise MalformedFile(path, f"`{name}.argv`: {error}; write literal braces twice.") from None
    if unknown := sorted(used - set(PLACEHOLDERS)):
        raise MalformedFile(
            path,
            f"`{name}.argv`: unknown placeholder {{{unknown[0]}}}; the allowed ones are: "
            f"{', '.join(PLACEHOLDERS)}.",
        )
