"""From a study to a finished run: a new one, or the rest of one that was interrupted."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime

from harness.analysis.labels.errors import in_one_line
from harness.analysis.labels.trials import label_trials
from harness.analysis.missing import Absence, MissingFigures, missing_figures
from harness.base.errors import RunFailed, UsageError
from harness.inputs.conditions import condition_title
from harness.inputs.published_tables import load_published
from harness.inputs.study import Study
from harness.lab.latency.netem import NetemInjector, enter_namespace
from harness.lab.limits import read_limits
from harness.lab.machine import pinned, propose_cores
from harness.lab.postgres.database import Database
from harness.lab.quota import allowed_processors
from harness.load.ceiling import measure_ceiling
from harness.records.plan import Plan
from harness.records.run import Cores, Run
from harness.records.store import Store
from harness.runner.block import run_blocks
from harness.runner.describe import Origin, changes, describe_run, refuse_changes
from harness.runner.examine import Environments, examine_variants, prepare_environments
from harness.runner.feasibility import check_connections, check_objectives, check_rates
from harness.runner.instruments import open_instruments
from harness.runner.laboratory import Laboratory, Listener
from harness.runner.locust_cells.cells import run_cells
from harness.runner.servers import Application, Launcher
from harness.runner.session import Session
from harness.runner.time_left import Stage

_CEILING_S = 1.0


def start(
    laboratory: Laboratory,
    store: Store,
    study_name: str,
    study: Study,
    plan: Plan,
    command: str,
    scale: float | None = None,
) -> None:
    """Begin a run: verify and audit every variant, write `run.json`, measure.

    Args:
        laboratory: where and with what.
        store: of the run; removed if nothing could be measured.
        study_name: of the study, for the report.
        study, plan: what is done.
        command: what a reader types to do the same, for the report.
        scale: share to which the study's ramp was shortened; None if it was not.

    Raises:
        RunFailed: some planned figures are missing or some trial failed; what was measured is kept.
    """
    now = datetime.now(UTC)
    try:
        laboratory = laboratory.with_setups(study)
        _check_restarts(laboratory, study)
        published = None
        if study.published is not None:
            published = load_published(laboratory.workspace, study.published, "the study")
        cores = propose_cores(study.most_workers, study.load.senders)
        tell_quota(laboratory.listener)
        environments = prepare_environments(laboratory, study)
        _enter_network(laboratory, study)
        ceiling_per_s = _ceiling(laboratory, study, cores)
        with laboratory.database(study.database, cores) as database:
            _check_room(laboratory, database, study)
            examined = examine_variants(laboratory, study, environments, database, store.logs)
            origin = Origin(store.id, study_name, command, now, published, ceiling_per_s, scale)
            run = describe_run(
                laboratory, study, plan, cores, environments, database, origin, examined
            )
            _check_baseline(run)  # before anything is kept: such a run could not be resumed
            store.write_run(run)
            laboratory.listener.begun(store.id)
            problems = _measure(laboratory, run, environments, database, store)
    except BaseException:
        if not (store.folder / "run.json").exists():  # nothing was measured: leave nothing behind
            shutil.rmtree(store.folder, ignore_errors=True)
        raise
    complain(run, problems, store)


def new_store(laboratory: Laboratory, study_name: str) -> Store:
    """The folder of a run that begins now.

    Raises:
        StoreFailed: it cannot be written.
    """
    now = datetime.now(UTC)
    return Store.create(laboratory.workspace.results, f"{study_name}-{now:%Y%m%d-%H%M%S}")


def resume(laboratory: Laboratory, store: Store) -> None:
    """Do what is missing of a run, under the conditions under which it began.

    Raises:
        UsageError: contract, locks, machine or cores are no longer those of the run.
    """
    run = store.read_run()
    laboratory = laboratory.with_setups(run.study)
    _check_restarts(laboratory, run.study)
    cores = propose_cores(run.study.most_workers, run.study.load.senders)
    laboratory.listener.begun(store.id)
    refuse_changes(run, changes(laboratory, run, cores))
    environments = prepare_environments(laboratory, run.study)
    _enter_network(laboratory, run.study)
    with laboratory.database(run.study.database, cores) as database:
        _check_room(laboratory, database, run.study)
        if database.settings() != run.database:
            refuse_changes(run, ["PostgreSQL or its settings"])
        problems = _measure(laboratory, run, environments, database, store)
    complain(run, problems, store)


def _measure(
    laboratory: Laboratory, run: Run, environments: Environments, database: Database, store: Store
) -> list[str]:
    """Measure what is missing, and return one sentence for each trial that is incomplete.

    The harness itself stays off the application's cores meanwhile.

    Raises:
        RunFailed: there is nothing to run.
    """
    study, cores = run.study, run.cores
    application = Application(
        laboratory.catalog, environments.pythons, store.logs, cores.application
    )
    launcher = Launcher(study, laboratory.catalog, application.start)
    session = Session(run, laboratory.contract, database, launcher, store, laboratory.listener)
    if not session.entries:
        raise RunFailed("No variant passed its checks, so nothing was measured; see above.")
    if environments.locust is not None:
        return run_cells(session, environments.locust)
    with (
        pinned({*cores.load, *cores.database}),
        open_instruments(study, database, cores, store.logs) as instruments,
    ):
        return run_blocks(session, instruments)


def _enter_network(laboratory: Laboratory, study: Study) -> None:
    """Where the kernel is to add latency, everything lives on a loopback of our own.

    Environments are made before: their packages come from the network that is left here.
    """
    if not study.delayed or study.network.injector != "netem":
        return
    if laboratory.database_url is not None:
        raise UsageError(
            "netem delays a loopback of our own, from which --database-url cannot be reached; "
            'leave it out, or use the relay (`[network] injector = "relay"`).'
        )
    enter_namespace()
    NetemInjector()  # a kernel that cannot do it says so before anything is measured


def _ceiling(laboratory: Laboratory, study: Study, cores: Cores) -> float | None:
    """Requests per second that our generator reaches on this machine at most.

    Checks that need no measurement come first. None where Locust loads: its processor time is
    told in every trial instead.

    Raises:
        UsageError: the study asks for more than can be had here.
    """
    check_connections(study, read_limits())
    if study.ramped:
        return None
    laboratory.listener.step("measuring the load generator's ceiling", Stage.CEILING)
    ceiling = measure_ceiling(cores.application, cores.load, seconds=_CEILING_S)
    check_rates(study, ceiling.per_s)
    check_objectives(study, ceiling)
    return ceiling.per_s


def tell_quota(listener: Listener) -> None:
    """Say at once that the machine may hold the run back."""
    if (quota := allowed_processors()) is not None:
        listener.noticed(
            f"a CPU quota allows {quota:g} processors; trials that it held back bear the label "
            "throttled and do not count"
        )


def _check_restarts(laboratory: Laboratory, study: Study) -> None:
    """Refuse at once to restart a PostgreSQL that is not ours."""
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


def _check_baseline(run: Run) -> None:
    if run.study.baseline in run.excluded:
        raise RunFailed(
            f"The baseline `{run.study.baseline}` fails verification or audit, so no ratio "
            f"could be taken: {run.excluded[run.study.baseline]}; mend it (`bridgetoll verify "
            f"{run.study.baseline}`, `bridgetoll audit {run.study.baseline}`), or choose another "
            "baseline."
        )


_NAMED = 3
"""Variants without figures that one sentence names; the report names all."""


def complain(run: Run, problems: Sequence[str], store: Store) -> None:
    """Fail where planned figures are missing; everything that was measured is kept and reported.

    Variants that were excluded before measuring are a warning of the report, and no failure.

    Raises:
        RunFailed: who has no figures, under which conditions, and why; or which trials failed.
    """
    trials, _ = store.trials(run)
    missing = [
        item
        for item in missing_figures(run, label_trials(run, trials))
        if item.absence is not Absence.EXCLUDED
    ]
    sentences = [_without_figures(missing)] if missing else []
    if problems:
        known = sentences[0] if sentences else ""
        others = [problem for problem in problems if _reason(problem) not in known]
        sentences.append(
            f"{len(problems)} trial{'s' if len(problems) > 1 else ''} could not be completed; "
            f"`{run.continuing}` tries again." + (f" The first: {others[0]}" if others else "")
        )
    if sentences:
        raise RunFailed(" ".join(sentences))


def _reason(problem: str) -> str:
    """Of a trial's problem, what follows its place, as a missing figure tells it."""
    return in_one_line(problem).partition(": ")[2]


def _without_figures(missing: Sequence[MissingFigures]) -> str:
    """One sentence for those that lack figures, with their reasons and the first remedy."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in missing:
        groups.setdefault((item.entry, f"{item.word}: {item.reason}"), []).append(
            condition_title(item.condition)
        )
    named = [
        f"{entry} under {_listed(titles)} ({why})"
        for (entry, why), titles in list(groups.items())[:_NAMED]
    ]
    more = len(groups) - len(named)
    rest = f", and {more} more that the report names" if more > 0 else ""
    return f"No figures for {'; '.join(named)}{rest}. First remedy: {missing[0].remedy}."


def _listed(titles: Sequence[str]) -> str:
    more = len(titles) - _NAMED
    return ", under ".join(titles[:_NAMED]) + (f", and under {more} more" if more > 0 else "")
