"""The command `compare`: two runs beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from harness.base.errors import Regressed, Undecided, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import Json, err, note, out, print_json, read_trials
from harness.cli.ending import when_stopped
from harness.cli.options import FailOnRegression
from harness.cli.shares import share

if TYPE_CHECKING:
    from harness.analysis.gate import Gate
    from harness.analysis.runs import RunComparison
    from harness.report.comparison.compared import ComparedRuns

EXAMPLE = "bridgetoll compare RUN_A RUN_B --fail-on-regression 5%"
MEASURES = ("cpu", "throughput", "p99", "memory", "sustained")
"""As in `analysis.runs`, which takes long to import."""


def _measures(incomplete: str) -> list[str]:
    return [name for name in MEASURES if name.startswith(incomplete)]


def command(
    run_a: Annotated[
        str,
        typer.Argument(
            metavar="RUN_A",
            help="The run before: its name or folder.",
            autocompletion=completion.runs,
        ),
    ],
    run_b: Annotated[
        str,
        typer.Argument(
            metavar="RUN_B",
            help="The run after: its name or folder.",
            autocompletion=completion.runs,
        ),
    ],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs that were not measured alike, too.")
    ] = False,
    fail_on_regression: FailOnRegression = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VARIANT",
            help="A variant that is the same in both; repeatable.",
            autocompletion=completion.variants,
        ),
    ] = None,
    measure: Annotated[
        str,
        typer.Option(
            metavar="NAME", help=f"One of: {', '.join(MEASURES)}.", autocompletion=_measures
        ),
    ] = "cpu",
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Write a page too; folder created if missing."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two runs, across versions or machines.

    It shows each variant's change relative to unchanged variants.
    """
    from harness.analysis.gate import gate
    from harness.analysis.runs import MEASURES as BY_NAME
    from harness.analysis.runs import RunTrials, compare
    from harness.cli.comparison import comparison_text
    from harness.records.comparability import changes, check_comparable
    from harness.records.store import find_run
    from harness.report.comparison.compared import ComparedRuns

    if measure not in BY_NAME:
        raise UnknownName("measure", measure, list(BY_NAME))
    allowed = (
        None if fail_on_regression is None else share(fail_on_regression, "--fail-on-regression")
    )
    results = Workspace().results
    stores = [find_run(results, name) for name in (run_a, run_b)]
    a, b = (store.read_run() for store in stores)
    reasons = check_comparable(a, b, anyway=anyway)
    before, after = (
        RunTrials(run, read_trials(store, run)) for run, store in zip((a, b), stores, strict=True)
    )
    comparison = compare(before, after, BY_NAME[measure], reference or ())
    found = None if allowed is None else gate(comparison, allowed)
    compared = ComparedRuns(a, b, reasons, changes(a, b), comparison, found)
    page = None if to is None else _write(compared, to)
    if as_json:
        print_json(compared.data)
    else:
        out.print(comparison_text(compared))
    if page is not None:
        told = Text(f"page: {Workspace().shown(page)}")
        (err if as_json else out).print(told, soft_wrap=True)
    if found is not None:
        _end(found, comparison)


def _write(compared: "ComparedRuns", to: Path) -> Path:
    from harness.report.comparison.write import write_comparison

    with when_stopped(f"the runs are unchanged, and {to} is not finished; compare them again."):
        return write_comparison(compared, to)


def _end(gate: "Gate", comparison: "RunComparison") -> None:
    """Tell whether B is worse than allowed.

    Raises:
        Regressed: it is.
        Undecided: the runs cannot tell.
        UsageError: no pair can be compared.
    """
    from harness.analysis.gate import GateAnswer
    from harness.cli.comparison import gate_sentence

    sentence = gate_sentence(gate, comparison)
    match gate.answer:
        case GateAnswer.PASSED:
            note(sentence)
        case GateAnswer.REGRESSED:
            raise Regressed(f"--fail-on-regression: {sentence}")
        case GateAnswer.UNDECIDED:
            raise Undecided(f"--fail-on-regression: {sentence}")
        case GateAnswer.NOT_COMPARABLE:
            raise UsageError(f"--fail-on-regression: {sentence}")
