"""The command `run`: measure a study, and report it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import BridgetollError, Stopped, UsageError
from harness.cli import tables
from harness.cli.console import DatabaseUrl, app, laboratory_of, open_workspace, out
from harness.cli.report import report_run
from harness.inputs.study import Study
from harness.inputs.study_loader import find_study, load_study
from harness.records.plan import Plan
from harness.records.store import find_run
from harness.runner.laboratory import Laboratory
from harness.runner.overrides import Changes
from harness.runner.plan import make_plan
from harness.runner.start import resume as resume_run
from harness.runner.start import start as start_run


@app.command()
def run(
    study: Annotated[
        str | None, typer.Argument(help="A study's name, or a path to its TOML.")
    ] = None,
    resume: Annotated[str | None, typer.Option(help="Continue this run.")] = None,
    blocks: Annotated[int | None, typer.Option(min=1, help="Another number of blocks.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this variant, beside the baseline; repeatable.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.01, help="Minutes; no block is begun that ends later.")
    ] = None,
    keep_requests: Annotated[
        bool, typer.Option("--keep-requests", help="Keep each request's start and latency.")
    ] = False,
    scale: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the time of Locust's ramp.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run a study: verify, measure, report."""
    workspace, catalog = open_workspace()
    if (study is None) == (resume is None):
        raise UsageError("Name a study to run, or a run with --resume, and not both.")
    changes = Changes(blocks, tuple(only or ()), budget, keep_requests, scale)
    if resume is not None and changes.flags:
        raise UsageError(
            f"{' '.join(changes.flags)} cannot change a run that has begun; leave it out."
        )
    laboratory = laboratory_of(workspace, catalog, database_url)
    if resume is not None:
        store = find_run(workspace.results, resume)
        begun = store.read_run()
        _execute(laboratory, begun.study, begun.plan, lambda: resume_run(laboratory, store))
    elif study is not None:
        changed = changes.applied(load_study(find_study(workspace, study), catalog))
        plan = make_plan(changed)
        path = Path(study)  # of a path only the last part: the rest is of this machine
        command = " ".join(["run", path.name, *changes.flags])
        _execute(
            laboratory,
            changed,
            plan,
            lambda: start_run(laboratory, path.stem, changed, plan, command),
        )


def _execute(
    laboratory: Laboratory, study: Study, plan: Plan, measure: Callable[[], object]
) -> None:
    """Measure, then report what was measured, also when the run failed or was stopped."""
    listener = laboratory.listener
    assert isinstance(listener, tables.ProgressListener)
    listener.expect(plan)
    out.print(tables.plan_text(study, plan))
    failure: BridgetollError | None = None
    try:
        with listener:
            measure()
    except KeyboardInterrupt:
        raise Stopped(listener.run) from None
    except BridgetollError as error:
        failure = error
    if listener.run is not None and not isinstance(failure, UsageError):
        results = laboratory.workspace.results
        report_run(laboratory.workspace, find_run(results, listener.run))
    if failure is not None:
        raise failure
