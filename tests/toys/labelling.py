"""Trials with their labels, and the conditions and rows that are made of them."""

from collections.abc import Sequence

from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.labels.trials import LabelledTrial, in_order, label_trials
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.data.rows import Row, trial_rows


def labelled(run: Run, trials: Sequence[Trial]) -> tuple[LabelledTrial, ...]:
    """All trials, in the order of block, condition, entry and attempt."""
    return in_order(label_trials(run, trials))


def measured_condition(
    run: Run, condition: Condition, trials: Sequence[Trial]
) -> MeasuredCondition:
    """One condition, of which these are the trials."""
    return MeasuredCondition(run, condition, label_trials(run, trials))


def measured_conditions(run: Run, trials: Sequence[Trial]) -> list[MeasuredCondition]:
    """All conditions of a run."""
    return conditions_of(run, label_trials(run, trials))


def rows_of(run: Run, trials: Sequence[Trial]) -> tuple[Row, ...]:
    return trial_rows(run, labelled(run, trials))
