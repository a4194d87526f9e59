"""The command that holds one run against another: `compare`."""

import math
from typing import Annotated

import typer
from rich.text import Text

from harness.analysis.runs import (
    MEASURES,
    Measured,
    RunComparison,
    Verdict,
    compare,
    regressions,
    undecided,
)
from harness.base.errors import Regressed, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.cli import show_compare
from harness.cli.console import Json, app, err, out, print_json
from harness.records.comparability import changes, check_comparable
from harness.records.run import Run
from harness.records.store import Store, find_run


@app.command("compare")
def compare_(
    run_a: Annotated[str, typer.Argument(help="The run before.")],
    run_b: Annotated[str, typer.Argument(help="The run after.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where the two were not measured alike.")
    ] = False,
    fail_on_regression: Annotated[
        str | None,
        typer.Option(help="End with status 1 if a variant is slower by more than, e.g., 5%."),
    ] = None,
    measure: Annotated[str, typer.Option(help=f"One of: {', '.join(MEASURES)}.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Compare two runs, across versions or machines: each variant's ratio of B to A."""
    workspace = Workspace()
    if measure not in MEASURES:
        raise UnknownName("measure", measure, list(MEASURES))
    allowed = None if fail_on_regression is None else _share(fail_on_regression)
    stores = [find_run(workspace.results, name) for name in (run_a, run_b)]
    a, b = (store.read_run() for store in stores)
    reasons = check_comparable(a, b, anyway=anyway)
    found = compare(_measured(stores[0], a), _measured(stores[1], b), MEASURES[measure])
    changed = changes(a, b)
    if as_json:
        print_json({"not_measured_alike": reasons, "changed": changed, "comparison": found})
    else:
        out.print(show_compare.text(reasons, changed, found))
    if allowed is not None:
        _gate(found, allowed)


def _share(text: str) -> float:
    """A share of 1, typed as such or in per cent."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 <= share < 1:  # and so for what is no number
        raise UsageError(
            f"--fail-on-regression: `{text}` is no share from 0% to below 100%; write 5% or 0.05."
        )
    return share


def _measured(store: Store, run: Run) -> Measured:
    err.print(Text(f"reading {store.id}", style="dim"))
    trials, damaged = store.trials(run)
    for problem in damaged:
        err.print(Text(f"left out: {store.id}: {problem}", style="yellow"))
    return Measured(run, trials)


def _gate(found: RunComparison, allowed: float) -> None:
    """Fail on what is worse than allowed, and where nothing could have been found to be.

    Raises:
        Regressed: naming the pairs.
    """
    if not found.comparable:
        raise Regressed(
            "--fail-on-regression: no variant could be compared, so no regression can be ruled "
            "out; measure the same variants under the same conditions, in two blocks or more."
        )
    worse = regressions(found, allowed)
    if worse:
        raise Regressed(
            f"{len(worse)} of {len(found.comparable)} comparable pairs became "
            f"{show_compare.said(Verdict.SLOWER, found.measure)} by more than {100 * allowed:g}%: "
            f"{', '.join(show_compare.named(pair) for pair in worse)}; find the cause in what "
            "changed, or allow more."
        )
    if found.only_in_a:
        lost = ", ".join(dict.fromkeys(place.variant for place in found.only_in_a))
        raise Regressed(
            f"--fail-on-regression: {lost} stood in A and was not measured in B, so no regression "
            "can be ruled out; measure it, or compare runs of the same variants."
        )
    unfit = [pair for pair in found.pairs if pair.unfit == "B"]
    if unfit:
        lost = ", ".join(dict.fromkeys(pair.variant for pair in unfit))
        raise Regressed(
            f"--fail-on-regression: nothing can be said of {lost} because of run B "
            f"({unfit[0].reason}), so no regression can be ruled out; mend what disturbed it and "
            "measure again."
        )
    unseen = undecided(found, allowed)
    if unseen:
        told = ", ".join(show_compare.named(pair) for pair in unseen)
        err.print(
            Text(
                f"passed, but of {len(unseen)} of {len(found.comparable)} comparable pairs these "
                f"runs cannot rule out more than {100 * allowed:g}%: {told}; more blocks would.",
                style="yellow",
            )
        )
