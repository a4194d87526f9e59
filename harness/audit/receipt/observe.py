"""Observes an application: what each request does, and what requests leave behind.

It runs with a witness inside (see `instrument/`), between relays that see every byte to and from
it. Requests are sent one after the other, and after each the counts must be at rest, so all that
happened in between belongs to that request.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from harness.audit.receipt.client import Askable, KeptConnection, shown
from harness.audit.receipt.relays import RelayDesk
from harness.audit.receipt.witnesses import Witnesses
from harness.audit.subject import Violation
from harness.base.errors import ServerFailed
from harness.lab.clocks import TreeClock, Usage
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.network import Address
from harness.records.observation import (
    Amount,
    Happening,
    LeftBehind,
    ListedMiddleware,
    Observation,
    ObservedRequest,
    ObservedUrl,
    Served,
)

REQUESTS = 20
"""Of each URL that are counted."""
LEFT_AFTER = 100
"""Requests after which is told what they have left behind."""
_WARMUP = 24
"""Requests before any is counted: enough for each thread of a server to have its connection."""
_STEADY, _MOST_WARMUP = 3, 20
"""Then so many alike in a row, of so many more at most."""
_LOOK_S, _QUIET = 0.01, 3
"""A request's effects are over when no count grew at so many looks in a row."""
_PATIENCE_S, _IMPATIENCE_S = 2.0, 0.1
"""For the first request after which an application does not come to rest, and for others."""
_SAMPLE = 10
"""Requests from one look at open connections to the next: forgotten ones are closed now and then,
when Python collects garbage, so their number at the end says little."""
_SETTLED_S = 1.0
"""For threads and tasks to end before what is left behind is told."""
_WIRE = {
    "statements": Amount.STATEMENTS, "transactions": Amount.TRANSACTIONS,
    "round_trips": Amount.ROUND_TRIPS, "out": Amount.DATABASE_BYTES_OUT,
    "in": Amount.DATABASE_BYTES_IN,
}  # fmt: skip
"""By what a relay counts."""
_SHAPE = (
    Amount.HOPS, Amount.RETURNS, Amount.HANDOVERS, Amount.THREADS, Amount.LOOPS, "recorded",
)  # fmt: skip
"""What is the same for requests that do the same."""


class Observable(Protocol):
    """An application that is ready for requests; `LiveApplication` is one."""

    @property
    def address(self) -> Address:
        """Where it listens."""

    @property
    def clock(self) -> TreeClock:
        """Knows its processes."""


Start = Callable[[Mapping[str, str]], AbstractContextManager[Observable]]
"""Starts the application with further environment variables."""


def observe(
    start: Start,
    requests: Sequence[Askable],
    *,
    served: Served,
    root: Path,
    libraries: Iterable[str],
    middleware: Sequence[ListedMiddleware] = (),
    count: int = REQUESTS,
    left_after: int = LEFT_AFTER,
    tell: Callable[[str], None] = lambda _: None,
) -> Observation:
    """Observe an application that is started for it.

    Args:
        start: starts it with further environment variables; a PYTHONPATH stands before its own.
        requests: each is sent `count` times, after some that warm it up.
        served: for the record.
        root: the project's folder. libraries: folders whose files are not its own.
        middleware: of Django's settings, for the record.
        left_after: requests after which is told what they leave behind; 0 to leave that out.
        tell: is told the request that is being sent, for progress.

    Raises:
        ServerFailed: a request has no complete answer, or the application cannot be observed.
    """
    with ExitStack() as stack:
        witnesses = stack.enter_context(Witnesses())
        desk = stack.enter_context(RelayDesk(witnesses.folder))
        application = stack.enter_context(start(witnesses.environment))
        passed: Counter[str] = Counter()
        front = stack.enter_context(
            ObservingRelay(application.address, lambda: partial(_weigh, passed))
        )
        watch = _Watch(witnesses, desk, passed, application, front.address)
        try:
            seen = [_observe_url(watch, request, count, tell) for request in requests]
            left = _left_behind(watch, requests, left_after) if left_after else None
            notes = _notes(watch)
        except Violation as error:
            raise ServerFailed(f"The application cannot be observed: {error}.") from None
    wire = watch.reads_wire
    return Observation(
        served=served,
        root=str(root),
        libraries=tuple(libraries),
        urls=tuple(
            ObservedUrl(url.request, tuple(_without_unseen(one, wire) for one in url.observed),
                        watch.sent[url.request.name])
            for url in seen
        ),
        left_behind=left,
        notes=notes,
        middleware=tuple(middleware),
    )  # fmt: skip


