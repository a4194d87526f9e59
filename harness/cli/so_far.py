"""What a run knows before it ends, as a table for a terminal.

This module imports the analysis, so commands import it when they print.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from harness.analysis.so_far import Interim, SoFar
from harness.cli.grids import SHORT, grid
from harness.cli.rows import column_titles
from harness.cli.summary import ramp_table


def so_far_table(so_far: SoFar, width: int, rows: int) -> RenderableType:
    """The first measure of every condition, and its ratios to the baseline.

    Args:
        so_far: what is known.
        width: columns of the terminal. rows: variants, or cells, at most.
    """
    if so_far.ramps is not None:
        return ramp_table(so_far.ramps, (), rows)
    if not so_far.standings:
        return Text("no trial is complete yet")
    told = f"after {so_far.blocks} of {so_far.planned} blocks, ratios to {so_far.baseline}"
    table = grid(
        so_far.standings, _titles(so_far.standings), so_far.baseline, width=width, rows=rows
    )
    return Group(table, Text(told, style="dim"))


def _titles(standings: Sequence[Interim]) -> list[str]:
    """Endpoint, load where an endpoint has several, and measure."""
    by_endpoint: dict[str, list[Interim]] = {}
    for standing in standings:
        by_endpoint.setdefault(standing.condition.endpoint, []).append(standing)
    loads: dict[int, str] = {}
    for alike in by_endpoint.values():
        if len(alike) > 1:
            titles = column_titles([standing.condition for standing in alike])
            loads |= {id(standing): title for standing, title in zip(alike, titles, strict=True)}
    return [
        "\n".join(filter(None, (s.condition.endpoint, loads.get(id(s)), SHORT[s.measure])))
        for s in standings
    ]
