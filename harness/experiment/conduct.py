"""From a study to a finished run: a new one, or the rest of one that was interrupted."""

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from harness.audit.findings import Verification
from harness.catalog import Catalog
from harness.contract import Contract
from harness.errors import RunFailed, UsageError
from harness.experiment.plan import Plan, make_plan
from harness.experiment.records import SCHEMA, ImplementationRecord, Run, VariantRecord
from harness.experiment.session import Listener, Session
from harness.experiment.store import Store
from harness.lab.database import Database
from harness.lab.environments import lock_digest
from harness.lab.machine import commit, describe, propose_cores
from harness.lab.postgres import EmbeddedPostgres
from harness.model import Cores
from harness.study import DatabaseSettings, Study
from harness.workspace import Workspace


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


def start(laboratory: Laboratory, study_name: str, study: Study) -> Store:
    """Begin a run: verify every variant, write `run.json`, measure.

    Raises:
        RunFailed: some variant was excluded or some trial incomplete; what was measured is kept.
    """
    now = datetime.now(UTC)
    store = Store.create(laboratory.workspace.results, f"{study_name}-{now:%Y%m%d-%H%M%S}")
    try:
        session = _session(laboratory, study, make_plan(study), propose_cores(), store)
        session.prepare()
        with open_database(laboratory, study.database, session.cores) as database:
            verifications = session.verify(database)
            run = _describe(laboratory, session, database, study_name, store.id, now, verifications)
            store.write_run(run)
            _check_baseline(run)
            session.measure(database, run.excluded)
    except BaseException:
        if not (store.folder / "run.json").exists():  # nothing was measured: leave nothing behind
            shutil.rmtree(store.folder, ignore_errors=True)
        raise
    _complain_of_excluded(run)
    return store


def resume(laboratory: Laboratory, store: Store) -> Store:
    """Do what is missing of a run, under the conditions under which it began.

    Raises:
        UsageError: contract, locks, machine or cores are no longer those of the run.
    """
    run = store.read_run()
    cores = propose_cores()
    _check_unchanged(laboratory, run, cores)
    session = _session(laboratory, run.study, run.plan, cores, store)
    session.prepare()
    with open_database(laboratory, run.study.database, cores) as database:
        session.measure(database, run.excluded)
    _complain_of_excluded(run)
    return store


def contract_digest(workspace: Workspace) -> str:
    """A digest of everything that defines the work: schema, rows, HTTP shapes, SQL effects."""
    digest = hashlib.sha256()
    for path in sorted([*workspace.shared.glob("*.sql"), *workspace.shared.glob("contract/*")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _session(
    laboratory: Laboratory, study: Study, plan: Plan, cores: Cores, store: Store
) -> Session:
    return Session(
        study, plan, laboratory.catalog, laboratory.contract, cores, store, laboratory.cache,
        laboratory.listener,
    )  # fmt: skip


def _describe(
    laboratory: Laboratory,
    session: Session,
    database: Database,
    study_name: str,
    run_id: str,
    now: datetime,
    verifications: Sequence[Verification],
) -> Run:
    study = session.study
    variants = [laboratory.catalog.variant(name) for name in study.variants]
    return Run(
        schema=SCHEMA,
        id=run_id,
        study_name=study_name,
        study=study,
        plan=session.plan,
        started_at=now.isoformat(timespec="seconds"),
        bridgetoll=version("bridgetoll"),
        commit=commit(laboratory.workspace.root),
        contract=laboratory.contract.version,
        contract_digest=contract_digest(laboratory.workspace),
        machine=describe(),
        cores=session.cores,
        database=database.settings(),
        embedded_database=laboratory.database_url is None,
        implementations=_implementations(laboratory, {v.implementation for v in variants}),
        variants={
            v.name: VariantRecord(
                title=v.title, framework=v.framework, server=v.server, factors=v.factors,
                tags=tuple(v.tags),
            )
            for v in variants
        },
        verifications=tuple(verifications),
        excluded={v.variant: v.problems[0] for v in verifications if not v.passed},
    )  # fmt: skip


def _implementations(laboratory: Laboratory, names: set[str]) -> dict[str, ImplementationRecord]:
    found = {n: laboratory.catalog.implementations[n] for n in sorted(names)}
    return {
        name: ImplementationRecord(
            title=item.title,
            lock_digest=lock_digest(item),
            packages=dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", item.lock_file.read_text(), re.M)),
        )
        for name, item in found.items()
    }


def _check_unchanged(laboratory: Laboratory, run: Run, cores: Cores) -> None:
    """A run is measured under one set of conditions, or it is two runs."""
    current = {name: lock_digest(i) for name, i in laboratory.catalog.implementations.items()}
    changed = [n for n, i in run.implementations.items() if current.get(n) != i.lock_digest]
    if run.contract_digest != contract_digest(laboratory.workspace):
        changed.append("the contract")
    if run.machine != describe():
        changed.append("the machine or its Python")
    if run.cores != cores:
        changed.append("the cores")
    if run.embedded_database != (laboratory.database_url is None):
        changed.append("the database")
    if changed:
        raise UsageError(
            f"Run {run.id} cannot be resumed, because since it began there changed: "
            f"{', '.join(changed)}; start a new one with `bridgetoll run {run.study_name}`."
        )


def _check_baseline(run: Run) -> None:
    if run.study.baseline in run.excluded:
        raise RunFailed(
            f"The baseline `{run.study.baseline}` fails verification, so no ratio could be taken: "
            f"{run.excluded[run.study.baseline]}; mend it (`bridgetoll verify "
            f"{run.study.baseline}`), or choose another baseline."
        )


def _complain_of_excluded(run: Run) -> None:
    if run.excluded:
        raise RunFailed(
            f"Not measured, because verification failed: {', '.join(run.excluded)}; see "
            "`bridgetoll verify` for every failed check. The others are measured and reported."
        )
