"""Trials with their labels, and the rows that are made of them."""

from collections.abc import Sequence

from harness.analysis.condition import pieces_of
from harness.analysis.labels.trials import LabelledTrial, labelled_trials
from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.data.rows import Row, trial_rows


def labelled(run: Run, trials: Sequence[Trial]) -> tuple[LabelledTrial, ...]:
    return labelled_trials(run, trials, pieces_of(run, trials))


def rows_of(run: Run, trials: Sequence[Trial]) -> tuple[Row, ...]:
    return trial_rows(run, labelled(run, trials))
