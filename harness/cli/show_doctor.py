"""What `bridgetoll doctor` shows: statements by topic, each with its remedy. Printed by `cli`."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.doctor.advice import Advice


def findings_table(findings: Iterable[Advice]) -> RenderableType:
    """A row per finding, for 80 columns; what can be mended stands out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    last = None
    for finding in findings:
        topic = "" if finding.topic == last else finding.topic
        table.add_row(Text(topic, style="bold"), _text(finding))
        last = finding.topic
    return table


def _text(finding: Advice) -> Text:
    if finding.remedy is None:
        return Text(finding.statement)
    return Text.assemble((finding.statement, "yellow"), "\n", ("To do: ", "bold"), finding.remedy)
