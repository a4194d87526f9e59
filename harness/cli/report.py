"""The command `report`: what a run says, from its trials."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness.base.errors import RunFailed
from harness.base.workspace import Workspace
from harness.cli.console import RunName, out, using, warn
from harness.cli.ending import when_stopped
from harness.cli.items import claims_of

if TYPE_CHECKING:
    from harness.records.store import Store
    from harness.report.write import Report

EXAMPLE = "bridgetoll report quick-20261128-200751"


def command(
    run: RunName,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also draw every chart of the page as files.")
    ] = False,
) -> None:
    """Recompute a run's report from its trials."""
    from harness.records.store import find_run

    workspace = Workspace()
    store = find_run(workspace.results, run)
    kept = f"the trials of {store.id} are kept; `bridgetoll report {store.id}` makes the report."
    with using(store), when_stopped(kept):
        written = report_run(workspace, store, every_figure=figures)
    if not written.trials:
        raise RunFailed(
            f"No trial of {store.id} can be read, so there is no table; restore trials.jsonl.gz, "
            f"or continue with `bridgetoll run --resume {store.id}`."
        )


def report_run(
    workspace: Workspace, store: "Store", *, every_figure: bool = False, console: Console = out
) -> "Report":
    """Write the report of a run, and print its summary and its page.

    Args:
        workspace, store: of the run.
        every_figure: see `report.write.write_report`.
        console: where it is printed.

    Returns:
        What was written.
    """
    from harness.cli.summary import summary
    from harness.report.words import runs
    from harness.report.write import write_report

    written = write_report(
        store, claims_of(workspace), every_figure=every_figure, results=workspace.results
    )
    for damaged in written.damaged:
        warn("left out", str(damaged))
    if written.trials:
        console.print(summary(written.run, written.analysis))
        if decided := runs.decided(written.analysis):
            console.print(Text(decided))
    console.print(Text(f"report: {workspace.shown(written.page)}"), soft_wrap=True)
    return written
