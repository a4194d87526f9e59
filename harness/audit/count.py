"""Counts the cost of one request: hops, threads, connections, database messages, CPU time.

The counts are compared with the variant's manifest. The server runs with counters inside (see
`instrument/`), and between two relays that see every byte to and from it. Requests are sent one
after the other, so every count is a whole number times the count of one request. Where one is not,
the server was still warming up, and is counted again.
"""

import http.client
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from harness.audit.bench import Bench
from harness.audit.constants import measure_constants
from harness.audit.counters import Counters
from harness.audit.http_client import FORM, HttpSession, Probe
from harness.audit.pg_wire import Wire
from harness.audit.subject import Subject, Violation
from harness.base.errors import DatabaseFailed, ServerFailed, check_scarce
from harness.inputs.contract import ENDPOINTS, Operation
from harness.inputs.manifests import QUANTITIES, Variant
from harness.inputs.settings import ApplicationSettings, ServerSettings
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.latency.relay import Observer
from harness.lab.network import HOST, Address
from harness.lab.postgres.url import address_of, at_address
from harness.lab.servers import LiveServer
from harness.records.verification import Audit, Constants, Toll

AUDITED = tuple(name for name in ENDPOINTS if name != "health")
_POOL = _THREADS = 4
_POOL_TIMEOUT_S = 3.0
"""Longer than a request waits for one of the connections on a busy machine, and shorter than a
client waits for its answer."""
_AT_ONCE = 8
_WARMUP, _SHORT_WARMUP = 32, 16
"""Requests, eight at once: for threads to have their connections, and connections their prepared
statements; without a statement, for threads to be there."""
_ALONE = 4 * _POOL
"""Further requests on the counted connection: a pool that rotates uses each of its connections."""
_REQUESTS = 32
_TIMES = 4
"""Counts at most. A thread that opens its connection at last, or a connection that prepares its
statements, is part of one of them."""
_QUIET_S, _PATIENCE_S = 0.03, 2.0
"""A request's effects are over when no count grew for this long."""
MESSAGES = ("statements", "transactions", "round_trips")
"""Quantities that are read from messages to and from PostgreSQL, and are unknown under TLS."""
_SWITCHES = ("voluntary_switches", "involuntary_switches")
_ROWS = 100
_UNUSUAL = ServerSettings(workers=2, threads=5, pool_size=7)
"""A number that is written into a server's or pool's configuration shows against these."""


class _Watched(msgspec.Struct, frozen=True):
    """A server between its relays, and its counts."""

    server: LiveServer
    subject: Subject
    passed: Counter[str]
    wires: list[Wire]
    counters: Counters | None

    @property
    def encrypted(self) -> bool:
        """Whether messages to PostgreSQL cannot be read."""
        return any(wire.encrypted for wire in self.wires)

    def quiet(self) -> Counter[str]:
        """Wait until the counts stop growing, and return them.

        Raises:
            Violation: they do not stop.
        """
        end = time.monotonic() + _PATIENCE_S
        before = self._now()
        while True:
            time.sleep(_QUIET_S)
            now = self._now()
            if _without_switches(now) == _without_switches(before):
                return now
            if time.monotonic() > end:
                raise Violation(
                    f"its counts still grow {_PATIENCE_S:g} s after the last request, so they "
                    "cannot be divided among requests"
                )
            before = now

    def _now(self) -> Counter[str]:
        total = Counter(self.passed)
        if self.counters is not None:
            total.update(self.counters.read())
        return total


def audit(
    bench: Bench,
    variant: Variant,
    python: Path,
    *,
    cpu: bool,
    given: ServerSettings | None = None,
    constant: bool = True,
) -> Audit:
    """Count the cost of each endpoint, and compare it with the manifest and the contract.

    Then measure what a study holds constant.

    Args:
        bench: database, servers, logs.
        variant: the one to audit.
        python: the interpreter of its environment.
        cpu: whether to measure CPU time per request too, on a second server without counters.
        given: what a study gives to the variant's server; without one, numbers that no server has
            by itself.
        constant: whether to measure what a study holds constant too, on a server without counters.
    """
    for purpose in ("audit", "constants"):
        bench.log(variant, purpose).unlink(missing_ok=True)
    tolls: list[Toll] = []
    constants: Constants | None = None
    problem: str | None = None
    try:
        counted = _each_endpoint(bench, variant, python, instrumented=True)
        used = _each_endpoint(bench, variant, python, instrumented=False) if cpu else {}
        for name, counts in counted.items():
            if name in used:
                counts["cpu_us"] = used[name]["cpu_us"]
            expected = _expected(bench.contract.operations[name], variant)
            expected = {q: n for q, n in expected.items() if q in counts}
            tolls.append(Toll(name, _REQUESTS, counts, expected))
        if constant:
            given = given or _unusual(bench, variant)
            constants = measure_constants(bench, variant, python, given)
    except (Violation, ServerFailed, DatabaseFailed) as error:
        problem = str(error)
    except (OSError, http.client.HTTPException) as error:
        check_scarce(error)
        problem = f"no complete response: {type(error).__name__} {error}".rstrip()
    uncounted = tuple(q for q in MESSAGES if tolls and q not in tolls[0].counted)
    return Audit(variant.name, tuple(tolls), problem, uncounted, constants)


def _unusual(bench: Bench, variant: Variant) -> ServerSettings:
    """A server that takes no number of workers is for studies that give one."""
    if bench.servers[variant.server].takes("workers"):
        return _UNUSUAL
    return msgspec.structs.replace(_UNUSUAL, workers=1)


