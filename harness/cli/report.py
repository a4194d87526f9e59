"""The command `report`: what a run says, from its trials."""

from typing import TYPE_CHECKING

from rich.text import Text

from harness.base.workspace import Workspace
from harness.cli.console import RunName, out, warn

if TYPE_CHECKING:
    from harness.records.store import Store

EXAMPLE = "bridgetoll report quick-20261122-113222"


def command(run: RunName) -> None:
    """Recompute a run's report from its trials."""
    from harness.records.store import find_run

    workspace = Workspace()
    report_run(workspace, find_run(workspace.results, run))


def report_run(workspace: Workspace, store: "Store") -> None:
    """Write the report of a run, and print its summary and its page."""
    from harness.cli import tables
    from harness.inputs.claims import load_claims
    from harness.report.write import write_report

    written = write_report(store, load_claims(workspace))
    for damaged in written.damaged:
        warn("left out", str(damaged))
    out.print(tables.summary(written.analysis))
    out.print(Text(f"report: {workspace.shown(written.page)}"), soft_wrap=True)
