"""A site's list of runs: the answer of each in a row, with what it holds for."""

from typing import Any

from harness.report.answer.headline import headline
from harness.report.words import runs
from harness.report.words.machines import machine_title
from harness.report.write import Report

DOWNLOADS = ("report.md", "ratios.csv", "trials.csv", "trials.parquet", "summary.json")
"""Files beside each report; see `report.write`."""


def run_row(number: int, report: Report) -> dict[str, Any]:
    """A run's row.

    Args:
        number: of the run among those of the site, by date from 1.
        report: of the run.
    """
    run, analysis = report.run, report.analysis
    date = run.started_at[:10]
    return {
        "number": number,
        "id": run.id,
        "study": run.study_name,
        "title": run.study.title,
        "question": run.study.question,
        "date": date,
        "machine": machine_title(run),
        "headline": headline(run, analysis),
        "facts": [fact for fact in runs.glance(run, analysis) if fact != date],
        "excluded": list(run.excluded),
        "damaged": len(report.damaged),
    }
