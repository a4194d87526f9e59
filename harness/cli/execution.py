"""Measuring a study and telling what came of it: what `run` and `ab` share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from harness.base.errors import RunFailed
from harness.cli.console import note, out, whoever_reads
from harness.cli.ending import RunEnding
from harness.cli.plan import plan_text
from harness.cli.report import report_run

if TYPE_CHECKING:
    from harness.inputs.study import Study
    from harness.records.plan import Phase, Plan
    from harness.records.store import Store
    from harness.report.write import Report
    from harness.runner.laboratory import Laboratory


def execute(
    laboratory: "Laboratory",
    store: "Store",
    study: "Study",
    plan: "Plan",
    measure: Callable[[], object],
    missing: "Sequence[Phase] | None" = None,
    console: Console = out,
) -> "Report | None":
    """Measure, report what was measured, and tell how the run ended.

    A reader of the output who leaves does not end it: `bridgetoll run quick | head`.

    Args:
        laboratory, store, study, plan: of the run.
        measure: does it.
        missing: phases that lack a complete trial, of a run that is resumed.
        console: where plan, summary and ending are printed.

    Returns:
        The report; None if there is none.

    Raises:
        RunFailed: something failed, or the summary could not be printed.
    """
    from harness.cli.progress import ProgressListener
    from harness.runner.examine import set_up_of

    listener = laboratory.listener
    assert isinstance(listener, ProgressListener)
    set_up = set_up_of(laboratory, study, begun=missing is not None)
    listener.expect(study, plan, plan.phases if missing is None else missing, set_up)
    ending = RunEnding(store)
    written: Report | None = None
    with whoever_reads():
        left = None if missing is None else len(missing) / len(plan.phases)
        console.print(plan_text(study, plan, console.width, left), soft_wrap=True)
        with ending.measuring(), listener:
            measure()
        if ending.reportable:
            with ending.reporting():
                written = report_run(laboratory.workspace, store, console=console)
        told = ending.tell()
        console.print(Text(told), soft_wrap=True)
    if out.lost is None:
        return written
    if not isinstance(out.lost, BrokenPipeError):
        raise RunFailed(
            f"{told} Its summary could not be printed to standard output ({out.lost.strerror}); "
            f"`bridgetoll report {store.id}` prints it."
        )
    note(told)
    return written
