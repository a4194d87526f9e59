"""Before anything is measured: every environment is made, every variant verified and audited."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.verify import verify
from harness.inputs.study import Study
from harness.lab.environments import prepare
from harness.lab.postgres.database import Database
from harness.load.locust.driver import prepare_locust
from harness.records.verification import Audit, Verification
from harness.runner.laboratory import Laboratory


class Environments(msgspec.Struct, frozen=True):
    """Interpreters: of each implementation's environment, and of Locust's where it loads."""

    pythons: dict[str, Path]
    locust: Path | None


class Examination(msgspec.Struct, frozen=True):
    """A variant, held to the contract and to its own label."""

    verification: Verification
    audit: Audit

    @property
    def problems(self) -> tuple[str, ...]:
        """Every failure and deviation, one line each."""
        return (*self.verification.problems, *self.audit.problems)


def prepare_environments(laboratory: Laboratory, study: Study) -> Environments:
    """Make every environment that the study needs.

    Raises:
        EnvironmentFailed: one cannot be made.
    """
    pythons: dict[str, Path] = {}
    for name in study.everyone:
        folder = laboratory.catalog.variant(name).implementation
        if folder not in pythons:
            laboratory.listener.step(f"environment of {folder}")
            implementation = laboratory.catalog.implementations[folder]
            pythons[folder] = prepare(laboratory.cache, implementation)
    if not study.ramped:
        return Environments(pythons, None)
    laboratory.listener.step("environment of Locust")
    return Environments(pythons, prepare_locust(laboratory.cache))


def examine_variants(
    laboratory: Laboratory,
    study: Study,
    environments: Environments,
    database: Database,
    logs: Path,
) -> Sequence[Examination]:
    """Check every variant of the study once: that it does its work, and as its label says.

    CPU time is left to the trials, which measure it better.
    """
    listener = laboratory.listener
    bench = Bench(laboratory.contract, database, laboratory.catalog.servers, logs)
    examinations: list[Examination] = []
    for name in study.everyone:
        variant = laboratory.catalog.variant(name)
        python = environments.pythons[variant.implementation]
        listener.step(f"verifying {name}")
        verification = verify(bench, variant, python)
        database.check_answers()  # a dead PostgreSQL is no fault of the variant
        listener.verified(verification)
        listener.step(f"auditing {name}")
        audited = audit(bench, variant, python, cpu=False, given=study.server_of(name))
        database.check_answers()
        for problem in audited.problems:
            listener.problem(f"{name}: {problem}")
        examinations.append(Examination(verification, audited))
    if any(examination.audit.uncounted for examination in examinations):
        listener.problem(
            "connections to PostgreSQL are encrypted, so their messages are not counted; verify "
            "has counted the statements on the server"
        )
    return examinations
