"""The command `run`: measure a study, and report it."""

from pathlib import Path
from typing import Annotated

import typer

from harness.base.errors import BridgetollError, Stopped, UsageError
from harness.cli import tables
from harness.cli.console import DatabaseUrl, app, laboratory_of, open_workspace, out
from harness.cli.report import report_run
from harness.inputs.study import Study
from harness.inputs.study_loader import find_study, load_study
from harness.records.store import Store, find_run
from harness.runner.laboratory import Laboratory
from harness.runner.overrides import Changes
from harness.runner.plan import make_plan
from harness.runner.start import resume, start


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
        _execute(laboratory, store.read_run().study, store, "", "")
    elif study is not None:
        read = changes.applied(load_study(find_study(workspace, study), catalog))
        name = Path(study)  # of a path only the last part: the rest is of this machine
        command = " ".join(["run", name.name, *changes.flags])
        _execute(laboratory, read, None, name.stem, command)


def _execute(
    laboratory: Laboratory, study: Study, store: Store | None, name: str, command: str
) -> None:
    """Run or resume; report whatever was measured, also when the run failed or was stopped."""
    listener = laboratory.listener
    assert isinstance(listener, tables.ProgressListener)
    made = make_plan(study)
    listener.expect(made)
    out.print(tables.plan_text(study, made))
    failure: BridgetollError | None = None
    try:
        with listener:
            if store is None:
                start(laboratory, name, study, command)
            else:
                resume(laboratory, store)
    except KeyboardInterrupt:
        raise Stopped(listener.run) from None
    except BridgetollError as error:
        failure = error
    if listener.run is not None and not isinstance(failure, UsageError):
        begun = store or find_run(laboratory.workspace.results, listener.run)
        report_run(laboratory.workspace, begun)
    if failure is not None:
        raise failure
