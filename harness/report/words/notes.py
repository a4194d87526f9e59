"""What a reader of a condition's table must know of its columns, in words."""

from harness.analysis.analyse import ConditionResult
from harness.analysis.measures import Measure, ranked
from harness.records.run import Run
from harness.report.words import numbers, power


def condition_notes(run: Run, result: ConditionResult) -> list[str]:
    """Sentences on missing percentiles, on memory, and on blocks that weigh less."""
    comparisons = result.comparisons
    notes: list[str] = []
    measured = comparisons[Measure.THROUGHPUT].estimates
    if result.condition.objective is None and any(
        entry not in comparisons[Measure.P99].estimates for entry in measured
    ):
        notes.append(_few_latencies(result))
    if run.study.fresh != "condition":
        notes.append("Memory is the peak since the server started, over all conditions so far.")
    first = (comparisons[measure] for measure in ranked(result.condition))
    return notes + [note for c in first if c.ranking and (note := power.outlier_note(c))]


def _few_latencies(result: ConditionResult) -> str:
    """Why a 99th percentile is missing; see `percentile_ns` and `answered_share`."""
    text = f"A 99th percentile is {numbers.MISSING} if no trial had "
    if result.condition.rate is None and result.condition.share is None:
        return text + "the thousand latencies that it needs."
    return text + (
        "ten answers that took longer; arrivals without an answer count as later than all answers."
    )
