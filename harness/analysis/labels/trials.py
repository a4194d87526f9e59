"""Every trial of a run with its labels, and whether it stands behind any figure."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from harness.analysis.condition import Piece, unsteady
from harness.analysis.labels.labels import FAILED, LIMITS, Finding, Label
from harness.analysis.labels.limits import Circumstances, idle_cores
from harness.analysis.labels.rules import findings
from harness.analysis.locust.cells import last_attempts
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial


class Standing(StrEnum):
    """What became of a trial."""

    COUNTED = "counted"
    LABELLED = "counted, with a label"
    LEFT_OUT = "not counted"


class LabelledTrial(msgspec.Struct, frozen=True):
    """One trial.

    counted: whether this attempt at its phase was taken, rather than another.
    findings: its labels, with the figures that gave rise to them.
    """

    trial: Trial
    counted: bool
    findings: tuple[Finding, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """In the order in which they were found, none twice."""
        return tuple(dict.fromkeys(finding.label for finding in self.findings))

    @property
    def disturbances(self) -> tuple[Finding, ...]:
        """Without those that only say what limited its throughput."""
        return tuple(finding for finding in self.findings if finding.label not in LIMITS)

    @property
    def standing(self) -> Standing:
        """A trial that failed is left out of every figure, though its attempt is the one taken."""
        if not self.counted or FAILED & set(self.labels):
            return Standing.LEFT_OUT
        return Standing.LABELLED if self.disturbances else Standing.COUNTED


def labelled_trials(
    run: Run, trials: Sequence[Trial], pieces: Sequence[Piece]
) -> tuple[LabelledTrial, ...]:
    """Label every trial, attempts that were not taken among them.

    Args:
        run, trials: what was measured.
        pieces: of these trials, whose labels are taken over; none for Locust's cells.

    Returns:
        In the order of block, condition, entry and attempt.
    """
    idle = {piece.condition: idle_cores(run, piece.trials) for piece in pieces}
    known = {
        _key(trial): labels
        for piece in pieces
        for entry, found in piece.blocks.items()
        for trial, labels in zip(found.values(), piece.found[entry], strict=True)
    }
    taken = {_key(t) for t in last_attempts(trials)} if run.study.ramped else set(known)
    ordered = sorted(trials, key=lambda t: (t.block, t.condition.name, t.entry, t.attempt))
    return tuple(
        LabelledTrial(
            trial,
            _key(trial) in taken,
            known[_key(trial)]
            if _key(trial) in known
            else _found(run, trial, idle.get(trial.condition, 0.0)),
        )
        for trial in ordered
    )


def _found(run: Run, trial: Trial, idle: float) -> tuple[Finding, ...]:
    """Labels depend on what idle servers of the same condition use, as in `analysis.condition`."""
    around = Circumstances.of(run, trial.variant, idle)
    return (*findings(trial, around), *unsteady(trial))


def _key(trial: Trial) -> tuple[int, Condition, str, int]:
    return trial.block, trial.condition, trial.entry, trial.attempt
