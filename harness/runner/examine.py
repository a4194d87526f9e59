"""Before anything is measured: every environment is made, every variant verified and audited."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.verify import verify
from harness.inputs.factors import pool_of
from harness.inputs.manifests import Variant
from harness.inputs.study import Study
from harness.lab.environments import installed, is_made, prepare
from harness.lab.postgres.database import Database
from harness.lab.servers import ServerGroup
from harness.load.locust.driver import prepare_locust
from harness.records.verification import Audit, Verification
from harness.runner.laboratory import Laboratory, Listener
from harness.runner.side_by_side import side_by_side
from harness.runner.time_left import SetUp, Stage

_MOST_AT_ONCE = 8
"""Variants: the harness itself, one process, cannot keep more of them busy."""
_PATIENCE_S = 3.0
"""For a check to fail whose server has been stopped; a command ends within five seconds."""
_CONNECTIONS = 24
"""That an examination needs beside those that its server is given: for its requests, and for the
harness."""


class Environments(msgspec.Struct, frozen=True):
    """Environments of the implementations, and of Locust where it loads.

    pythons: interpreters, where this machine runs the application. locust: its interpreter.
    packages: by implementation, the versions.
    """

    pythons: dict[str, Path]
    locust: Path | None
    packages: dict[str, dict[str, str]]


class Examination(msgspec.Struct, frozen=True):
    """A variant, held to the contract and to its own label."""

    verification: Verification
    audit: Audit

    @property
    def problems(self) -> tuple[str, ...]:
        """Every failure and deviation, one line each."""
        return (*self.verification.problems, *self.audit.problems)


def set_up_of(laboratory: Laboratory, study: Study, *, begun: bool) -> SetUp:
    """What the study needs before it is measured, for an estimate of its time.

    begun: whether a run of it is resumed, which checks no variant again.
    """
    catalog = laboratory.catalog.with_setups(study.setups, workers=study.server.workers)
    known = catalog.variants
    folders = dict.fromkeys(known[n].implementation for n in study.everyone if n in known)
    made = [
        is_made(laboratory.cache, catalog.implementations[folder])
        for folder in folders
        if folder in catalog.implementations
    ]
    return SetUp(
        environments=(*made, *([True] if study.ramped else [])),
        variants=0 if begun else len(study.everyone),
        at_once=min(len(os.sched_getaffinity(0)), _MOST_AT_ONCE),
    )


def prepare_environments(laboratory: Laboratory, study: Study) -> Environments:
    """Make every environment that the study needs.

    Raises:
        EnvironmentFailed: one cannot be made.
    """
    pythons: dict[str, Path] = {}
    for name in study.everyone:
        folder = laboratory.catalog.variant(name).implementation
        if folder not in pythons:
            laboratory.listener.step(f"environment of {folder}", Stage.ENVIRONMENT)
            implementation = laboratory.catalog.implementations[folder]
            pythons[folder] = prepare(laboratory.cache, implementation)
    packages = {folder: installed(python) for folder, python in pythons.items()}
    if not study.ramped:
        return Environments(pythons, None, packages)
    laboratory.listener.step("environment of Locust", Stage.ENVIRONMENT)
    return Environments(pythons, prepare_locust(laboratory.cache), packages)


def examine_variants(
    laboratory: Laboratory,
    study: Study,
    environments: Environments,
    database: Database,
    logs: Path,
) -> Sequence[Examination]:
    """Check every variant of the study once: that it does its work, and as its label says.

    Several are checked side by side, each with a server and a database of its own. What is counted
    and timed does not depend on how fast the machine is. CPU time is left to the trials, which
    measure it better.

    Returns:
        One for each variant, in the study's order. The listener hears of them in this order too.

    Raises:
        DatabaseFailed: PostgreSQL has gone, which is no fault of a variant.
    """
    at_once = most_at_once(laboratory, study, len(os.sched_getaffinity(0)))
    with ExitStack() as stack:
        benches: SimpleQueue[Bench] = SimpleQueue()
        databases = [database]
        databases += [stack.enter_context(database.another()) for _ in range(at_once - 1)]
        stack.callback(_gather, benches, at_once)
        group = stack.enter_context(ServerGroup())
        for own in databases:
            benches.put(Bench(laboratory.contract, own, laboratory.catalog.servers, logs, group))

        def one(name: str) -> Examination:
            bench = benches.get()
            try:
                variant = laboratory.catalog.variant(name)
                return examine_one(
                    study, variant, environments.pythons[variant.implementation], bench
                )
            finally:
                benches.put(bench)

        return examine_each(laboratory.listener, study, one, at_once)


def examine_each(
    listener: Listener, study: Study, one: Callable[[str], Examination], at_once: int
) -> Sequence[Examination]:
    """Examine every variant, several at a time, and tell of each in the study's order.

    Args:
        listener: hears of it.
        study: whose variants.
        one: examines a variant by its name; it is called from several threads.
        at_once: how many at a time.
    """
    names = study.everyone
    few = f", {at_once} at a time" if at_once > 1 else ""
    variants = f"{len(names)} variant{'s' * (len(names) > 1)}"
    listener.step(f"verifying and auditing {variants}{few}", Stage.EXAMINATION)
    examinations: list[Examination] = []
    with closing(side_by_side(one, names, at_once)) as found:
        for examination in found:
            listener.verified(examination.verification)
            for problem in examination.audit.problems:
                listener.problem(f"{examination.audit.variant}: {problem}")
            examinations.append(examination)
    if any(examination.audit.uncounted for examination in examinations):
        listener.problem(
            "connections to PostgreSQL are encrypted, so their messages are not counted; verify "
            "has counted the statements on the server"
        )
    return examinations


def _gather(benches: SimpleQueue[Bench], count: int) -> None:
    """Wait until threads have given their benches back, as they do soon without their servers.

    A connection to PostgreSQL that is closed while another thread waits for it ends the process.
    """
    end = time.monotonic() + _PATIENCE_S
    with suppress(Empty):
        for _ in range(count):
            benches.get(timeout=max(0.0, end - time.monotonic()))


def most_at_once(laboratory: Laboratory, study: Study, processors: int) -> int:
    """How many variants are examined at a time: as many as processors, and one, as some wait.

    Fewer where PostgreSQL has no room for their connections.
    """
    pools = {name: pool_of(laboratory.catalog.variant(name).factors) for name in study.everyone}
    held = max(study.server_of(name).connections(pool) or 0 for name, pool in pools.items())
    room = study.database.max_connections // (held + _CONNECTIONS)
    return max(1, min(len(study.everyone), processors + 1, _MOST_AT_ONCE, room))


def examine_one(study: Study, variant: Variant, python: Path, bench: Bench) -> Examination:
    """Verify and audit one variant.

    Args:
        study: what its server is given.
        variant: the one to examine.
        python: the interpreter of its environment.
        bench: database and logs, of its own.

    Raises:
        DatabaseFailed: PostgreSQL has gone.
    """
    verification = verify(bench, variant, python)
    bench.database.check_answers()
    audited = audit(bench, variant, python, cpu=False, given=study.server_of(variant.name))
    bench.database.check_answers()
    if not verification.passed or audited.problems:
        bench.database.check_accepts()  # by now its server has given back what it held
    return Examination(verification, audited)
