"""The nouns of the harness as frozen records.

Words are used as in the README's vocabulary: an *implementation* is a folder for one framework, a
*variant* something that can be run, a *condition* everything outside the variant, a *slice* one
variant's turn in a round, a *trial* what one block yields for one variant under one condition.
Durations end in `_s` (seconds) or `_ns` (nanoseconds). What is not known is `None`."""

from pathlib import Path
from string import Formatter

import msgspec

from harness.base.errors import MalformedFile


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `shared/servers.toml`."""

    title: str
    protocol: str
    keep_alive: bool
    argv: tuple[str, ...]


PLACES = ("app", "host", "port", "python", "threads", "workers")
"""What a server's command line may ask for, in braces."""


def _check_servers(path: Path, servers: dict[str, Server]) -> None:
    """A command line that cannot be filled in is better found now than when it is started."""
    for name, server in servers.items():
        if not server.argv:
            raise MalformedFile(path, f"`{name}.argv` is empty; name the server's program.")
        try:
            asked = {
                f for part in server.argv for _, f, _, _ in Formatter().parse(part) if f is not None
            }
        except ValueError as error:
            raise MalformedFile(
                path, f"`{name}.argv`: {error}; write literal braces twice."
            ) from None
        if unknown := sorted(asked - set(PLACES)):
            raise MalformedFile(
                path,
                f"`{name}.argv`: unknown placeholder {{{unknown[0]}}}; the allowed ones are: "
                f"{', '.join(PLACES)}.",
            )
