"""From a study to a finished run: a new one, or the rest of one that was interrupted."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from harness.catalog import Catalog
from harness.contract import Contract
from harness.doctor.limits import read_limits
from harness.errors import RunFailed, UsageError
from harness.examinations import Audit, Verification
from harness.experiment.digests import code_digest, contract_digest
from harness.experiment.feasibility import check_connections, check_objectives, check_rates
from harness.experiment.listener import Listener
from harness.experiment.plan import make_plan
from harness.experiment.session import Session
from harness.experiment.store import Store
from harness.lab.database import Database
from harness.lab.environments import installed, lock_digest
from harness.lab.machine import commit, describe, propose_cores
from harness.lab.postgres import EmbeddedPostgres
from harness.load.ceiling import measure_ceiling
from harness.model import Cores
from harness.records import SCHEMA, ImplementationRecord, Plan, Run, VariantRecord
from harness.study import DatabaseSettings, Study
from harness.workspace import Workspace

_CEILING_S = 1.0


class Laboratory(msgspec.Struct, frozen=True):
    """What a run needs beside its study."""

    workspace: Workspace
    cache: Path
    catalog: Catalog
    contract: Contract
    database_url: str | None
    listener: Listener


@contextmanager
def open_database(
    laboratory: Laboratory, settings: DatabaseSettings, cores: Cores | None
) -> Iterator[Database]:
    """The embedded PostgreSQL, or the one that the user named."""
    if laboratory.database_url is not None:
        with Database(laboratory.database_url, laboratory.contract) as database:
            yield database
        return
    laboratory.listener.step("starting PostgreSQL")
    cpus = cores.database if cores else None
    with (
        EmbeddedPostgres(laboratory.cache, settings, cpus) as cluster,
        Database(cluster.url, laboratory.contract, cluster) as database,
    ):
        yield database


def start(laboratory: Laboratory, study_name: str, study: Study, command: str) -> Store:
    """Begin a run: verify and audit every variant, write `run.json`, measure.

    Args:
        laboratory: where and with what.
        study_name: how the run is named.
        study: what is done.
        command: what a reader types to do the same, for the report.

    Raises:
        RunFailed: some variant was excluded or some trial incomplete; what was measured is kept.
    """
    now = datetime.now(UTC)
    store = Store.create(laboratory.workspace.results, f"{study_name}-{now:%Y%m%d-%H%M%S}")
    try:
        cores = propose_cores(study.server.workers, study.load.generators)
        session = _session(laboratory, study, make_plan(study), cores, store)
        session.prepare()
        ceiling_per_s = _ceiling(laboratory, study, cores)
        with open_database(laboratory, study.database, session.cores) as database:
            _check_room(laboratory, database, study)
            examined = session.examine(database)
            origin = _Origin(id=store.id, study_name=study_name, command=command, at=now)
            run = _describe(laboratory, session, database, origin, examined, ceiling_per_s)
            store.write_run(run)
            laboratory.listener.begun(store.id)
            _check_baseline(run)
            session.measure(database, run)
    except BaseException:
        if not (store.folder / "run.json").exists():  # nothing was measured: leave nothing behind
            shutil.rmtree(store.folder, ignore_errors=True)
        raise
    _complain(run, session.problems)
    return store


def resume(laboratory: Laboratory, store: Store) -> Store:
    """Do what is missing of a run, under the conditions under which it began.

    Raises:
        UsageError: contract, locks, machine or cores are no longer those of the run.
    """
    run = store.read_run()
    cores = propose_cores(run.study.server.workers, run.study.load.generators)
    laboratory.listener.begun(store.id)
    _refuse_changes(run, _changes(laboratory, run, cores))
    session = _session(laboratory, run.study, run.plan, cores, store)
    session.prepare()
    with open_database(laboratory, run.study.database, cores) as database:
        _check_room(laboratory, database, run.study)
        if database.settings() != run.database:
            _refuse_changes(run, ["PostgreSQL or its settings"])
        session.measure(database, run)
    _complain(run, session.problems)
    return store


def _ceiling(laboratory: Laboratory, study: Study, cores: Cores) -> float:
    """Of the generator on this machine, after what needs no measuring has been checked.

    Raises:
        UsageError: the study asks for more than can be had here.
    """
    check_connections(study, read_limits())
    laboratory.listener.step("measuring the load generator's ceiling")
    ceiling = measure_ceiling(cores.application, cores.load, seconds=_CEILING_S)
    check_rates(study, ceiling.per_s)
    check_objectives(study, ceiling)
    return ceiling.per_s


def _check_room(laboratory: Laboratory, database: Database, study: Study) -> None:
    """Our own PostgreSQL is started with what the study wants; another has what it has."""
    if laboratory.database_url is not None:
        database.check_room(study.database.max_connections)


def _session(
    laboratory: Laboratory, study: Study, plan: Plan, cores: Cores, store: Store
) -> Session:
    return Session(
        study, plan, laboratory.catalog, laboratory.contract, cores, store, laboratory.cache,
        laboratory.listener,
    )  # fmt: skip


class _Origin(msgspec.Struct, frozen=True):
    """How a run came to be."""

    id: str
    study_name: str
    command: str
    at: datetime


def _describe(
    laboratory: Laboratory,
    session: Session,
    database: Database,
    origin: _Origin,
    examined: Sequence[tuple[Verification, Audit]],
    ceiling_per_s: float,
) -> Run:
    study = session.study
    variants = [laboratory.catalog.variant(name) for name in study.everyone]
    return Run(
        schema=SCHEMA,
        id=origin.id,
        command=origin.command,
        study_name=origin.study_name,
        study=study,
        plan=session.plan,
        started_at=origin.at.isoformat(timespec="seconds"),
        bridgetoll=version("bridgetoll"),
        commit=commit(laboratory.workspace.root),
        contract=laboratory.contract.version,
        contract_digest=contract_digest(laboratory.workspace),
        code_digest=code_digest(laboratory.workspace, laboratory.catalog, study),
        machine=describe(),
        cores=session.cores,
        database=database.settings(),
        embedded_database=laboratory.database_url is None,
        implementations=_implementations(laboratory, session, {v.implementation for v in variants}),
        variants={
            v.name: VariantRecord(
                title=v.title, framework=v.framework, server=v.server, factors=v.factors,
                tags=tuple(v.tags),
            )
            for v in variants
        },
        verifications=tuple(verification for verification, _ in examined),
        audits=tuple(audit for _, audit in examined),
        excluded={
            v.variant: (*v.problems, *a.problems)[0]
            for v, a in examined
            if not (v.passed and a.passed)
        },
        generator_ceiling_per_s=ceiling_per_s,
    )  # fmt: skip


def _implementations(
    laboratory: Laboratory, session: Session, names: set[str]
) -> dict[str, ImplementationRecord]:
    found = {n: laboratory.catalog.implementations[n] for n in sorted(names)}
    return {
        name: ImplementationRecord(
            title=item.title,
            lock_digest=lock_digest(item),
            packages=installed(session.pythons[name]),
        )
        for name, item in found.items()
    }


def _changes(laboratory: Laboratory, run: Run, cores: Cores) -> list[str]:
    """What is no longer as it was when the run began."""
    current = {name: lock_digest(i) for name, i in laboratory.catalog.implementations.items()}
    changed = [
        f"the lock of {n}"
        for n, i in run.implementations.items()
        if current.get(n) != i.lock_digest
    ]
    if run.contract_digest != contract_digest(laboratory.workspace):
        changed.append("the contract")
    if run.code_digest != code_digest(laboratory.workspace, laboratory.catalog, run.study):
        changed.append("the code of an implementation, shared/servers.toml or the harness")
    if run.machine != describe():
        changed.append("the machine or its Python")
    if run.cores != cores:
        changed.append("the cores")
    if run.embedded_database != (laboratory.database_url is None):
        changed.append("the database")
    return changed


def _refuse_changes(run: Run, changed: Sequence[str]) -> None:
    """A run is measured under one set of conditions, or it is two runs."""
    if changed:
        raise UsageError(
            f"Run {run.id} cannot be resumed, because since it began there changed: "
            f"{', '.join(changed)}; start a new one with `bridgetoll {run.command}`."
        )


def _check_baseline(run: Run) -> None:
    if run.study.baseline in run.excluded:
        raise RunFailed(
            f"The baseline `{run.study.baseline}` fails verification or audit, so no ratio "
            f"could be taken: {run.excluded[run.study.baseline]}; mend it (`bridgetoll verify "
            f"{run.study.baseline}`, `bridgetoll audit {run.study.baseline}`), or choose another "
            "baseline."
        )


def _complain(run: Run, problems: Sequence[str]) -> None:
    """Whatever was measured is kept and reported; that something was not must not go unnoticed."""
    said: list[str] = []
    if run.excluded:
        said.append(
            f"Not measured, because verification or audit failed: {', '.join(run.excluded)}; "
            "see `bridgetoll verify` and `bridgetoll audit` for everything that was found."
        )
    if problems:
        said.append(
            f"{len(problems)} trial{'s' if len(problems) > 1 else ''} could not be completed; "
            f"`bridgetoll run --resume {run.id}` tries again. The first: {problems[0]}"
        )
    if said:
        raise RunFailed(" ".join(said))
