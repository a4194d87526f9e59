"""Whether a published experiment repeats: the headline of a replication."""

from harness.analysis.analyse import Analysis
from harness.records.run import Run
from harness.report.answer import ranking


def headline(run: Run, analysis: Analysis) -> list[str]:
    """So far that of a ranking."""
    return ranking.headline(run, analysis)
