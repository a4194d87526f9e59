"""A run, taken apart into the pieces that are analysed."""

from collections.abc import Sequence

from harness.analysis.condition import Piece
from harness.analysis.labels.attempts import counted_attempts
from harness.records.trial import Run, Trial


def pieces_of(run: Run, trials: Sequence[Trial]) -> list[Piece]:
    """Of each condition that has trials, in the study's order, by the attempts that count.

    None of Locust's cells, which stand each by itself.
    """
    if run.study.ramped:
        return []
    counted = counted_attempts(run, trials)
    return [
        Piece(run, condition, found)
        for condition in run.study.conditions
        if (found := [t for t in counted if t.condition == condition])
    ]