def _expected(operation: Operation, variant: Variant) -> dict[str, int]:
    work = len(operation.effects.statements) + operation.effects.control
    expected: dict[str, int] = {}
    for quantity in QUANTITIES:
        if variant.unforeseen and quantity in _OF_THE_BRIDGE:
            continue
        declared = variant.expect.of(quantity, operation.name)
        expected[quantity] = work if declared is None else declared
    return expected


_OF_THE_BRIDGE = ("hops", "threads", "loops")
"""Quantities that a release of a package may change; what is sent to the database is the
contract's."""


def _each_endpoint(
    bench: Bench, variant: Variant, python: Path, *, instrumented: bool
) -> dict[str, dict[str, float]]:
    with ExitStack() as stack:
        watched = _start(bench, variant, python, stack, instrumented=instrumented)
        return {name: _count(watched, bench.contract.operations[name], stack) for name in AUDITED}


def _start(
    bench: Bench, variant: Variant, python: Path, stack: ExitStack, *, instrumented: bool
) -> _Watched:
    passed: Counter[str] = Counter()
    wires: list[Wire] = []

    def observe_database() -> Observer:
        passed["connects"] += 1
        wires.append(Wire(passed))
        return wires[-1].feed

    url = bench.database.login(variant.name)
    relay = stack.enter_context(ObservingRelay(address_of(url), observe_database))
    counters = stack.enter_context(Counters()) if instrumented else None
    settings = ApplicationSettings(
        database_url=at_address(url, relay.address), pool_size=_POOL,
        pool_timeout_s=_POOL_TIMEOUT_S, cpu_iterations=1_000, wait_ms=1,
    )  # fmt: skip
    server = stack.enter_context(
        bench.start(
            variant, python, settings, bench.log(variant, "audit"), threads=_THREADS,
            extra=counters.environment if counters else None,
        )
    )  # fmt: skip
    front = stack.enter_context(
        ObservingRelay(Address(HOST, server.port), lambda: partial(_weigh, passed))
    )
    subject = Subject(
        variant=variant.name, probe=Probe(f"http://{HOST}:{front.address.port}"),
        contract=bench.contract, database=bench.database, settings=settings,
    )  # fmt: skip
    return _Watched(server, subject, passed, wires, counters)


def _weigh(passed: Counter[str], direction: str, data: bytes) -> None:
    passed["http_bytes_in" if direction == "out" else "http_bytes_out"] += len(data)


def _count(watched: _Watched, operation: Operation, stack: ExitStack) -> dict[str, float]:
    """Counts per request, over `_REQUESTS` on one connection, with the same table at first."""
    queries = bool(operation.effects.statements)
    if queries:
        watched.subject.database.reset(_ROWS)
    pool = ThreadPoolExecutor(_AT_ONCE)
    warmup = _WARMUP if queries else _SHORT_WARMUP
    try:
        probe = watched.subject.probe
        list(pool.map(lambda n: _request(watched, operation, probe, n), range(warmup)))
    finally:
        pool.shutdown(cancel_futures=True)  # after a failure, the rest would fail likewise
    session = stack.enter_context(watched.subject.probe.session())
    for number in range(_ALONE):
        _request(watched, operation, session, number)
    counted, cpu_ns = counted_requests(
        lambda number: _request(watched, operation, session, number),
        watched.quiet, watched.server.clock.read_ns,
    )  # fmt: skip
    names = [*QUANTITIES, *(_SWITCHES if watched.counters else ()), *counted]
    if watched.encrypted:
        names = [name for name in names if name not in MESSAGES]
    named = {"out": "database_bytes_out", "in": "database_bytes_in"}
    counts = {named.get(n, n): counted[n] / _REQUESTS for n in dict.fromkeys(names)}
    return counts if watched.counters else counts | {"cpu_us": cpu_ns / 1e3 / _REQUESTS}


def counted_requests(
    ask: Callable[[int], None], counts: Callable[[], Counter[str]], cpu_ns: Callable[[], int]
) -> tuple[Counter[str], int]:
    """What `_REQUESTS` requests add to the counts and to the CPU time, in nanoseconds.

    Each does the same once the server is warm, so the counts are whole multiples then. Until they
    are, they are taken anew, `_TIMES` at most.

    Args:
        ask: sends a request, by its number.
        counts: reads the counts once they are quiet.
        cpu_ns: reads the CPU time so far.
    """
    added, used_ns = Counter[str](), 0
    for _ in range(_TIMES):
        before, before_ns = counts(), cpu_ns()
        for number in range(_REQUESTS):
            ask(number)
        added, used_ns = counts() - before, cpu_ns() - before_ns
        if all(added[quantity] % _REQUESTS == 0 for quantity in QUANTITIES):
            break
    return added, used_ns


def _request(
    watched: _Watched, operation: Operation, client: Probe | HttpSession, number: int
) -> None:
    body = kind = None
    if operation.method == "POST":
        kind = FORM
        body = urlencode({"title": f"title {number:03}", "content": f"text {number:03}"}).encode()
    reply = client.send(operation.method, operation.target, body, kind)
    if reply.status == 503:
        raise Violation(
            f"{operation.path} answered 503 with a pool of {_POOL} connections, so requests keep "
            f"connections and never give them back: {reply.shown()}"
        )
    watched.subject.success(operation.name, reply)


def _without_switches(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name not in _SWITCHES}
