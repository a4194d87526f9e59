"""Which planned variants have no figures under which conditions, and why.

The exit status of a run and its report both follow this one judgement.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from harness.analysis.labels.errors import errors_of, in_words, remedy_for
from harness.analysis.labels.labels import FAILED, Finding, Label
from harness.analysis.labels.trials import LabelledTrial
from harness.analysis.measures import ranked, trial_value
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial


class Absence(StrEnum):
    """How it came that a variant has no figures under a condition."""

    EXCLUDED = "excluded"
    UNMEASURED = "not measured"
    FAILED = "no figures"


class MissingFigures(msgspec.Struct, frozen=True):
    """A planned entry without figures under a planned condition.

    trials: how many of its trials count as attempts, and failed.
    label: of most of them; None without trials, or where none of them failed.
    errors: requests that failed in them, by kind.
    reason, remedy: clauses, made from the trials.
    elapsed_s: of these trials together. threads: of the server after the one that had the most.
    """

    entry: str
    condition: Condition
    absence: Absence
    reason: str
    remedy: str
    trials: int = 0
    label: Label | None = None
    errors: dict[str, int] = {}
    elapsed_s: float | None = None
    threads: int | None = None

    @property
    def word(self) -> str:
        """Why, in a word or two."""
        if self.absence is Absence.FAILED and self.label is not None:
            return self.label.value
        return self.absence.value


def missing_figures(run: Run, trials: Sequence[LabelledTrial]) -> tuple[MissingFigures, ...]:
    """Every planned entry that has no figures under a planned condition, in the study's order.

    Args:
        run: its plan and its excluded variants.
        trials: all of its trials; attempts that do not count are left out.
    """
    by_condition: dict[Condition, list[LabelledTrial]] = {}
    for labelled in trials:
        by_condition.setdefault(labelled.trial.condition, []).append(labelled)
    return tuple(
        item
        for condition in run.study.conditions
        for item in missing_under(run, condition, by_condition.get(condition, ()))
    )


def missing_under(
    run: Run, condition: Condition, trials: Sequence[LabelledTrial]
) -> tuple[MissingFigures, ...]:
    """The same under one condition, of which these are the trials."""
    by_entry: dict[str, list[LabelledTrial]] = {}
    for labelled in trials:
        if labelled.counted:
            by_entry.setdefault(labelled.trial.entry, []).append(labelled)
    found = (
        _missing(run, condition, name, variant, by_entry.get(name, ()))
        for name, variant in _planned(run, condition).items()
    )
    return tuple(item for item in found if item is not None)


def _planned(run: Run, condition: Condition) -> dict[str, str]:
    """The entries that the plan gives turns under a condition, each with its variant."""
    entries = run.plan.entries
    indices = sorted(
        {
            index
            for phase in run.plan.phases
            if phase.condition == condition
            for order in phase.orders
            for index in order
        }
    )
    return {entries[index].name: entries[index].variant for index in indices}


def _missing(
    run: Run, condition: Condition, entry: str, variant: str, trials: Sequence[LabelledTrial]
) -> MissingFigures | None:
    if variant in run.excluded:
        reason = " ".join(run.excluded[variant].split())
        remedy = (
            f"`bridgetoll verify {variant}` and `bridgetoll audit {variant}` show every problem"
        )
        return MissingFigures(entry, condition, Absence.EXCLUDED, reason, remedy)
    if not trials:
        return MissingFigures(
            entry, condition, Absence.UNMEASURED, "no trial of it can be found",
            f"measure it with `bridgetoll run --resume {run.id}`",
        )  # fmt: skip
    if any(_has_figure(run, labelled) for labelled in trials):
        return None
    return _failed(condition, entry, trials)


def _has_figure(run: Run, labelled: LabelledTrial) -> bool:
    """Whether a trial stands behind a figure; a ramp tells its failed requests beside it."""
    trial = labelled.trial
    if run.study.ramped:
        return has_successes(labelled)
    if labelled.failed:
        return False
    return any(trial_value(measure, trial) is not None for measure in ranked(trial.condition))


def has_successes(labelled: LabelledTrial) -> bool:
    """Whether a ramp went to its end unspoilt, and some request succeeded."""
    trial = labelled.trial
    whole = trial.complete and trial.ramp is not None and not labelled.spoilt
    return whole and any(piece.correct for piece in trial.slices)


def _failed(condition: Condition, entry: str, labelled: Sequence[LabelledTrial]) -> MissingFigures:
    """The reasons of failed trials: the most frequent label first, with its share of the blocks."""
    errors = errors_of(each.trial for each in labelled)
    groups: dict[Label | None, list[tuple[Finding | None, Trial]]] = {}
    for each in labelled:
        finding = _main(each)
        label = None if finding is None else finding.label
        groups.setdefault(label, []).append((finding, each.trial))
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    reasons = [
        _reason(group[0][0], [trial for _, trial in group]) + _share(len(group), len(labelled))
        for _, group in ordered
    ]
    label, group = ordered[0]
    example = group[0][0]
    remedy = "look at its trials in the run's folder" if example is None else example.remedy
    if label is Label.STARVED:
        remedy = remedy_for(errors, condition.endpoint) or remedy
    return MissingFigures(
        entry, condition, Absence.FAILED, "; ".join(reasons), remedy,
        trials=len(labelled), label=label, errors=errors,
        elapsed_s=_elapsed_s(labelled),
        threads=max(each.trial.threads or 0 for each in labelled) or None,
    )  # fmt: skip


def _elapsed_s(labelled: Sequence[LabelledTrial]) -> float | None:
    """Seconds during which they were loaded."""
    elapsed = sum(piece.elapsed_ns for each in labelled for piece in each.trial.slices)
    return round(elapsed / 1e9, 1) if elapsed else None


def _main(labelled: LabelledTrial) -> Finding | None:
    """The finding for which a trial stands behind no figure; what ended it comes first.

    Where no answer ever came, that says more than that none came for some seconds.
    """
    failures = [finding for finding in labelled.findings if finding.label in FAILED]
    starved = any(finding.label is Label.STARVED for finding in failures)
    told = {Label.STALLED} if starved else set()
    if starved and errors_of([labelled.trial]).keys() == {"timeout"}:
        told.add(Label.INCOMPLETE)  # it was stopped for that reason
    kept = [finding for finding in failures if finding.label not in told]
    return kept[0] if kept else None


def _reason(finding: Finding | None, trials: Sequence[Trial]) -> str:
    """In words, with the errors of all these trials."""
    if finding is None:
        return "its trials have no value by the measures that compare"
    errors = in_words(errors_of(trials))
    if finding.label is Label.STARVED and errors:
        return f"no correct answer ({errors})"
    if finding.label is Label.INCOMPLETE and errors:
        return f"{finding.detail} ({errors})"
    return finding.detail


def _share(count: int, blocks: int) -> str:
    if blocks == 1:
        return ""
    of = f"each of {blocks}" if count == blocks else f"{count} of {blocks}"
    return f", in {of} blocks"
