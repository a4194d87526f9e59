"""Looks at what a server holds, taken again where a busy machine let one find too little."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from harness.audit import constants
from harness.audit.bench import Bench
from harness.inputs.manifests import Variant
from harness.lab.servers import LiveServer

_MOST_LOOKS = 20


@contextmanager
def best_looks(
    connections: Mapping[str, int], at_once: Mapping[str, int] | None = None
) -> Iterator[None]:
    """Count what a study holds constant until there is so much: a stalled server has less, never
    more.

    connections, at_once: see `Constants`; by the variant's name in its implementation.
    """
    count, serve = constants._connections, constants._at_once

    def held(
        bench: Bench, variant: Variant, server: LiveServer, allowed: int | None, pool: str
    ) -> int:
        most = 0
        for _ in range(_MOST_LOOKS):
            most = max(most, count(bench, variant, server, allowed, pool))
            if most >= connections.get(_short(variant.name), 0):
                break
        return most

    def served(server: LiveServer, threads: int | None) -> tuple[int, int]:
        most = sent = 0
        for _ in range(_MOST_LOOKS):
            seen, sent = serve(server, threads)
            most = max(most, seen)
            if most >= (at_once or {}).get(_short(server.name), 0):
                break
        return most, sent

    with (
        patch.object(constants, "_connections", held),
        patch.object(constants, "_at_once", served),
    ):
        yield


def _short(name: str) -> str:
    return name.partition("/")[2]
