"""What PostgreSQL's connections do, sampled while a variant is under load."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Self

import msgspec
import psycopg

from harness.base.errors import DatabaseFailed
from harness.lab.postgres.connection import Connection

_QUERY = """
SELECT coalesce(state, 'starting'), wait_event_type, wait_event, count(*)
FROM pg_stat_activity WHERE usename = %s GROUP BY 1, 2, 3
"""
_RETRY_S = 1.0
type _Row = tuple[str, str | None, str | None, int]
_IDLE = frozenset({"idle", "starting", "disabled"})


class Samples(msgspec.Struct):
    """Of one role.

    busy: per sample, connections that ran a statement or held a transaction open.
    states: over all samples, connections by state and what they waited for.
    open: per sample, connections in whatever state.
    """

    busy: list[int]
    states: Counter[str]
    open: list[int]


class WaitSampler:
    """Asks `pg_stat_activity` at a steady pace, in a thread of its own. Use as a context manager.

    Only the role that is watched is asked for, and only while it is. A sampler that loses its
    connection is silent until it has another: it watches, and must not disturb.
    """

    def __init__(self, connect: Callable[[], Connection], per_s: float) -> None:
        self._connect = connect
        self._period_s = 1 / per_s if per_s else None
        self._role: str | None = None
        self._samples: dict[str, Samples] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wait sampler", daemon=True)

    def watch(self, role: str | None) -> None:
        """This role has its turn from now on; None: nobody."""
        self._role = role

    def take(self, role: str) -> Samples | None:
        """What was seen of a role so far, which is forgotten; None if nothing was."""
        return self._samples.pop(role, None)

    def __enter__(self) -> Self:
        if self._period_s is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._period_s is not None:
            self._thread.join()

    def _run(self) -> None:
        """Until the end; a connection that is lost is made anew, for others follow."""
        while not self._end.is_set():
            with contextlib.suppress(psycopg.Error, DatabaseFailed), self._connect() as connection:
                while not self._end.wait(self._period_s):
                    self._sample(connection)
            self._end.wait(_RETRY_S)

    def _sample(self, connection: Connection) -> None:
        role = self._role
        if role is None:
            return
        found = msgspec.convert(connection.execute(_QUERY, [role]).fetchall(), list[_Row])
        if self._role != role:
            return  # the turn ended meanwhile
        samples = self._samples.setdefault(role, Samples([], Counter(), []))
        busy = 0
        for state, kind, event, count in found:
            waiting = f" {kind}:{event}" if kind and state not in _IDLE else ""
            samples.states[f"{state}{waiting}"] += count
            busy += 0 if state in _IDLE else count
        samples.busy.append(busy)
        samples.open.append(sum(count for *_, count in found))
