"""From a study to a finished run: a new one, or the rest of one that was interrupted."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import msgspec

from harness.analysis.labels.errors import in_one_line
from harness.analysis.labels.trials import label_trials
from harness.analysis.missing import Absence, MissingFigures, missing_figures
from harness.base.errors import RunFailed, Untestable, UsageError
from harness.inputs.conditions import condition_title
from harness.inputs.kinds import StudyKind, kind_of, origins_of
from harness.inputs.published_tables import load_published
from harness.inputs.study import Study
from harness.lab.postgres.database import Database
from harness.lab.quota import allowed_processors
from harness.records.plan import Plan
from harness.records.run import Run
from harness.records.store import Store
from harness.runner.block import run_blocks
from harness.runner.describe import Origin, changes, describe_run, refuse_changes
from harness.runner.examine import Environments
from harness.runner.feasibility import (
    backlog_warning,
    check_connections,
    check_objectives,
    check_rates,
    check_threads,
)
from harness.runner.instruments import Instruments
from harness.runner.laboratory import Laboratory, Listener
from harness.runner.locust_cells.cells import run_cells
from harness.runner.session import Session
from harness.runner.side_by_side import side_by_side
from harness.runner.time_left import Stage
from harness.runner.venue import Venue, open_venues


def start(
    laboratory: Laboratory,
    store: Store,
    study_name: str,
    study: Study,
    plan: Plan,
    command: str,
    scale: float | None = None,
    environments: Environments | None = None,
) -> None:
    """Begin a run: verify and audit every variant, write `run.json`, measure.

    Args:
        laboratory: where and with what.
        store: of the run; removed if nothing could be measured.
        study_name: of the study, for the report.
        study, plan: what is done.
        command: what a reader types to do the same, for the report.
        scale: share to which the study's ramp was shortened; None if it was not.
        environments: of the study, where they are made already.

    Raises:
        RunFailed: some planned figures are missing or some trial failed; what was measured is kept.
        Untestable: no B of an A/B can be built, or does A's work.
    """
    now = datetime.now(UTC)
    try:
        laboratory = laboratory.with_setups(study)
        _check_restarts(laboratory, study)
        published = None
        if study.published is not None:
            published = load_published(laboratory.workspace, study.published, "the study")
        if laboratory.cluster is None:
            tell_quota(laboratory.listener)
        with open_venues(laboratory, study) as venues:
            environments = _prepare(venues, environments)
            ceiling_per_s = _ceiling(laboratory, study, venues)
            with venues[0].database() as database:
                _check_room(laboratory, database, study)
                examined = venues[0].examine(environments, database, store.logs)
                origin = Origin(store.id, study_name, command, now, published, ceiling_per_s, scale)
                run = describe_run(
                    laboratory, study, plan, venues, environments, database, origin, examined
                )
                _check_baseline(run)  # before anything is kept: such a run could not be resumed
                _check_bs(run)
                store.write_run(run)
                laboratory.listener.begun(store.id)
                problems = _measure(laboratory, run, venues, environments, database, store)
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
    laboratory.listener.begun(store.id)
    with open_venues(laboratory, run.study) as venues:
        refuse_changes(run, changes(laboratory, run, venues))
        environments = _prepare(venues)
        with venues[0].database() as database:
            _check_room(laboratory, database, run.study)
            _check_settings(run, database)
            problems = _measure(laboratory, run, venues, environments, database, store)
    complain(run, problems, store)


def _measure(
    laboratory: Laboratory,
    run: Run,
    venues: Sequence[Venue],
    environments: Environments,
    database: Database,
    store: Store,
) -> list[str]:
    """Measure what is missing, and return one sentence for each trial that is incomplete.

    Args:
        laboratory, run, environments, store: of the run.
        venues: sets of machines that share its blocks.
        database: of the first.

    Raises:
        RunFailed: there is nothing to run.
    """
    launcher = venues[0].launcher(environments, store.logs)
    session = Session(run, laboratory.contract, database, launcher, store, laboratory.listener)
    if not session.entries:
        raise RunFailed("No variant passed its checks, so nothing was measured; see above.")
    if run.study.ramped:
        with venues[0].ramp_tools(environments, database, store.logs) as tools:
            return run_cells(session, tools)
    first, *others = venues
    sets = [_Crew(first, environments, database), *(_Crew(v, environments) for v in others)]
    return run_blocks(session, sets)


class _Crew:
    """A set of machines that measures blocks; see `block.BlockSet`.

    Args:
        venue: its machines.
        environments: that are made there.
        database: that runs there; started when it is opened if None.
    """

    def __init__(
        self, venue: Venue, environments: Environments, database: Database | None = None
    ) -> None:
        self._venue = venue
        self._environments = environments
        self._database = database
        self.name = venue.name

    def halt(self) -> None:
        """See `Venue.halt`."""
        self._venue.halt()

    @contextmanager
    def opened(self, session: Session) -> Iterator[tuple[Session, Instruments]]:
        """Its own session and instruments, within the block."""
        venue, logs = self._venue, session.store.logs
        with ExitStack() as stack:
            database = self._database
            if database is None:
                database = stack.enter_context(venue.database())
                _check_settings(session.run, database)
            own = msgspec.structs.replace(
                session,
                database=database,
                launcher=venue.launcher(self._environments, logs),
                machine_set=self.name,
            )
            yield own, stack.enter_context(venue.instruments(database, logs))


def _prepare(venues: Sequence[Venue], made: Environments | None = None) -> Environments:
    """Make the environments on every set of machines, all sets at the same time.

    Raises:
        EnvironmentFailed: one cannot be made.
        UsageError: a set has other packages than the first.
    """
    if len(venues) == 1:  # in this thread, which may enter a network of its own
        return venues[0].prepare(made)
    first, *others = side_by_side(lambda venue: venue.prepare(made), venues, len(venues))
    for venue, own in zip(venues[1:], others, strict=True):
        for name, packages in own.packages.items():
            if packages != first.packages[name]:
                raise UsageError(
                    f"The set of machines {venue.name} has other packages of {name} than "
                    f"{venues[0].name}, although the locks are the same; remove that environment "
                    "there, and try again."
                )
    return first


def _check_settings(run: Run, database: Database) -> None:
    """Refuse a PostgreSQL that is not as the run's own.

    Raises:
        UsageError: it is another, or has other settings.
    """
    if database.settings() != run.database:
        refuse_changes(run, ["PostgreSQL or its settings"])


def _ceiling(laboratory: Laboratory, study: Study, venues: Sequence[Venue]) -> float | None:
    """Requests per second that our generator reaches at most; sets of machines are equal.

    Checks that need no measurement come first. None where Locust loads: its processor time is
    told in every trial instead.

    Raises:
        UsageError: the study asks for more than can be had here.
    """
    taking = _taking_threads(laboratory, study)
    for venue in venues:
        limits = venue.limits()
        check_connections(study, limits, venue.named("load"))
        check_threads(study, taking, venue.thread_limits(), venue.named("application"))
    if warning := backlog_warning(study, limits):
        laboratory.listener.noticed(warning)
    if study.ramped:
        return None
    laboratory.listener.step("measuring the load generator's ceiling", Stage.CEILING)
    ceiling = venues[0].ceiling()
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


def _taking_threads(laboratory: Laboratory, study: Study) -> list[str]:
    """The variants whose server takes a number of threads."""
    catalog = laboratory.catalog
    servers = {name: catalog.servers[catalog.variant(name).server] for name in study.everyone}
    return [name for name, server in servers.items() if server.takes("threads")]


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


def _check_bs(run: Run) -> None:
    """Refuse an A/B without a B: A alone answers nothing.

    Raises:
        Untestable: with what the first of them does wrong.
    """
    bs = list(origins_of(run.study))
    if kind_of(run.study) is StudyKind.AB and all(name in run.excluded for name in bs):
        raise Untestable(f"B, `{bs[0]}`, does not do A's work: {run.excluded[bs[0]]}.")


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
