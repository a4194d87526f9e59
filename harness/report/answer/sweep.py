"""From where on which stack wins: the headline of a sweep."""

from harness.analysis.analyse import Analysis
from harness.records.run import Run
from harness.report.answer import ranking


def headline(run: Run, analysis: Analysis) -> list[str]:
    """So far that of a ranking."""
    return ranking.headline(run, analysis)
