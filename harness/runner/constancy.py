"""Holds the servers of a block to what the study gives to all, once they are warm."""

from collections.abc import Sequence

from harness.inputs.factors import pool_of
from harness.inputs.study import Condition
from harness.lab.postgres.database import Database
from harness.records.run import Run
from harness.runner.clock import MonotonicClock
from harness.runner.servers import LiveEntry

_LOOKS, _PAUSE_S = 8, 0.25
"""A deviation counts if it is seen at every look: a worker may just be replaced by its supervisor,
and a connection by its pool."""


def deviations(
    run: Run,
    database: Database,
    servers: Sequence[LiveEntry],
    clock: MonotonicClock,
    condition: Condition | None = None,
) -> dict[str, str]:
    """By entry, what its server has more or less of than the study gives to all.

    Args:
        run: whose study gives workers, threads and pool.
        database: that counts the connections.
        servers: that run and are idle.
        clock: to wait by.
        condition: for which the servers were started; it may give them workers of its own.
    """
    found: dict[str, str] = {}
    for look in range(_LOOKS):
        suspects = [live for live in servers if look == 0 or live.name in found]
        counts = database.connections()
        found = {
            live.name: problem
            for live in suspects
            if live.server.running
            and (problem := _problem(run, live, counts.get(live.name, 0), condition))
        }
        if not found:
            break
        clock.sleep(_PAUSE_S)
    return found


def _problem(
    run: Run, live: LiveEntry, connections: int, condition: Condition | None
) -> str | None:
    if problem := live.server.deviation():
        return f"its server {problem}"
    pool = pool_of(run.variants[live.entry.variant].factors)
    allowed = run.study.server_of(live.entry.variant, condition).connections(pool)
    if allowed is None or connections <= allowed:
        return None
    return (
        f"it holds {connections} connections to PostgreSQL, where the study gives {allowed} to all;"
        " let it open no more than it is given"
    )
