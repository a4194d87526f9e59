"""From a study to a finished run: a new one, or the rest of one that was interrupted."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from harness.base.errors import RunFailed, UsageError
from harness.inputs.published_tables import load_published
from harness.inputs.settings import DatabaseSettings
from harness.inputs.study import Study
from harness.lab.latency.netem import NetemInjector, enter_namespace
from harness.lab.limits import read_limits
from harness.lab.machine import propose_cores
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.load.ceiling import measure_ceiling
from harness.records.plan import Plan
from harness.records.run import Cores, Run
from harness.records.store import Store
from harness.runner.describe import Origin, changes, describe_run, refuse_changes
from harness.runner.feasibility import check_connections, check_objectives, check_rates
from harness.runner.laboratory import Laboratory
from harness.runner.plan import make_plan
from harness.runner.session import Session

_CEILING_S = 1.0


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
    laboratory = laboratory.with_setups(study)
    _check_restarts(laboratory, study)
    published = None
    if study.published is not None:
        published = load_published(laboratory.workspace, study.published, "the study")
    now = datetime.now(UTC)
    store = Store.create(laboratory.workspace.results, f"{study_name}-{now:%Y%m%d-%H%M%S}")
    try:
        cores = propose_cores(study.server.workers, study.load.generators)
        session = _session(laboratory, study, make_plan(study), cores, store)
        session.prepare()
        _enter_network(laboratory, study)
        ceiling_per_s = _ceiling(laboratory, study, cores)
        with open_database(laboratory, study.database, session.cores) as database:
            _check_room(laboratory, database, study)
            examined = session.examine(database)
            origin = Origin(store.id, study_name, command, now, published)
            run = describe_run(laboratory, session, database, origin, examined, ceiling_per_s)
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
    laboratory = laboratory.with_setups(run.study)
    _check_restarts(laboratory, run.study)
    cores = propose_cores(run.study.server.workers, run.study.load.generators)
    laboratory.listener.begun(store.id)
    refuse_changes(run, changes(laboratory, run, cores))
    session = _session(laboratory, run.study, run.plan, cores, store)
    session.prepare()
    _enter_network(laboratory, run.study)
    with open_database(laboratory, run.study.database, cores) as database:
        _check_room(laboratory, database, run.study)
        if database.settings() != run.database:
            refuse_changes(run, ["PostgreSQL or its settings"])
        session.measure(database, run)
    _complain(run, session.problems)
    return store


def _enter_network(laboratory: Laboratory, study: Study) -> None:
    """Where the kernel is to add latency, everything lives on a loopback of our own.

    Environments are made before: their packages come from the network that is left here.
    """
    if not study.delayed or study.network.injector != "netem":
        return
    if laboratory.database_url is not None:
        raise UsageError(
            "netem delays a loopback of our own, which --database-url cannot be reached from; "
            'leave it out, or use the relay (`[network] injector = "relay"`).'
        )
    enter_namespace()
    NetemInjector()  # what this kernel cannot do is said before anything is measured


def _ceiling(laboratory: Laboratory, study: Study, cores: Cores) -> float | None:
    """Of our generator on this machine, after what needs no measuring has been checked.

    None where Locust loads: its processor time is told in every trial instead.

    Raises:
        UsageError: the study asks for more than can be had here.
    """
    check_connections(study, read_limits())
    if study.ramped:
        return None
    laboratory.listener.step("measuring the load generator's ceiling")
    ceiling = measure_ceiling(cores.application, cores.load, seconds=_CEILING_S)
    check_rates(study, ceiling.per_s)
    check_objectives(study, ceiling)
    return ceiling.per_s


def _check_restarts(laboratory: Laboratory, study: Study) -> None:
    """A PostgreSQL that is not ours cannot be restarted, which had better be said at once."""
    changed = [n for n in study.everyone if study.database_of(n) != study.database]
    if changed and laboratory.database_url is not None:
        raise UsageError(
            f"`{changed[0]}` wants `max_connections` of its own, for which PostgreSQL is "
            "restarted, and that of --database-url is not ours to restart; leave it out."
        )


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
