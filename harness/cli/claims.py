"""The command that holds published claims against runs: `claims`."""

from typing import Annotated

import typer
from rich.text import Text

from harness.analysis.analyse import analyse
from harness.analysis.claims.judge import Judgement, merged
from harness.base.errors import MalformedFile, UsageError
from harness.base.workspace import Workspace
from harness.cli import show_claims
from harness.cli.console import Json, app, err, out, print_json
from harness.inputs.claims import Claim, load_claims
from harness.records.store import Store, find_run, run_ids


@app.command()
def claims(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Runs to judge by; all that are kept if none.")
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show every value, not the verdicts alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge published claims by what was measured."""
    workspace = Workspace()
    known = load_claims(workspace)
    names = runs or list(run_ids(workspace.results))
    if not names:
        raise UsageError("There is no run to judge by; make one with `bridgetoll run`.")
    stores = [find_run(workspace.results, name) for name in dict.fromkeys(names)]
    judged = merged([_judged(store, known) for store in _readable(stores, named=bool(runs))])
    if as_json:
        print_json(judged)
    else:
        out.print(show_claims.table(judged, evidence=evidence))


def _readable(stores: list[Store], *, named: bool) -> list[Store]:
    """Those whose `run.json` can be read; one that was asked for by name must be."""
    found: list[Store] = []
    for store in stores:
        try:
            store.read_run()
        except MalformedFile as error:
            if named:
                raise
            err.print(Text(f"left out: {error}", style="yellow"))
        else:
            found.append(store)
    if not found:
        raise UsageError("No kept run can be read; make one with `bridgetoll run`.")
    return found


def _judged(store: Store, known: tuple[Claim, ...]) -> tuple[Judgement, ...]:
    err.print(Text(f"reading {store.id}", style="dim"))
    run = store.read_run()
    trials, damaged = store.trials(run)
    for problem in damaged:
        err.print(Text(f"left out: {store.id}: {problem}", style="yellow"))
    return analyse(run, trials, known).judgements
