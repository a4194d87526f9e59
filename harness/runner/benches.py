"""Several benches on one PostgreSQL, so that variants are checked side by side."""

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from harness.audit.bench import Bench
from harness.lab.postgres.database import Database
from harness.lab.servers import ServerGroup
from harness.runner.laboratory import Laboratory
from harness.runner.side_by_side import side_by_side

MOST_AT_ONCE = 8
"""Variants: the harness itself, one process, cannot keep more of them busy."""
_PATIENCE_S = 3.0
"""For a check to fail whose server has been stopped; a command ends within five seconds."""
_CONNECTIONS = 24
"""That an examination needs beside those that its server is given: for its requests, and for the
harness."""


def count_at_once(
    variants: int, max_connections: int, held: int, processors: int | None = None
) -> int:
    """How many variants are examined at a time: as many as processors, and one, as some wait.

    Fewer where PostgreSQL has no room for their connections.

    Args:
        variants: to be examined.
        max_connections: of PostgreSQL.
        held: connections of one server at most.
        processors: of the machine that examines; of this process if None.
    """
    if processors is None:
        processors = len(os.sched_getaffinity(0))
    room = max_connections // (held + _CONNECTIONS)
    return max(1, min(variants, processors + 1, MOST_AT_ONCE, room))


def on_benches[Item, Result](
    laboratory: Laboratory,
    database: Database,
    logs: Path,
    items: Sequence[Item],
    at_once: int,
    action: Callable[[Bench, Item], Result],
) -> Generator[Result]:
    """Act on all items, several at a time, each on a bench with rows and roles of its own.

    Close the iterator to begin no further item; the servers that are up are stopped then.

    Args:
        laboratory: whose contract and servers are used.
        database: of the first bench; others are made beside it, and dropped at the end.
        logs: the folder of the servers' logs.
        items: in the order of the results.
        at_once: how many are under way at most.
        action: takes a bench and an item, in another thread.
    """
    with ExitStack() as stack:
        benches: SimpleQueue[Bench] = SimpleQueue()
        databases = [database]
        databases += [stack.enter_context(database.another()) for _ in range(at_once - 1)]
        stack.callback(_gather, benches, at_once)
        group = stack.enter_context(ServerGroup())
        for own in databases:
            benches.put(Bench(laboratory.contract, own, laboratory.catalog.servers, logs, group))

        def one(item: Item) -> Result:
            bench = benches.get()
            try:
                return action(bench, item)
            finally:
                benches.put(bench)

        yield from stack.enter_context(closing(side_by_side(one, items, at_once)))


def _gather(benches: SimpleQueue[Bench], count: int) -> None:
    """Wait until threads have given their benches back, as they do soon without their servers.

    A connection to PostgreSQL that is closed while another thread waits for it ends the process.
    """
    end = time.monotonic() + _PATIENCE_S
    with suppress(Empty):
        for _ in range(count):
            benches.get(timeout=max(0.0, end - time.monotonic()))
