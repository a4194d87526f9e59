"""The command `report`: what a run says, from its trials."""

from rich.text import Text

from harness.base.workspace import Workspace
from harness.cli import tables
from harness.cli.console import app, err, out
from harness.inputs.claims import load_claims
from harness.records.store import Store, find_run
from harness.report.write import write_report


@app.command()
def report(run: str) -> None:
    """Recompute a run's report from its trials."""
    workspace = Workspace()
    report_run(workspace, find_run(workspace.results, run))


def report_run(workspace: Workspace, store: Store) -> None:
    """Write the report of a run, and print its summary and its page."""
    made = write_report(store, load_claims(workspace))
    for damaged in made.damaged:
        err.print(Text.assemble(("left out: ", "bold yellow"), str(damaged)))
    out.print(tables.summary(made.analysis))
    out.print(Text(f"report: {workspace.shown(made.page)}"), soft_wrap=True)
