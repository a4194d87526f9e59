"""The command `publish`: a site of runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import note, out, warn
from harness.cli.ending import when_stopped
from harness.cli.items import Refused, claims_of, is_found, named_runs

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
    from harness.report.site.site import publish

    workspace = Workspace()
    unusable = Refused("not published")
    stores = named_runs(workspace, runs, unusable)
    asked = {store.folder for name, store in stores.items() if not is_found(name, runs)}
    claims = claims_of(workspace)
    with when_stopped(f"the runs are unchanged, and {to} is not finished; publish it again."):
        site = publish(list(stores.values()), to, title, claims, note)
    for folder, reason in site.refused.items():
        unusable.note(folder.name, f"{folder.name}: {reason}", asked=folder in asked)
    for run, errors in site.damaged.items():
        for error in errors:
            warn("left out", f"{run}: {error}")
    if site.left:
        names = ", ".join(site.left)
        warn("still there", f"{names}, of an earlier publication; remove it if it should not be.")
    out.print(Text(f"site: {workspace.shown(site.page)}"), soft_wrap=True)
    unusable.settle()
