"""Observes an application that runs already, from outside: what is sent, and what its process uses.

Nothing is loaded into it, so hops, threads, connections and statements stay unseen.
"""

import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from harness.audit.receipt.client import Askable, KeptConnection, shown
from harness.audit.receipt.observe import LEFT_AFTER, REQUESTS, memory_bytes
from harness.lab.clocks import TreeClock, Usage
from harness.lab.footprint import listening_process
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.network import Address
from harness.records.observation import (
    Amount,
    LeftBehind,
    Observation,
    ObservedRequest,
    ObservedUrl,
    Served,
)

_WARMUP = 10
_LOOK_S = 0.01
_AT_REST_NS = 200_000
"""A process that rests uses less CPU time between two looks."""
_PATIENCE_S = 0.5
_SWITCHES = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
_UNSEEN = (
    "From outside, hops, threads, event loops, connections and statements cannot be seen; name the "
    "application with --app instead of --url to see them."
)


def observe_running(
    address: Address,
    requests: Sequence[Askable],
    *,
    url: str,
    count: int = REQUESTS,
    left_after: int = LEFT_AFTER,
) -> Observation:
    """Observe a running application of this machine.

    Args:
        address: where it listens.
        requests: each is sent `count` times, after some that warm it up.
        url: for the record.
        left_after: requests after which is told what they leave behind; 0 to leave that out.

    Raises:
        ServerFailed: a request has no complete answer.
    """
    notes = [_UNSEEN]
    root = listening_process(address.port)
    clock = None if root is None else TreeClock(root)
    if clock is None:
        notes.append(
            "The process behind the URL cannot be read, so its CPU time, context switches, threads "
            "and memory are unknown; run the command as the user who runs the server."
        )
    else:
        notes.append(
            "Context switches of threads that end within a request are missing: from outside, only "
            "living threads tell theirs."
        )
    passed: Counter[str] = Counter()
    sent: Counter[str] = Counter()

    def weigh(direction: str, data: bytes) -> None:
        passed[Amount.BYTES_IN if direction == "out" else Amount.BYTES_OUT] += len(data)

    with ExitStack() as stack:
        front = stack.enter_context(ObservingRelay(address, lambda: weigh))
        connection = stack.enter_context(KeptConnection(front.address, address))
        urls = []
        for request in requests:
            for _ in range(_WARMUP):
                connection.send(request)
            observed = []
            for _ in range(count):
                observed.append(_observe(connection, request, clock, passed))
            sent[request.name] += _WARMUP + count
            urls.append((request, tuple(observed)))
        left = _left_behind(connection, requests, clock, left_after, sent) if clock else None
    return Observation(
        served=Served(app=None, url=url),
        root="",
        libraries=(),
        urls=tuple(ObservedUrl(shown(r), observed, sent[r.name]) for r, observed in urls),
        left_behind=left if left_after else None,
        notes=tuple(notes),
    )


def _observe(
    connection: KeptConnection, request: Askable, clock: TreeClock | None, passed: Counter[str]
) -> ObservedRequest:
    before, bytes_before = _used(clock), Counter(passed)
    answer = connection.send(request)
    after = _used(clock, rest=True)
    counts: dict[Amount, float] = {}
    for amount in (Amount.BYTES_IN, Amount.BYTES_OUT):
        counts[amount] = passed[amount] - bytes_before[amount]
    for amount, value in after.items():
        counts[amount] = max(0, value - before[amount])
    return ObservedRequest(answer.status, answer.sent_ns, answer.answered_ns, counts, ())


def _used(clock: TreeClock | None, *, rest: bool = False) -> dict[Amount, float]:
    """CPU time and context switches so far; `rest`: once the process has nothing more to do."""
    if clock is None:
        if rest:
            time.sleep(_LOOK_S)
        return {}
    used_ns = clock.read_ns()
    end = time.monotonic() + _PATIENCE_S
    while rest and time.monotonic() < end:
        time.sleep(_LOOK_S)
        before_ns, used_ns = used_ns, clock.read_ns()
        rest = used_ns - before_ns > _AT_REST_NS
    return {Amount.CPU_US: used_ns / 1e3, Amount.SWITCHES: _switches(clock.pids)}


def _switches(pids: Collection[int]) -> int:
    """Context switches of all living threads of these processes (proc_pid_status(5))."""
    total = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/status"):
            with suppress(OSError):  # the thread has just ended
                for line in path.read_text().splitlines():
                    if line.startswith(_SWITCHES):
                        total += int(line.split()[1])
    return total


def _left_behind(
    connection: KeptConnection,
    requests: Sequence[Askable],
    clock: TreeClock,
    count: int,
    sent: Counter[str],
) -> LeftBehind:
    def held() -> tuple[int, int | None]:
        _used(clock, rest=True)
        return Usage.of(clock.pids).threads, memory_bytes(clock.pids)

    threads, memory = held()
    for number in range(count):
        request = requests[number % len(requests)]
        connection.send(request)
        sent[request.name] += 1
    threads_after, memory_after = held()
    return LeftBehind(
        requests=count,
        connections=None,
        threads=threads_after - threads,
        tasks=None,
        memory_bytes=None if memory is None or memory_after is None else memory_after - memory,
    )
