"""Every trial of a run with its labels, and which attempt at a repeated phase counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from harness.analysis.labels.events import Habits, habits
from harness.analysis.labels.labels import FAILED, LIMITS, SPOILT, Finding, Label
from harness.analysis.labels.rules import Circumstances, findings_of, idle_cores, unsteady
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial


class Standing(StrEnum):
    """Whether a trial counts."""

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
        """In the order of the findings, each once."""
        return tuple(dict.fromkeys(finding.label for finding in self.findings))

    @property
    def failed(self) -> bool:
        """Whether it is left out of every figure."""
        return not FAILED.isdisjoint(self.labels)

    @property
    def spoilt(self) -> bool:
        """Whether an event from outside makes it useless."""
        return not SPOILT.isdisjoint(self.labels)

    @property
    def disturbances(self) -> tuple[Finding, ...]:
        """The findings that do not just name what limited its throughput."""
        return tuple(finding for finding in self.findings if finding.label not in LIMITS)

    @property
    def standing(self) -> Standing:
        """A failed trial is left out of every figure, even if its attempt is the one taken."""
        if not self.counted or self.failed:
            return Standing.LEFT_OUT
        return Standing.LABELLED if self.disturbances else Standing.COUNTED


def label_trials(run: Run, trials: Sequence[Trial]) -> tuple[LabelledTrial, ...]:
    """Label every trial, in the given order, including attempts that do not count.

    Labels depend on what the idle servers of a block use. That is known from the counted trials of
    the same condition. A cell of Locust's has a block's only server, so nothing is idle.
    """
    if run.study.ramped:
        counted, idle = last_attempts(run, trials), dict[Condition, float]()
    else:
        counted = counted_attempts(run, trials)
        by_condition: dict[Condition, list[Trial]] = {}
        for trial in counted:
            by_condition.setdefault(trial.condition, []).append(trial)
        idle = {condition: idle_cores(run, peers) for condition, peers in by_condition.items()}
    own = habits(trials)
    keys = {_key(trial) for trial in counted}
    return tuple(
        LabelledTrial(
            trial,
            _key(trial) in keys,
            (*_findings(run, trial, idle.get(trial.condition, 0.0), own), *unsteady(trial)),
        )
        for trial in trials
    )


def in_order(labelled: Sequence[LabelledTrial]) -> tuple[LabelledTrial, ...]:
    """Sort by block, condition, entry and attempt."""
    return tuple(
        sorted(
            labelled,
            key=lambda each: (
                each.trial.block,
                each.trial.condition.name,
                each.trial.entry,
                each.trial.attempt,
            ),
        )
    )


def counted_attempts(run: Run, trials: Sequence[Trial]) -> list[Trial]:
    """Of a repeated phase, take the fullest attempt, then the quietest, then the last.

    A trial that an event spoilt does not fill an attempt. All attempts stay on disk. The trials of
    a phase belong together, so no attempt is filled up from another. Noise and events come from
    the machine and not from a variant, so the choice favours none.

    A block belongs to one set of machines. Where one was lost in the middle and another measured
    the block again, all of the block's trials are taken from one of the two.
    """
    trials = _of_one_set(trials)
    phases: dict[tuple[int, Condition], dict[int, list[Trial]]] = {}
    for trial in trials:
        attempts = phases.setdefault((trial.block, trial.condition), {})
        attempts.setdefault(trial.attempt, []).append(trial)
    idle, own = idle_cores(run, trials), habits(trials)
    taken = {phase: _best(run, attempts, idle, own) for phase, attempts in phases.items()}
    return [t for t in trials if t.attempt == taken[t.block, t.condition]]


def _of_one_set(trials: Sequence[Trial]) -> list[Trial]:
    """Of each block, the trials of the set that completed most phases, and of equals the last."""
    tallies: dict[int, dict[str | None, list[Trial]]] = {}
    for trial in trials:
        tallies.setdefault(trial.block, {}).setdefault(trial.machine_set, []).append(trial)

    def worth(own: Sequence[Trial]) -> tuple[int, int]:
        whole = {(t.condition, t.entry) for t in own if t.complete}
        return len(whole), max(trial.attempt for trial in own)

    owners = {
        block: max(by_set, key=lambda name, by_set=by_set: worth(by_set[name]))  # type: ignore[misc]
        for block, by_set in tallies.items()
    }
    return [trial for trial in trials if trial.machine_set == owners[trial.block]]


def _best(run: Run, attempts: Mapping[int, Sequence[Trial]], idle: float, own: Habits) -> int:
    if len(attempts) == 1:  # the usual case, and labelling takes a while
        return next(iter(attempts))

    def worth(number: int) -> tuple[int, int, int, int]:
        labels = [_labels(run, trial, idle, own) for trial in attempts[number]]
        return (
            sum({Label.INCOMPLETE, *SPOILT}.isdisjoint(borne) for borne in labels),
            sum(trial.complete for trial in attempts[number]),
            sum(Label.NOISY not in borne for borne in labels),
            number,
        )

    return max(attempts, key=worth)


def last_attempts(run: Run, trials: Sequence[Trial]) -> list[Trial]:
    """Of each of Locust's cells; a failed one stands until a later attempt replaces it.

    An attempt that an event spoilt replaces none.
    """
    last: dict[tuple[int, Condition, str], Trial] = {}
    own = habits(trials)
    for trial in sorted(trials, key=lambda t: (not is_spoilt(run, t, own), t.attempt)):
        last[trial.block, trial.condition, trial.entry] = trial
    return list(last.values())


def is_spoilt(run: Run, trial: Trial, own: Habits) -> bool:
    """Whether an event from outside makes the trial useless.

    Args:
        run, trial: what was measured.
        own: habits of the run's variants; see `analysis.labels.events`.
    """
    return bool(trial.events) and not SPOILT.isdisjoint(_labels(run, trial, 0.0, own))


def mostly_noisy(run: Run, trials: Sequence[Trial]) -> bool:
    """Whether more than half of a phase's trials bear the label noisy."""
    idle = idle_cores(run, trials)
    return sum(Label.NOISY in _labels(run, t, idle, {}) for t in trials) * 2 > len(trials)


def disturbances(run: Run, trials: Sequence[Trial], own: Habits | None = None) -> str:
    """List the labels that disturbed a phase, with the number of trials; empty without any.

    What limited a throughput is no disturbance; the report shows it. Neither is a drift within a
    trial, which takes too long to test for between two measurements.

    Args:
        run, trials: of one phase.
        own: habits of the run's variants; from these trials alone if None.
    """
    idle = idle_cores(run, trials)
    own = habits(trials) if own is None else own
    counts: Counter[Label] = Counter()
    for trial in trials:
        labels = _labels(run, trial, idle, own)
        counts.update(label for label in labels if label not in LIMITS)
    return ", ".join(f"{label} {count} of {len(trials)}" for label, count in counts.most_common())


def _labels(run: Run, trial: Trial, idle: float, own: Habits) -> tuple[Label, ...]:
    """Each once, in the order of the findings."""
    return tuple(dict.fromkeys(finding.label for finding in _findings(run, trial, idle, own)))


def _findings(run: Run, trial: Trial, idle: float, own: Habits) -> tuple[Finding, ...]:
    """The only place where a trial meets the rules; idle: cores that the other servers use."""
    known = own.get((trial.condition, trial.variant), frozenset())
    around = Circumstances.of(run, trial.variant, idle, known, trial.condition)
    return findings_of(trial, around)


def _key(trial: Trial) -> tuple[int, Condition, str, int]:
    return trial.block, trial.condition, trial.entry, trial.attempt
