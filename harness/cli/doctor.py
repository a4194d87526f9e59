"""The command `doctor`: what this machine can measure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.base.workspace import cache_folder
from harness.cli.console import Json, Wait, err, measuring_alone, out, print_json

if TYPE_CHECKING:
    from harness.doctor.advice import Advice

EXAMPLE = "bridgetoll doctor"


def command(wait: Wait = False, as_json: Json = False) -> None:
    """Find out what this machine can and cannot measure."""
    from harness.cli.progress import ProgressListener
    from harness.doctor.examine import examine

    listener = ProgressListener(err)
    with measuring_alone(wait=wait), listener:
        diagnosis = examine(cache_folder(), listener.step)
    if as_json:
        print_json(diagnosis)
    else:
        out.print(advice_table(diagnosis.findings))


def advice_table(findings: Iterable["Advice"]) -> RenderableType:
    """A row per finding, for 80 columns; those with a remedy stand out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    last = None
    for finding in findings:
        topic = "" if finding.topic == last else finding.topic
        table.add_row(Text(topic, style="bold"), _text(finding))
        last = finding.topic
    return table


def _text(finding: "Advice") -> Text:
    if finding.remedy is None:
        return Text(finding.statement)
    return Text.assemble((finding.statement, "yellow"), "\n", ("To do: ", "bold"), finding.remedy)
