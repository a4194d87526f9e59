"""A run, described as it begins, and whether it could still be continued as it began."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.manifests import Implementation
from harness.inputs.published_tables import Published
from harness.inputs.servers import Server
from harness.inputs.study import Study
from harness.lab.environments import lock_digest
from harness.lab.machine import checkout_state
from harness.lab.postgres.database import Database
from harness.load.locust.driver import LOCUST
from harness.records.plan import Plan
from harness.records.run import SCHEMA, ImplementationRecord, Run, VariantRecord
from harness.runner.examine import Environments, Examination
from harness.runner.laboratory import Laboratory
from harness.runner.venue import Venue

_HARNESS = Path(__file__).resolve().parents[1]
_MEASURING_ROOMS = ("analysis", "audit", "base", "inputs", "lab", "load", "records", "runner")
"""Rooms that decide what a trial holds. Analysis decides which phases are repeated, and when a run
ends."""
_NOT_CODE = frozenset({".md", ".pyc"})
_NOT_OURS = frozenset({"__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


class Origin(msgspec.Struct, frozen=True):
    """How a run came to be, and what was measured before its first trial.

    ceiling_per_s: of the generator; None where Locust loads. scale: see `Run`.
    """

    id: str
    study_name: str
    command: str
    at: datetime
    published: Published | None
    ceiling_per_s: float | None
    scale: float | None


def describe_run(
    laboratory: Laboratory,
    study: Study,
    plan: Plan,
    venues: Sequence[Venue],
    environments: Environments,
    database: Database,
    origin: Origin,
    examined: Sequence[Examination],
) -> Run:
    """Everything that a reader may ask, and that resuming must find unchanged."""
    checkout = checkout_state(laboratory.workspace.root)
    variants = [laboratory.catalog.variant(name) for name in study.everyone]
    implementations = {
        name: laboratory.catalog.implementations[name] for name in sorted(environments.packages)
    }
    locust = environments.locust_packages
    return Run(
        schema=SCHEMA,
        id=origin.id,
        command=origin.command,
        study_name=origin.study_name,
        study=study,
        plan=plan,
        started_at=origin.at.isoformat(timespec="seconds"),
        bridgetoll=version("bridgetoll"),
        commit=None if checkout is None else checkout.name,
        untracked=() if checkout is None else checkout.untracked,
        reads="at rest",  # see `runner.watch.await_rest`
        contract=laboratory.contract.version,
        contract_digest=contract_digest(laboratory.workspace),
        code_digest=code_digest(laboratory.workspace, laboratory.catalog, study),
        machine=venues[0].machine,
        cores=venues[0].cores,
        database=database.settings(),
        embedded_database=laboratory.database_url is None,
        implementations={
            name: _record(
                implementation,
                environments.packages[name],
                implementation_digest(laboratory.catalog, name),
            )
            for name, implementation in implementations.items()
        },
        variants={
            v.name: VariantRecord(
                title=v.title, framework=v.framework, server=v.server, factors=v.factors,
                tags=tuple(v.tags),
                implementation=None
                if v.implementation == v.name.partition("/")[0]
                else v.implementation,
            )
            for v in variants
        },
        verifications=tuple(examination.verification for examination in examined),
        audits=tuple(examination.audit for examination in examined),
        excluded={
            examination.verification.variant: examination.problems[0]
            for examination in examined
            if examination.problems
        },
        generator_ceiling_per_s=origin.ceiling_per_s,
        published=origin.published,
        scale=origin.scale,
        locust=None if locust is None else _record(LOCUST, locust),
        machines=tuple(machine for venue in venues for machine in venue.machines),
    )  # fmt: skip


def _record(
    item: Implementation, packages: dict[str, str], code: str | None = None
) -> ImplementationRecord:
    return ImplementationRecord(
        title=item.title,
        lock_digest=lock_digest(item),
        packages=packages,
        code_digest=code,
    )


def changes(laboratory: Laboratory, run: Run, venues: Sequence[Venue]) -> list[str]:
    """What is no longer as it was when the run began."""
    current = {name: lock_digest(i) for name, i in laboratory.catalog.implementations.items()}
    changed = [
        f"the lock of {name}"
        for name, record in run.implementations.items()
        if current.get(name) != record.lock_digest
    ]
    if run.locust is not None and run.locust.lock_digest != lock_digest(LOCUST):
        changed.append("the lock of Locust")
    if run.contract_digest != contract_digest(laboratory.workspace):
        changed.append("the contract")
    if run.code_digest != code_digest(laboratory.workspace, laboratory.catalog, run.study):
        changed.append("the code of an implementation, shared/servers.toml or the harness")
    if other_machines(run, venues):
        changed.append("the machine or its Python")
    if run.cores != venues[0].cores:
        changed.append("the cores")
    if run.embedded_database != (laboratory.database_url is None):
        changed.append("the database")
    return changed


def other_machines(run: Run, venues: Sequence[Venue]) -> bool:
    """Whether a run's machines are others. Of its sets of machines some may have gone."""
    now = [machine for venue in venues for machine in venue.machines]
    if not run.machines or not now:
        return run.machine != venues[0].machine or bool(run.machines) != bool(now)
    known = {
        machine_set: [(m.roles, m.described) for m in run.machines if m.machine_set == machine_set]
        for machine_set in dict.fromkeys(m.machine_set for m in run.machines)
    }
    return any(
        known.get(venue.name) != [(m.roles, m.described) for m in venue.machines]
        for venue in venues
    )


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


