"""The headline of a run: two sentences at most, of 20 words at most, made from the data alone."""

from collections.abc import Callable

from harness.analysis.analyse import Analysis
from harness.inputs.kinds import StudyKind, kind_of
from harness.records.run import Run
from harness.report.answer import ab, causal, ranking, replication, sweep

MOST_SENTENCES = 2

_HEADLINES: dict[StudyKind, Callable[[Run, Analysis], list[str]]] = {
    StudyKind.RANKING: ranking.headline,
    StudyKind.CAUSAL: causal.headline,
    StudyKind.SWEEP: sweep.headline,
    StudyKind.REPLICATION: replication.headline,
    StudyKind.AB: ab.headline,
}


def headline(run: Run, analysis: Analysis) -> tuple[str, ...]:
    """The answer to the run's question, as one or two sentences."""
    return tuple(_HEADLINES[kind_of(run.study)](run, analysis)[:MOST_SENTENCES])
