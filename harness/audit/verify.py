"""All checks on one variant: the gate before a run, the command, and the tests share it."""

import http.client
from pathlib import Path

from harness.audit.bench import Bench
from harness.audit.cpu_check import check_cpu_scales, cpu_per_request_ns
from harness.audit.http_checks import HTTP_CHECKS, Check, Subject, Violation
from harness.audit.http_client import Probe
from harness.audit.outage_check import database_outage
from harness.audit.sql_checks import errors_leave_the_database_alone, sql_effects
from harness.base.errors import DatabaseFailed, ServerFailed
from harness.inputs.manifests import Variant
from harness.inputs.settings import ApplicationSettings
from harness.lab.servers import LiveServer
from harness.records.verification import Outcome, Verification

_POOL, _THREADS = 8, 8
_FEW, _MANY = 50_000, 4_000_000
"""Iterations of the CPU loop: about 2 and 200 ms. The larger sum, like that of the contract's
default, does not fit in 64 bits: an encoder that cannot write it is found here."""
_EFFECT_CHECKS: tuple[Check, ...] = (sql_effects, errors_leave_the_database_alone)
_POOL_TIMEOUT_S = 1.0
_WAIT_MS = 20


def verify(bench: Bench, variant: Variant, python: Path) -> Verification:
    """Start the variant twice, with a short and a long CPU loop, and run every check."""
    _log(bench, variant).unlink(missing_ok=True)
    outcomes: list[Outcome] = []
    try:
        with _start(bench, variant, python, _FEW) as server:
            subject = _subject(bench, server, _FEW)
            outcomes += [_run(check, subject) for check in (*HTTP_CHECKS, *_EFFECT_CHECKS)]
            few = _cpu(subject, server, outcomes)
        with _start(bench, variant, python, _MANY) as server:
            subject = _subject(bench, server, _MANY)
            many = _cpu(subject, server, outcomes)
            if few is not None and many is not None:
                outcomes.append(_scaling(few, many))
            outcomes.append(_run(database_outage, subject))
    except ServerFailed as error:
        outcomes.append(Outcome(check="starts", problem=str(error)))
    return Verification(variant=variant.name, outcomes=tuple(outcomes))


def _start(bench: Bench, variant: Variant, python: Path, iterations: int) -> LiveServer:
    settings = _settings(bench, variant.name, iterations)
    return bench.start(variant, python, settings, _log(bench, variant), threads=_THREADS)


def _log(bench: Bench, variant: Variant) -> Path:
    return bench.log(variant, "verify")


def _settings(bench: Bench, variant: str, iterations: int) -> ApplicationSettings:
    return ApplicationSettings(
        database_url=bench.database.login(variant),
        pool_size=_POOL,
        pool_timeout_s=_POOL_TIMEOUT_S,
        cpu_iterations=iterations,
        wait_ms=_WAIT_MS,
    )


def _subject(bench: Bench, server: LiveServer, iterations: int) -> Subject:
    return Subject(
        variant=server.variant.name,
        probe=Probe(server.url),
        contract=bench.contract,
        database=bench.database,
        settings=_settings(bench, server.variant.name, iterations),
        connects_per_request=server.variant.factors.get("pool") == "per-request",
    )


def _cpu(subject: Subject, server: LiveServer, outcomes: list[Outcome]) -> float | None:
    """CPU nanoseconds per `/cpu` request, or None and an outcome that says why not."""
    try:
        return cpu_per_request_ns(subject, server.clock)
    except (Violation, OSError, http.client.HTTPException) as error:
        name = f"cpu at {subject.settings.cpu_iterations} iterations"
        outcomes.append(Outcome(check=name, problem=str(error)))
        return None


def _scaling(few: float, many: float) -> Outcome:
    try:
        check_cpu_scales((_FEW, few), (_MANY, many))
    except Violation as violation:
        return Outcome(check="cpu really runs", problem=str(violation))
    return Outcome(check="cpu really runs", problem=None)


def _run(check: Check, subject: Subject) -> Outcome:
    """One check; a connection that breaks is a finding about the server, not about us."""
    name = check.__name__.replace("_", " ")
    try:
        check(subject)
    except Violation as violation:
        return Outcome(check=name, problem=str(violation))
    except DatabaseFailed as error:  # it may hold a lock that we wait for
        return Outcome(check=name, problem=str(error))
    except (OSError, http.client.HTTPException) as error:
        problem = f"no complete response: {type(error).__name__} {error}".rstrip()
        return Outcome(check=name, problem=problem)
    return Outcome(check=name, problem=None)
