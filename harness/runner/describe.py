"""A run, described as it begins, and whether it could still be continued as it began."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.manifests import Implementation
from harness.inputs.published_tables import Published
from harness.inputs.study import Study
from harness.lab.environments import installed, lock_digest
from harness.lab.machine import checkout_state, describe
from harness.lab.postgres.database import Database
from harness.load.locust.driver import LOCUST
from harness.records.run import (
    SCHEMA,
    Cores,
    ImplementationRecord,
    Run,
    VariantRecord,
)
from harness.records.verification import Audit, Verification
from harness.runner.laboratory import Laboratory
from harness.runner.session import Session


class Origin(msgspec.Struct, frozen=True):
    """How a run came to be."""

    id: str
    study_name: str
    command: str
    at: datetime
    published: Published | None


def describe_run(
    laboratory: Laboratory,
    session: Session,
    database: Database,
    origin: Origin,
    examined: Sequence[tuple[Verification, Audit]],
    ceiling_per_s: float | None,
) -> Run:
    """Everything that a reader may ask, and that resuming must find unchanged."""
    study = session.study
    checkout = checkout_state(laboratory.workspace.root)
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
        commit=None if checkout is None else checkout.name,
        untracked=() if checkout is None else checkout.untracked,
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
        published=origin.published,
        locust=None if session.locust is None else _record(LOCUST, session.locust),
    )  # fmt: skip


def _implementations(
    laboratory: Laboratory, session: Session, names: set[str]
) -> dict[str, ImplementationRecord]:
    found = {n: laboratory.catalog.implementations[n] for n in sorted(names)}
    return {name: _record(item, session.launcher.pythons[name]) for name, item in found.items()}


def _record(item: Implementation, python: Path) -> ImplementationRecord:
    return ImplementationRecord(
        title=item.title, lock_digest=lock_digest(item), packages=installed(python)
    )


def changes(laboratory: Laboratory, run: Run, cores: Cores) -> list[str]:
    """What is no longer as it was when the run began."""
    current = {name: lock_digest(i) for name, i in laboratory.catalog.implementations.items()}
    changed = [
        f"the lock of {n}"
        for n, i in run.implementations.items()
        if current.get(n) != i.lock_digest
    ]
    if run.locust is not None and run.locust.lock_digest != lock_digest(LOCUST):
        changed.append("the lock of Locust")
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


def refuse_changes(run: Run, changed: Sequence[str]) -> None:
    """A run is measured under one set of conditions, or it is two runs.

    Raises:
        UsageError: naming what changed.
    """
    if changed:
        raise UsageError(
            f"Run {run.id} cannot be resumed, because since it began there changed: "
            f"{', '.join(changed)}; start a new one with `bridgetoll {run.command}`."
        )


_HARNESS = Path(__file__).resolve().parents[1]


_MEASURING_ROOMS = ("audit", "lab", "load", "runner")


_CODE = frozenset({".py", ".toml", ".lock"})


def contract_digest(workspace: Workspace) -> str:
    """Of everything that defines the work: schema, rows, HTTP shapes, SQL effects."""
    return _digest([*workspace.shared.glob("*.sql"), *workspace.shared.glob("contract/*")])


def code_digest(workspace: Workspace, catalog: Catalog, study: Study) -> str:
    """Of everything that carries the work out: implementations, servers' settings, the harness."""
    names = {catalog.variant(name).implementation for name in study.everyone}
    folders = [workspace.implementations / name for name in names]
    folders += [_HARNESS / room for room in _MEASURING_ROOMS]
    files = [
        path
        for folder in folders
        for path in folder.rglob("*", recurse_symlinks=True)
        if path.suffix in _CODE
    ]
    return _digest([workspace.shared / "servers.toml", *files])


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
