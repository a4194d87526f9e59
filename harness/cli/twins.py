"""The command `twins`: how often two identical servers seemed to differ."""

from typing import Annotated

import typer

from harness.base.errors import MalformedFile, UsageError
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import Json, out, print_json, read_trials
from harness.cli.items import Refused, is_found, named_runs

EXAMPLE = "bridgetoll twins results/*"


def command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN ...",
            help="Runs to count, by name or folder. All if none.",
            autocompletion=completion.runs,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how often two identical servers seemed to differ.

    Every run starts its baseline twice (A/A), so the true ratio is 1.
    """
    from harness.analysis.condition import conditions_of
    from harness.analysis.labels.trials import label_trials
    from harness.analysis.twins import check_twins, run_twins, tally_twins
    from harness.cli.twins_text import twins_text
    from harness.records.lock import RunInUse
    from harness.records.store import Store, not_runs, run_ids

    workspace = Workspace()
    unusable = Refused()
    if runs:
        stores = named_runs(workspace, runs, unusable)
    else:
        for stranger, reason in not_runs(workspace.results).items():
            unusable.note(stranger, f"{workspace.results / stranger} {reason}.", asked=False)
        stores = {name: Store(workspace.results / name) for name in run_ids(workspace.results)}
    if not stores:
        raise UsageError("There is no run to count; make one with `bridgetoll run`.")
    counted = []
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
        checks = check_twins(conditions_of(run, label_trials(run, trials)))
        counted.append(run_twins(run, checks))
    if not counted:
        raise UsageError("No kept run can be read; make one with `bridgetoll run`.")
    tally = tally_twins(sorted(counted, key=lambda run: (run.started_at, run.run)))
    if as_json:
        print_json(tally)
    else:
        out.print(twins_text(tally))
    unusable.settle()