class _Watch:
    """An observed application, and what is counted of it.

    restless: whether it did something on its own when no request was under way.
    sent: how many requests, by name.
    """

    def __init__(
        self,
        witnesses: Witnesses,
        desk: RelayDesk,
        passed: Counter[str],
        application: Observable,
        front: Address,
    ) -> None:
        self.witnesses = witnesses
        self.desk = desk
        self.application = application
        self.front = front
        self.restless = False
        self.direct = False
        self.sent: Counter[str] = Counter()
        self._passed = passed

    @property
    def reads_wire(self) -> bool:
        """Whether all messages to databases are read."""
        return not self.direct and not self.desk.encrypted

    def connection(self) -> KeptConnection:
        """A connection to the application."""
        return KeptConnection(self.front, self.application.address)

    def rest(self) -> Counter[str]:
        """Wait until the counts stop growing, and return them."""
        end = time.monotonic() + (_IMPATIENCE_S if self.restless else _PATIENCE_S)
        before, quiet = self._now(), 0
        while quiet < _QUIET:
            time.sleep(_LOOK_S)
            now = self._now()
            quiet = quiet + 1 if _without_switches(now) == _without_switches(before) else 0
            before = now
            if time.monotonic() > end:
                self.restless = True
                break
        return before

    def pids(self) -> Collection[int]:
        """Processes of the application."""
        self.application.clock.read_ns()
        return self.application.clock.pids

    def _now(self) -> Counter[str]:
        total = self.witnesses.read()
        total.update(dict(self._passed))
        total.update({_WIRE[n]: v for n, v in self.desk.counted().items() if n in _WIRE})
        return total


def _without_switches(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name != Amount.SWITCHES}


def _weigh(passed: Counter[str], direction: str, data: bytes) -> None:
    passed[Amount.BYTES_IN if direction == "out" else Amount.BYTES_OUT] += len(data)


class _Row(msgspec.Struct, frozen=True):
    """One request, before its happenings are known."""

    status: int
    sent_ns: int
    answered_ns: int
    counts: Counter[str]


def _observe_url(
    watch: _Watch, request: Askable, count: int, tell: Callable[[str], None]
) -> ObservedUrl:
    """Warm up, then count request by request."""
    tell(request.name)
    with watch.connection() as connection:
        _warm_up(watch, connection, request)
        watch.witnesses.happenings()  # of the warm-up
        rows = []
        before = watch.rest()
        for _ in range(count):
            answer = connection.send(request)
            now = watch.rest()
            rows.append(_Row(answer.status, answer.sent_ns, answer.answered_ns, now - before))
            before = now
        finished_ns = time.monotonic_ns()  # closing the connection is none of the last request
    watch.sent[request.name] += count
    happenings = watch.witnesses.happenings()
    watch.direct = watch.witnesses.connections().direct
    ends = [row.sent_ns for row in rows[1:]] + [finished_ns]
    return ObservedUrl(
        shown(request),
        tuple(_observed(row, end, happenings) for row, end in zip(rows, ends, strict=True)),
    )


def _warm_up(watch: _Watch, connection: KeptConnection, request: Askable) -> None:
    """Let caches fill and connections open, until requests do the same one after the other."""
    for _ in range(_WARMUP):
        connection.send(request)
    watch.sent[request.name] += _WARMUP
    shapes: list[list[int]] = []
    before = watch.rest()
    for _ in range(_MOST_WARMUP):
        connection.send(request)
        watch.sent[request.name] += 1
        now = watch.rest()
        shapes.append([now[name] - before[name] for name in _SHAPE])
        before = now
        if len(shapes) >= _STEADY and all(one == shapes[-1] for one in shapes[-_STEADY:]):
            break


