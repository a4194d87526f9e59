"""Samples the states and waits of PostgreSQL's connections while a variant is under load."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Self

import msgspec
import psycopg

from harness.base.errors import DatabaseFailed
from harness.lab.postgres.connection import DatabaseConnection

_QUERY = """
SELECT coalesce(state, 'starting'), wait_event_type, wait_event, count(*)
FROM pg_stat_activity WHERE usename = %s GROUP BY 1, 2, 3
"""
_RETRY_S = 1.0
_END_S = 1.0
type _Row = tuple[str, str | None, str | None, int]
_IDLE = frozenset({"idle", "starting", "disabled"})


class Samples(msgspec.Struct):
    """Samples of one role.

    busy: per sample, connections that ran a statement or held a transaction open.
    states: over all samples, connections by state and wait event.
    open: per sample, connections in any state.
    """

    busy: list[int]
    states: Counter[str]
    open: list[int]


class WaitSampler:
    """Queries `pg_stat_activity` at a steady rate in its own thread. Use as a context manager.

    It queries only the watched role, and only while one is watched. A sampler that loses its
    connection takes no samples until it has another, and raises nothing: it must not disturb a run.
    """

    def __init__(self, connect: Callable[[], DatabaseConnection], per_s: float) -> None:
        self._connect = connect
        self._period_s = 1 / per_s if per_s else None
        self._role: str | None = None
        self._samples: dict[str, Samples] = {}
        self._whole = threading.Lock()  # is held while a sample is added
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wait sampler", daemon=True)

    def watch(self, role: str | None) -> None:
        """Sample this role from now on; None: no role."""
        self._role = role

    def take(self, role: str) -> Samples | None:
        """Remove and return the samples of a role; None if there are none."""
        with self._whole:
            return self._samples.pop(role, None)

    def __enter__(self) -> Self:
        if self._period_s is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._period_s is not None:
            self._thread.join(_END_S)  # it may wait for a PostgreSQL that does not answer

    def _run(self) -> None:
        """Sample until the end, and open a lost connection again."""
        while not self._end.is_set():
            with contextlib.suppress(psycopg.Error, DatabaseFailed), self._connect() as connection:
                while not self._end.wait(self._period_s):
                    self._sample(connection)
            self._end.wait(_RETRY_S)

    def _sample(self, connection: DatabaseConnection) -> None:
        role = self._role
        if role is None:
            return
        rows = msgspec.convert(connection.execute(_QUERY, [role]).fetchall(), list[_Row])
        with self._whole:
            if self._role == role:  # else the watched role changed meanwhile
                self._add(role, rows)

    def _add(self, role: str, rows: list[_Row]) -> None:
        samples = self._samples.setdefault(role, Samples([], Counter(), []))
        busy = 0
        for state, kind, event, count in rows:
            waiting = f" {kind}:{event}" if kind and state not in _IDLE else ""
            samples.states[f"{state}{waiting}"] += count
            busy += 0 if state in _IDLE else count
        samples.busy.append(busy)
        samples.open.append(sum(count for *_, count in rows))
