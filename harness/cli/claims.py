"""The command `claims`: published claims beside measured runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.errors import MalformedFile, UsageError
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import Json, out, print_json, read_trials, warn

if TYPE_CHECKING:
    from harness.records.store import Store

EXAMPLE = "bridgetoll claims --evidence"


def command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN ...",
            help="Runs to judge by, by name. All if none.",
            autocompletion=completion.runs,
        ),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show each value that a verdict rests on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge published claims by what was measured."""
    from harness.analysis.analyse import analyse
    from harness.analysis.claims import merged
    from harness.cli import tables
    from harness.inputs.claims import load_claims
    from harness.records.store import find_run, run_ids
    from harness.report.words import conditions

    workspace = Workspace()
    claims = load_claims(workspace)
    names = runs or list(run_ids(workspace.results))
    if not names:
        raise UsageError("There is no run to judge by; make one with `bridgetoll run`.")
    stores = [find_run(workspace.results, name) for name in dict.fromkeys(names)]
    judgements = []
    titles: dict[str, str] = {}
    for store in _readable(stores, named=bool(runs)):
        run = store.read_run()
        titles |= {c.name: conditions.condition_title(c) for c in run.study.conditions}
        judgements.append(analyse(run, read_trials(store, run), claims).judgements)
    verdicts = merged(judgements)
    if as_json:
        print_json(verdicts)
    else:
        out.print(tables.claims_text(verdicts, titles, evidence=evidence))


def _readable(stores: "list[Store]", *, named: bool) -> "list[Store]":
    """Those that can be read now; one that was asked for by name must be."""
    from harness.records.lock import RunInUse, reading

    readable: list[Store] = []
    for store in stores:
        try:
            with reading(store.folder):
                store.read_run()
        except (MalformedFile, RunInUse) as error:
            if named:
                raise
            warn("left out", str(error))
        else:
            readable.append(store)
    if not readable:
        raise UsageError("No kept run can be read; make one with `bridgetoll run`.")
    return readable
