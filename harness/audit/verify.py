"""All checks on one variant, shared by the command `verify`, the gate before a run, and tests."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from harness.audit.bench import Bench
from harness.audit.database_checks import (
    database_outage,
    errors_leave_the_database_alone,
    sql_effects,
)
from harness.audit.http_checks import HTTP_CHECKS
from harness.audit.http_client import Probe
from harness.audit.subject import Check, Subject, Violation, expect
from harness.base.errors import DatabaseFailed, ServerFailed, check_scarce
from harness.inputs.contract import cpu_sum
from harness.inputs.factors import PER_REQUEST, pool_of
from harness.inputs.manifests import Variant
from harness.inputs.settings import ApplicationSettings
from harness.lab.clocks import TreeClock
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.postgres.url import address_of, at_address
from harness.records.verification import Outcome, Verification

_POOL, _THREADS = 8, 8
_FEW, _MANY = 50_000, 4_000_000
"""Iterations of the CPU loop: about 2 and 200 ms. The larger sum, like that of the contract's
default, does not fit in 64 bits, so an encoder that cannot write it fails here."""
_LEAST_SHARE = 0.4
"""Share of the harness's own time for the same loop. It is below 1 because the two run at different
moments on cores whose speed varies; a formula needs less than a thousandth."""
_POOL_TIMEOUT_S = 1.0
_WAIT_MS = 20


def verify(bench: Bench, variant: Variant, python: Path) -> Verification:
    """Start the variant twice, with a short and a long CPU loop, and run every check."""
    bench.log(variant, "verify").unlink(missing_ok=True)
    outcomes: list[Outcome] = []
    checks = (*HTTP_CHECKS, sql_effects, errors_leave_the_database_alone)
    try:
        with _serving(bench, variant, python, _FEW) as (subject, clock):
            outcomes += [_run(check, subject) for check in checks]
            few = _cpu(subject, clock, outcomes)
        with _serving(bench, variant, python, _MANY, relayed=True) as (subject, clock):
            many = _cpu(subject, clock, outcomes)
            if few is not None and many is not None:
                outcomes.append(_scaling(few, many))
            outcomes.append(_run(database_outage, subject))
    except ServerFailed as error:
        outcomes.append(Outcome(check="starts", problem=str(error)))
    return Verification(variant=variant.name, outcomes=tuple(outcomes))


@contextmanager
def _serving(
    bench: Bench, variant: Variant, python: Path, iterations: int, *, relayed: bool = False
) -> Iterator[tuple[Subject, TreeClock]]:
    """A server of the variant and its CPU clock, within the block.

    relayed: it reaches the database by a relay, which a check may close.
    """
    log, url = bench.log(variant, "verify"), bench.database.login(variant.name)
    with ExitStack() as stack:
        way = stack.enter_context(ObservingRelay(address_of(url))) if relayed else None
        settings = ApplicationSettings(
            database_url=url if way is None else at_address(url, way.address),
            pool_size=_POOL,
            pool_timeout_s=_POOL_TIMEOUT_S,
            cpu_iterations=iterations,
            wait_ms=_WAIT_MS,
        )
        server = stack.enter_context(bench.start(variant, python, settings, log, threads=_THREADS))
        subject = Subject(
            variant=variant.name,
            probe=Probe(server.url),
            contract=bench.contract,
            database=bench.database,
            settings=settings,
            connects_per_request=pool_of(variant.factors) == PER_REQUEST,
            way=way,
        )
        yield subject, server.clock


def _run(check: Check, subject: Subject) -> Outcome:
    """Run one check. A connection that breaks is the server's failure, so it is an outcome too."""
    name = check.__name__.replace("_", " ")
    try:
        check(subject)
    except Violation as violation:
        return Outcome(check=name, problem=str(violation))
    except DatabaseFailed as error:  # the server may hold a lock that the harness waits for
        return Outcome(check=name, problem=str(error))
    except (OSError, http.client.HTTPException) as error:
        check_scarce(error)
        problem = f"no complete response: {type(error).__name__} {error}".rstrip()
        return Outcome(check=name, problem=problem)
    return Outcome(check=name, problem=None)


def _cpu(subject: Subject, clock: TreeClock, outcomes: list[Outcome]) -> float | None:
    """CPU nanoseconds of the server for a `/cpu` request; None and an outcome where it fails."""
    iterations = subject.settings.cpu_iterations
    expected = cpu_sum(iterations)
    try:
        subject.answer("cpu")
        before = clock.read_ns()
        expect(subject.answer("cpu")["ct"] == expected, f"expected ct = {expected}")
    except (Violation, OSError, http.client.HTTPException) as error:
        check_scarce(error)
        outcomes.append(Outcome(check=f"cpu at {iterations} iterations", problem=str(error)))
        return None
    return float(clock.read_ns() - before)


def _scaling(few: float, many: float) -> Outcome:
    try:
        check_cpu_scales((_FEW, few), (_MANY, many))
    except Violation as violation:
        return Outcome(check="cpu really runs", problem=str(violation))
    return Outcome(check="cpu really runs", problem=None)


def check_cpu_scales(few: tuple[int, float], many: tuple[int, float]) -> None:
    """Check that CPU time per request grows with the iterations as the loop itself does.

    No closed formula can deceive the CPU clock.

    Args:
        few, many: iterations, and CPU nanoseconds per request, of two servers.

    Raises:
        Violation: it does not grow enough.
    """
    iterations = many[0] - few[0]
    growth = many[1] - few[1]
    with _own:  # variants are verified side by side, and one measurement is for all
        own = _own_loop_ns(iterations)
    expect(
        growth >= _LEAST_SHARE * own,
        f"{iterations} more iterations cost {growth / 1e6:.2f} ms more CPU time per request, and "
        f"the loop alone takes {own / 1e6:.2f} ms here: /cpu does not run it",
    )


_own = threading.Lock()


@cache
def _own_loop_ns(iterations: int) -> float:
    """CPU time of the loop in this interpreter: the fastest of three."""
    best = float("inf")
    for _ in range(3):
        before = time.thread_time_ns()
        ct = 0
        for i in range(iterations):
            ct += i * i
        best = min(best, time.thread_time_ns() - before)
    return best
