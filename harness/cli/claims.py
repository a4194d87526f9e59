"""The command `claims`: published claims beside measured runs."""

from typing import Annotated

import typer

from harness.base.errors import MalformedFile, UsageError
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import Json, out, print_json, read_trials
from harness.cli.items import Refused, claims_of, is_found, named_runs

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
    from harness.inputs import conditions
    from harness.records.lock import RunInUse
    from harness.records.store import Store, run_ids

    workspace = Workspace()
    claims = claims_of(workspace)
    if not claims:
        raise UsageError("No claim can be read; mend shared/claims.toml.")
    unusable = Refused()
    names = runs or list(run_ids(workspace.results))
    if not names:
        raise UsageError("There is no run to judge by; make one with `bridgetoll run`.")
    stores = (
        named_runs(workspace, runs, unusable)
        if runs
        else {name: Store(workspace.results / name) for name in names}
    )
    judgements = []
    titles: dict[str, str] = {}
    for name, store in stores.items():
        asked = runs is not None and not is_found(name, runs)
        try:
            run = store.read_run()
            trials = read_trials(store, run)
        except (MalformedFile, RunInUse) as error:
            if asked and len(stores) == 1:
                raise
            unusable.note(name, error, asked=asked)
            continue
        titles |= {c.name: conditions.condition_title(c) for c in run.study.conditions}
        judgements.append(analyse(run, trials, claims).judgements)
    if not judgements:
        raise UsageError("No kept run can be read; make one with `bridgetoll run`.")
    verdicts = merged(judgements)
    if as_json:
        print_json(verdicts)
    else:
        out.print(tables.claims_text(verdicts, titles, evidence=evidence))
    unusable.settle()
