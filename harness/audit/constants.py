"""Measures on a started server what a study holds constant: workers, threads, connections.

Nothing here depends on how fast the machine is. Connections are counted while a lock in PostgreSQL
keeps all of them busy. Threads are counted by requests that wait: an answer that comes before two
waits have passed was begun before the first had ended, so all such requests were served at once.
"""

import contextlib
import http.client
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from harness.audit.bench import Bench
from harness.audit.subject import Violation
from harness.inputs.factors import POOLED, pool_of
from harness.inputs.manifests import Variant
from harness.inputs.settings import MOST_COUNTED, ServerSettings
from harness.lab.clocks import process_cpu_ns
from harness.lab.network import HOST
from harness.lab.servers import LiveServer
from harness.records.verification import Constants

_WAIT_MS = 400
"""Of `/io_wait`: long against what a busy machine delays a request."""
_ITERATIONS = 100_000
"""Of `/cpu`: some milliseconds each, against which a supervisor's heartbeat is nothing."""
_CPU_REQUESTS, _TO_ONE = 40, 16
"""To several workers, as the kernel shares them out unevenly; and to one."""
_ALL_THREADS = 64
"""So many threads are counted exactly; of more, only whether there are at least twice as many."""
_WITHOUT_THREADS = 16
"""Requests at once to a server that takes no number of threads; only told."""
_SURPLUS = 8
"""Requests beyond the connections given, which would tempt a pool to open another."""
_ROWS = 10
_ATTEMPTS = 3
_STEADY_S, _PATIENCE_S = 0.5, 8.0
_ANSWER_S = 20.0
_POLL_S = 0.02


def measure_constants(
    bench: Bench, variant: Variant, python: Path, given: ServerSettings
) -> Constants:
    """Start the variant as a study does, and measure what its server has.

    Args:
        bench: database, servers, logs.
        variant: the one to measure.
        python: the interpreter of its environment.
        given: workers, threads and pool of the study.

    Raises:
        ServerFailed: it did not get ready, or has other workers or addresses than all others.
        Violation: it did not answer, or answered wrongly.
    """
    takes_threads = bench.servers[variant.server].takes("threads")
    threads = given.threads if takes_threads else None
    pool = pool_of(variant.factors)
    allowed = given.connections(pool)
    with _serving(bench, variant, python, given, given.workers) as server:
        connections = _connections(bench, variant, server, allowed, pool)
        working = _working(server)
        if problem := server.deviation():
            raise Violation(f"once it was loaded, it {problem}")
        listens = tuple(str(socket) for socket in server.footprint().sockets)
        if given.workers == 1:
            at_once, sent = _at_once(server, threads)
    if given.workers > 1:  # the kernel shares requests out unevenly, so one worker is asked alone
        with _serving(bench, variant, python, given, 1) as server:
            at_once, sent = _at_once(server, threads)
    return Constants(
        workers=given.workers,
        working=working,
        threads=threads,
        at_once=at_once,
        sent=sent,
        pool=pool,
        allowed=allowed,
        connections=connections,
        # Behind a pooler of another's the connections are the pooler's.
        exact=pool == POOLED and bench.database.postmaster_pid is not None,
        listens=listens,
    )


@contextmanager
def _serving(
    bench: Bench, variant: Variant, python: Path, given: ServerSettings, workers: int
) -> Iterator[LiveServer]:
    settings = ServerSettings(
        pool_size=given.pool_size,
        pool_timeout_s=_ANSWER_S,
        cpu_iterations=_ITERATIONS,
        wait_ms=_WAIT_MS,
    ).application(bench.database.login(variant.name))
    log = bench.log(variant, "constants")
    with bench.start(
        variant, python, settings, log, threads=given.threads, workers=workers
    ) as server:
        yield server


def _connections(
    bench: Bench, variant: Variant, server: LiveServer, allowed: int | None, pool: str
) -> int:
    """Connections of the variant's role while every one of them waits for a lock."""
    database = bench.database
    database.reset(_ROWS)
    count = _SURPLUS if allowed is None else min(allowed + _SURPLUS, MOST_COUNTED)
    with contextlib.ExitStack() as stack:
        with database.posts_locked():
            crowd = stack.enter_context(_Crowd(server.port, "/io_read", count))
            # A pool opens all at once; a thread its own when it comes to it.
            wanted = allowed if pool == POOLED else None
            held = _steady(lambda: database.connections()[variant.name], wanted)
        crowd.await_all()
    return held


