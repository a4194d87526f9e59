"""Before anything is measured: every environment is made, every variant verified and audited."""

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.verify import verify
from harness.base.errors import EnvironmentFailed, Untestable
from harness.inputs.factors import pool_of
from harness.inputs.kinds import StudyKind, kind_of, origins_of
from harness.inputs.manifests import Variant
from harness.inputs.settings import MOST_COUNTED
from harness.inputs.study import Study
from harness.lab.environments import installed, is_made, prepare
from harness.lab.postgres.database import Database
from harness.load.locust.driver import prepare_locust
from harness.records.verification import Audit, Verification
from harness.runner.benches import MOST_AT_ONCE, count_at_once, on_benches
from harness.runner.laboratory import Laboratory, Listener
from harness.runner.time_left import SetUp, Stage


class Environments(msgspec.Struct, frozen=True):
    """Environments of the implementations, and of Locust where it loads.

    pythons: interpreters, where this machine runs the application.
    locust: its interpreter, where this machine loads.
    packages: by implementation, the versions. locust_packages: None where Locust does not load.
    """

    pythons: dict[str, Path]
    locust: Path | None
    packages: dict[str, dict[str, str]]
    locust_packages: dict[str, str] | None = None


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
        at_once=min(len(os.sched_getaffinity(0)), MOST_AT_ONCE),
    )


def prepare_environments(laboratory: Laboratory, study: Study) -> Environments:
    """Make every environment that the study needs.

    Raises:
        EnvironmentFailed: one cannot be made.
        Untestable: likewise, of a B in an A/B.
    """
    pythons: dict[str, Path] = {}
    for name in study.everyone:
        folder = laboratory.catalog.variant(name).implementation
        if folder not in pythons:
            laboratory.listener.step(f"environment of {folder}", Stage.ENVIRONMENT)
            implementation = laboratory.catalog.implementations[folder]
            try:
                pythons[folder] = prepare(laboratory.cache, implementation)
            except EnvironmentFailed as error:
                if kind_of(study) is StudyKind.AB and name in origins_of(study):
                    raise Untestable(str(error)) from None
                raise
    packages = {folder: installed(python) for folder, python in pythons.items()}
    if not study.ramped:
        return Environments(pythons, None, packages)
    laboratory.listener.step("environment of Locust", Stage.ENVIRONMENT)
    locust = prepare_locust(laboratory.cache)
    return Environments(pythons, locust, packages, installed(locust))


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

    def one(bench: Bench, name: str) -> Examination:
        variant = laboratory.catalog.variant(name)
        return examine_one(study, variant, environments.pythons[variant.implementation], bench)

    coming = on_benches(laboratory, database, logs, study.everyone, at_once, one)
    return tell_of_each(laboratory.listener, study, coming, at_once)


def tell_of_each(
    listener: Listener, study: Study, coming: Generator[Examination], at_once: int
) -> Sequence[Examination]:
    """Tell of each variant's examination in the study's order, and return them.

    Args:
        listener: hears of it.
        study: whose variants.
        coming: their examinations, begun when the first is asked for.
        at_once: how many are under way at most.
    """
    names = study.everyone
    few = f", {at_once} at a time" if at_once > 1 else ""
    variants = f"{len(names)} variant{'s' * (len(names) > 1)}"
    listener.step(f"verifying and auditing {variants}{few}", Stage.EXAMINATION)
    examinations: list[Examination] = []
    with closing(coming):
        for examination in coming:
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


def most_at_once(laboratory: Laboratory, study: Study, processors: int) -> int:
    """How many variants are examined at a time; fewer where PostgreSQL lacks connections.

    processors: of the machine that examines.
    """
    pools = {name: pool_of(laboratory.catalog.variant(name).factors) for name in study.everyone}
    held = max(study.server_of(name).connections(pool) or 0 for name, pool in pools.items())
    held = min(held, MOST_COUNTED)
    return count_at_once(len(study.everyone), study.database.max_connections, held, processors)


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
