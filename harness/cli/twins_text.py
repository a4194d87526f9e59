"""What the terminal shows of identical servers, for 80 columns.

This module imports the analysis, so commands import it when they print.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.twins import TwinTally
from harness.report.words import twin_tally


def twins_text(tally: TwinTally) -> RenderableType:
    """How many ratios of the two identical servers hold 1; then each, by run and condition."""
    parts: list[RenderableType] = [Text(twin_tally.result(tally), style="bold")]
    parts += [Text(line) for line in twin_tally.failures(tally)]
    parts += [Text(line, style="yellow") for line in twin_tally.left_out(tally)]
    for run in tally.runs:
        if not run.checks:
            continue
        parts.append(Text(f"\n{run.run}", style="bold"))
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("condition")
        table.add_column("ratio", no_wrap=True)
        table.add_column("holds 1", no_wrap=True)
        for check in run.checks:
            row = twin_tally.row(check)
            style = "" if check.holds_one else "yellow" if check.agree else "bold red"
            table.add_row(Text(row["condition"]), row["ratio"], Text(row["holds"], style=style))
        parts.append(table)
    parts.append(Text(f"\n{twin_tally.HOW}", style="dim"))
    if tally.checks:
        parts.append(Text(twin_tally.INDEPENDENT, style="dim"))
    return Group(*parts)