def _steady(read: Callable[[], int], wanted: int | None) -> int:
    """The number once it stays the same; one below `wanted` may still grow for a while."""
    end = time.monotonic() + _PATIENCE_S
    last, since = read(), time.monotonic()
    while (now := time.monotonic()) < end:
        if now - since >= _STEADY_S and (wanted is None or last >= wanted):
            return last
        time.sleep(_POLL_S)
        if (count := read()) != last:
            last, since = count, time.monotonic()
    return last


def _working(server: LiveServer) -> int:
    """How many of the server's processes serve, or take part in the work of `/cpu`."""
    server.clock.read_ns()
    before = _cpu_ns(server)
    count = _TO_ONE if server.workers == 1 else _CPU_REQUESTS
    with _Crowd(server.port, "/cpu", count) as crowd:
        crowd.await_all()
    server.clock.read_ns()  # finds processes that were started meanwhile
    used = {pid: ns - before.get(pid, 0) for pid, ns in _cpu_ns(server).items()}
    least = sum(used.values()) / 4 / (server.workers + 1)
    return len({pid for pid, ns in used.items() if ns > least} | server.footprint().workers)


def _cpu_ns(server: LiveServer) -> Mapping[int, int]:
    return {pid: ns for pid in server.clock.pids if (ns := process_cpu_ns(pid)) is not None}


def _at_once(server: LiveServer, threads: int | None) -> tuple[int, int]:
    """Requests that one worker answers at the same time, and how many were sent for that.

    A busy machine makes it fewer, never more, so too few are counted again.
    """
    count = 2 * min(threads, _ALL_THREADS) + 2 if threads else _WITHOUT_THREADS
    most = 0
    for _ in range(_ATTEMPTS):
        with _Crowd(server.port, "/io_wait", count) as crowd:
            most = max(most, crowd.answered_within(2 * _WAIT_MS / 1_000))
            if threads is None or most >= min(threads, count):
                break
            crowd.await_all()
    return most, count


class _Crowd:
    """Requests that are sent at once, each on a connection of its own."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._path = path
        self._selector = selectors.DefaultSelector()
        self._open: list[socket.socket] = []
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        for _ in range(count):
            connection = socket.create_connection((HOST, port), timeout=_ANSWER_S)
            self._open.append(connection)
            self._selector.register(connection, selectors.EVENT_READ)
        self._sent_at = time.monotonic()
        for connection in self._open:
            connection.sendall(request)

    def __enter__(self) -> "_Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for connection in self._open:
            connection.close()

    def answered_within(self, seconds: float) -> int:
        """How many answers began within so many seconds of the sending.

        Raises:
            Violation: one of them was no 200.
        """
        answered = 0
        while self._selector.get_map():
            left = self._sent_at + seconds - time.monotonic()
            if left <= 0:
                break
            ready = self._selector.select(left)
            in_time = time.monotonic() < self._sent_at + seconds
            for key, _ in ready:
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                self._selector.unregister(connection)
                self._read(connection)
                answered += in_time
        return answered

    def _read(self, connection: socket.socket) -> None:
        """Read an answer that has begun, and close: a server may wait for that (RFC 9112, 9.6)."""
        response = http.client.HTTPResponse(connection, method="GET")
        response.begin()
        body = response.read()
        connection.close()
        if response.status != HTTPStatus.OK:
            raise Violation(
                f"{self._path}, asked by {len(self._open)} clients at once, was answered "
                f"{response.status} {body[:120].decode('utf-8', 'replace')!r}"
            )

    def await_all(self) -> None:
        """Wait for every answer.

        Raises:
            Violation: one did not come, or was no 200.
        """
        self.answered_within(_ANSWER_S)
        if missing := len(self._selector.get_map()):
            raise Violation(
                f"{self._path}: {missing} of {len(self._open)} requests, sent side by side, had "
                f"no answer after {_ANSWER_S:g} s"
            )
