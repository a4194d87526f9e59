"""The command `publish`: a site of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from harness.base.errors import UnknownName
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import note, out, warn
from harness.cli.ending import when_stopped

if TYPE_CHECKING:
    from harness.records.store import Store

EXAMPLE = "bridgetoll publish results/*/ --to site"


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN ...", help="Names or folders of runs.", autocompletion=completion.runs
        ),
    ],
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Output folder, created if missing.")
    ],
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Title of the site.")
    ] = "Runs of bridgetoll",
) -> None:
    """Build a static site from the reports of runs.

    It has a list of the runs, their reports, and trends from run to run.
    """
    from harness.inputs.claims import load_claims
    from harness.report.site.site import publish

    workspace = Workspace()
    stores = [store for name in runs if (store := _store(workspace, name, len(runs))) is not None]
    with when_stopped(f"the runs are unchanged, and {to} is not finished; publish it again."):
        site = publish(stores, to, title, load_claims(workspace), note)
    for run, reason in site.refused.items():
        warn("not published", f"{run}: {reason}")
    for run, errors in site.damaged.items():
        for error in errors:
            warn("left out", f"{run}: {error}")
    if site.left:
        names = ", ".join(site.left)
        warn("still there", f"{names}, of an earlier publication; remove it if it should not be.")
    out.print(Text(f"site: {workspace.shown(site.page)}"), soft_wrap=True)


def _store(workspace: Workspace, name: str, of: int) -> "Store | None":
    """The run; None for one of several folders that holds no run yet, as a shell may name it."""
    from harness.records.store import find_run

    try:
        return find_run(workspace.results, name)
    except UnknownName:
        if of == 1 or not Path(name).is_dir():
            raise
        warn("not published", f"{name}: it holds no `run.json`.")
        return None
