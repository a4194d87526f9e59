"""The command `compare`: two runs beside each other."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.errors import Regressed, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import Json, out, print_json, read_trials, warn

if TYPE_CHECKING:
    from harness.analysis.runs import RunComparison

EXAMPLE = "bridgetoll compare RUN_A RUN_B --fail-on-regression 5%"
MEASURES = ("cpu", "throughput", "p99", "memory", "sustained")
"""As in `analysis.runs`, which takes long to import."""


def _measures(incomplete: str) -> list[str]:
    return [name for name in MEASURES if name.startswith(incomplete)]


def command(
    run_a: Annotated[
        str,
        typer.Argument(
            metavar="RUN_A", help="The run before, by name.", autocompletion=completion.runs
        ),
    ],
    run_b: Annotated[
        str,
        typer.Argument(
            metavar="RUN_B", help="The run after, by name.", autocompletion=completion.runs
        ),
    ],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs that were not measured alike, too.")
    ] = False,
    fail_on_regression: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Exit with 1 if a variant is slower by more than, e.g., 5%."
        ),
    ] = None,
    measure: Annotated[
        str,
        typer.Option(
            metavar="NAME", help=f"One of: {', '.join(MEASURES)}.", autocompletion=_measures
        ),
    ] = "cpu",
    as_json: Json = False,
) -> None:
    """Compare two runs, across versions or machines.

    It shows each variant's ratio of B to A.
    """
    from harness.analysis.runs import MEASURES as BY_NAME
    from harness.analysis.runs import RunTrials, compare
    from harness.cli import tables
    from harness.records.comparability import changes, check_comparable
    from harness.records.store import find_run

    if measure not in BY_NAME:
        raise UnknownName("measure", measure, list(BY_NAME))
    allowed = None if fail_on_regression is None else _share(fail_on_regression)
    results = Workspace().results
    stores = [find_run(results, name) for name in (run_a, run_b)]
    a, b = (store.read_run() for store in stores)
    reasons = check_comparable(a, b, anyway=anyway)
    before, after = (
        RunTrials(run, read_trials(store, run)) for run, store in zip((a, b), stores, strict=True)
    )
    comparison = compare(before, after, BY_NAME[measure])
    changed = changes(a, b)
    if as_json:
        print_json({"not_measured_alike": reasons, "changed": changed, "comparison": comparison})
    else:
        out.print(tables.comparison_text(reasons, changed, comparison))
    if allowed is not None:
        _gate(comparison, allowed)


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


def _gate(comparison: "RunComparison", allowed: float) -> None:
    """Fail where B is worse than allowed, and where the runs cannot rule that out.

    Raises:
        Regressed: naming the pairs.
    """
    from harness.analysis.runs import Verdict, regressions, undecided
    from harness.cli import tables

    if not comparison.comparable:
        reasons = [pair.reason for pair in comparison.pairs if pair.reason is not None]
        why = f" ({reasons[0]})" if reasons else ""
        raise Regressed(
            f"--fail-on-regression: no variant could be compared{why}, so no regression can be "
            "ruled out; measure the same variants under the same conditions, in two blocks or more."
        )
    worse = regressions(comparison, allowed)
    if worse:
        raise Regressed(
            f"{len(worse)} of {len(comparison.comparable)} comparable pairs became "
            f"{tables.verdict_word(Verdict.SLOWER, comparison.measure)} by more than "
            f"{100 * allowed:g}%: {', '.join(tables.pair_text(pair) for pair in worse)}; find the "
            "cause in what changed, or allow more."
        )
    if comparison.only_in_a:
        lost = ", ".join(dict.fromkeys(place.variant for place in comparison.only_in_a))
        raise Regressed(
            f"--fail-on-regression: {lost} was measured in A and not in B, so no regression "
            "can be ruled out; measure it, or compare runs of the same variants."
        )
    unfit = [pair for pair in comparison.pairs if pair.unfit == "B"]
    if unfit:
        lost = ", ".join(dict.fromkeys(pair.variant for pair in unfit))
        raise Regressed(
            f"--fail-on-regression: nothing can be said of {lost} because of run B "
            f"({unfit[0].reason}), so no regression can be ruled out; mend what disturbed it and "
            "measure again."
        )
    unseen = undecided(comparison, allowed)
    if unseen:
        names = ", ".join(tables.pair_text(pair) for pair in unseen)
        warn(
            "passed, but",
            f"of {len(unseen)} of {len(comparison.comparable)} comparable pairs these runs cannot "
            f"rule out more than {100 * allowed:g}%: {names}. More blocks would.",
        )