def contract_digest(workspace: Workspace) -> str:
    """A digest of everything that defines the work: schema, rows, HTTP shapes, SQL effects."""
    files = [*workspace.shared.glob("*.sql"), *workspace.shared.glob("contract/*")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def code_digest(workspace: Workspace, catalog: Catalog, study: Study) -> str:
    """A digest of everything that carries the work out.

    Every file of the study's implementations, SQL and templates among them; the servers' settings;
    and the rooms of the harness that measure, or decide what is measured again.
    """
    names = {catalog.variant(name).implementation for name in study.everyone}
    folders = {
        f"implementations/{folder.name}": folder
        for folder in (catalog.implementations[name].folder for name in names)
    }
    folders |= {f"harness/{room}": _HARNESS / room for room in _MEASURING_ROOMS}
    bodies = {"shared/servers.toml": (workspace.shared / "servers.toml").read_bytes()}
    for name, folder in folders.items():
        bodies |= _bodies(name, folder)
    return _digest(bodies)


def room_digests() -> dict[str, str]:
    """A digest of each room of the harness that measures, by its folder."""
    rooms = (f"harness/{room}" for room in _MEASURING_ROOMS)
    return {room: _digest(_bodies(room, _HARNESS.parent / room)) for room in rooms}


def implementation_digest(catalog: Catalog, name: str) -> str:
    """A digest of everything of one implementation that may change what its variants do.

    Every file of its folder, and the entries of shared/servers.toml that its variants name. Where
    it is the same in two runs, so is the code: see `records.comparability.unlike`.
    """
    implementation = catalog.implementations[name]
    bodies: dict[str, bytes] = {}
    for variant in catalog.variants.values():
        if variant.implementation == name:
            own = "".join(f"/{knob}={value}" for knob, value in sorted(variant.knobs.items()))
            server = catalog.servers[variant.server].fitted(variant.knobs)
            bodies[f"server/{variant.server}{own}"] = _behaviour(server)
    return _digest(bodies | _bodies("folder", implementation.folder))


def _behaviour(server: Server) -> bytes:
    """What a server does, without its protocol: that tells only which applications it can run."""
    env = {"env": server.env} if server.env else {}  # which no server had in older runs
    return msgspec.json.encode({"keep_alive": server.keep_alive, "argv": server.argv} | env)


def _digest(bodies: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, body in sorted(bodies.items()):
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()[:16]


def _bodies(name: str, folder: Path) -> dict[str, bytes]:
    """Its code, by path below `name`."""
    return {f"{name}/{path.relative_to(folder)}": path.read_bytes() for path in _code_files(folder)}


def _code_files(folder: Path) -> Iterator[Path]:
    """All files but prose, caches and hidden ones; through links, as a copied folder may be one."""
    for path in folder.rglob("*", recurse_symlinks=True):
        parts = path.relative_to(folder).parts
        hidden = any(
            part.startswith(".") or part in _NOT_OURS or part.endswith(".egg-info")
            for part in parts
        )
        if not hidden and path.suffix not in _NOT_CODE and path.is_file():
            yield path