def _observed(row: _Row, end_ns: int, happenings: Sequence[Happening]) -> ObservedRequest:
    """A request with what happened from its first byte to that of the next one."""
    own = tuple(one for one in happenings if row.sent_ns <= one.begin_ns < end_ns)
    counts: dict[Amount, float] = {}
    for amount in (
        Amount.HOPS, Amount.RETURNS, Amount.HANDOVERS, Amount.THREADS, Amount.LOOPS,
        Amount.SWITCHES, Amount.BYTES_IN, Amount.BYTES_OUT, *_WIRE.values(),
    ):  # fmt: skip
        counts[amount] = row.counts[amount]
    for amount in (Amount.CONNECTIONS, Amount.WRAPPERS):
        counts[amount] = sum(one.what == amount for one in own)
    counts[Amount.POOL_WAIT_US] = sum(
        (one.end_ns - one.begin_ns) / 1e3
        for one in own
        if one.what == Amount.POOL_WAIT_US and one.end_ns is not None
    )
    return ObservedRequest(row.status, row.sent_ns, row.answered_ns, counts, own)


def _without_unseen(request: ObservedRequest, wire: bool) -> ObservedRequest:
    """A request whose messages to a database were not read has only what drivers tell."""
    if wire:
        return request
    counts = {n: v for n, v in request.counts.items() if n not in _WIRE.values()}
    counts[Amount.STATEMENTS] = sum(one.what == Amount.STATEMENTS for one in request.happenings)
    return msgspec.structs.replace(request, counts=counts)


def _left_behind(watch: _Watch, requests: Sequence[Askable], count: int) -> LeftBehind:
    """What the application holds more after so many requests, to all URLs in turn."""
    with watch.witnesses.paused(), watch.connection() as connection:
        for request in requests:  # memory of a first time is no leak
            connection.send(request)
            watch.sent[request.name] += 1
        before = after = _holding(watch)
        opened = [before.connections]
        for number in range(count):
            request = requests[number % len(requests)]
            connection.send(request)
            watch.sent[request.name] += 1
            if number % _SAMPLE == 0:
                watch.rest()
                opened.append(watch.witnesses.connections().count)
        after = _holding(watch)
        opened.append(after.connections)
    known = [count for count in opened if count is not None]
    return LeftBehind(
        requests=count,
        connections=max(known) - min(known) if len(known) == len(opened) else None,
        threads=_more(before.threads, after.threads),
        tasks=_more(before.tasks, after.tasks),
        memory_bytes=_more(before.memory_bytes, after.memory_bytes),
    )


def _more(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


class Holding(msgspec.Struct, frozen=True):
    """What an application holds at a moment; see `LeftBehind`."""

    connections: int | None
    threads: int | None
    tasks: int | None
    memory_bytes: int | None


def _holding(watch: _Watch) -> Holding:
    """What it holds at rest, once that stays the same, memory aside."""
    watch.rest()
    end = time.monotonic() + _SETTLED_S
    held = _held_now(watch)
    while time.monotonic() < end:
        time.sleep(_LOOK_S * _QUIET)
        now = _held_now(watch)
        same = (now.connections, now.threads, now.tasks) == (
            held.connections, held.threads, held.tasks,
        )  # fmt: skip
        held = now
        if same:
            break
    return held


def _held_now(watch: _Watch) -> Holding:
    pids = watch.pids()
    return Holding(
        connections=watch.witnesses.connections().count,
        threads=Usage.of(pids).threads,
        tasks=watch.witnesses.tasks(),
        memory_bytes=memory_bytes(pids),
    )


def memory_bytes(pids: Iterable[int]) -> int | None:
    """Memory of processes together: proportional where the kernel tells it (proc_pid_smaps(5)).

    None where none of them can be read.
    """
    found = [size for pid in pids if (size := _memory_of(pid)) is not None]
    return sum(found) if found else None


def _memory_of(pid: int) -> int | None:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
    return None


def _notes(watch: _Watch) -> tuple[str, ...]:
    """What could not be seen."""
    told = watch.witnesses.connections()
    watch.direct = told.direct
    notes = list(told.notes)
    if watch.desk.encrypted:
        notes.append(
            "The connection to PostgreSQL is encrypted (TLS), so its round trips, transactions and "
            "bytes are unknown, and statements are counted in the driver."
        )
    elif told.direct and not notes:
        notes.append(
            "The database is no PostgreSQL, so round trips, transactions and bytes of its messages "
            "are unknown, and statements are counted in the driver."
        )
    if told.count is None:
        notes.append("The driver of the database does not tell how many connections are open.")
    if watch.restless:
        notes.append(
            "The application works when no request is under way, so a request's counts may hold "
            "some of that."
        )
    return tuple(notes)
