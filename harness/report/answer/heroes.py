"""The hero pictures of a run, by its kind."""

from collections.abc import Callable

from harness.analysis.analyse import Analysis
from harness.inputs.kinds import StudyKind, kind_of
from harness.records.run import Run
from harness.report.answer import ab, causal, ranking, replication, sweep
from harness.report.answer.hero import Hero
from harness.report.drawing.figures import Figures

_HEROES: dict[StudyKind, Callable[[Run, Analysis, Figures], list[Hero]]] = {
    StudyKind.RANKING: ranking.heroes,
    StudyKind.CAUSAL: causal.heroes,
    StudyKind.SWEEP: sweep.heroes,
    StudyKind.REPLICATION: replication.heroes,
    StudyKind.AB: ab.heroes,
}


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """The pictures of the first screen; the first is the one to show. Empty without figures."""
    return _HEROES[kind_of(run.study)](run, analysis, figures)
