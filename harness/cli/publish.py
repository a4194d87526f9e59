"""The command that makes a site of runs: `publish`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from harness.base.errors import UnknownName
from harness.base.workspace import Workspace
from harness.cli.console import app, err, out
from harness.inputs.claims import load_claims
from harness.records.store import Store, find_run
from harness.report.site.site import Site, publish


@app.command("publish")
def publish_(
    runs: Annotated[list[str], typer.Argument(help="Runs, by their names or folders.")],
    to: Annotated[Path, typer.Option("--to", help="The site's folder; it is made.")],
    title: Annotated[str, typer.Option(help="Of the site.")] = "Runs of bridgetoll",
) -> None:
    """Make a static site of runs: their reports, a list of them, and trends from run to run."""
    workspace = Workspace()
    stores = [store for name in runs if (store := _store(workspace, name, len(runs))) is not None]
    made = publish(
        stores, to, title, load_claims(workspace), lambda what: err.print(Text(what, style="dim"))
    )
    _warn(made)
    out.print(Text(f"site: {workspace.shown(made.page)}"), soft_wrap=True)


def _store(workspace: Workspace, name: str, of: int) -> Store | None:
    """Of several folders, as a shell names them, one may be no run yet."""
    try:
        return find_run(workspace.results, name)
    except UnknownName:
        if of == 1 or not Path(name).is_dir():
            raise
        said = f"{name}: it holds no `run.json`."
        err.print(Text.assemble(("not published: ", "bold yellow"), said))
        return None


def _warn(made: Site) -> None:
    for run, reason in made.refused.items():
        err.print(Text.assemble(("not published: ", "bold yellow"), f"{run}: {reason}"))
    for run, errors in made.damaged.items():
        for error in errors:
            err.print(Text.assemble(("left out: ", "bold yellow"), f"{run}: {error}"))
    if made.left:
        told = f"{', '.join(made.left)}, of an earlier publication; remove what should not be there"
        err.print(Text.assemble(("still there: ", "bold yellow"), told))
