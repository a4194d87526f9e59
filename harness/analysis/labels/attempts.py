"""Phases that were measured more than once: which attempt counts, and when another is wanted."""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.analysis.labels.labels import LIMITS, Label
from harness.analysis.labels.limits import Circumstances, idle_cores
from harness.analysis.labels.rules import findings
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial


def counted_attempts(run: Run, trials: Sequence[Trial]) -> list[Trial]:
    """Of a phase that was repeated, the fullest attempt, then the quietest, then the last.

    All stay on disk. The trials of a phase belong together, so no attempt is filled up from
    another. Noise is what the machine did, not what the variants did, so the choice favours none.
    """
    phases: dict[tuple[int, Condition], dict[int, list[Trial]]] = {}
    for trial in trials:
        attempts = phases.setdefault((trial.block, trial.condition), {})
        attempts.setdefault(trial.attempt, []).append(trial)
    idle = idle_cores(run, trials)
    chosen = {key: _best(run, attempts, idle) for key, attempts in phases.items()}
    return [t for t in trials if t.attempt == chosen[t.block, t.condition]]


def _best(run: Run, attempts: Mapping[int, Sequence[Trial]], idle: float) -> int:
    if len(attempts) == 1:  # as most have; labels take a while
        return next(iter(attempts))
    return max(
        attempts,
        key=lambda number: (
            sum(trial.complete for trial in attempts[number]),
            sum(not _is_noisy(run, trial, idle) for trial in attempts[number]),
            number,
        ),
    )


def mostly_noisy(run: Run, trials: Sequence[Trial]) -> bool:
    """Whether more than half of a phase's trials bear the label noisy."""
    idle = idle_cores(run, trials)
    return sum(_is_noisy(run, trial, idle) for trial in trials) * 2 > len(trials)


def disturbances(run: Run, trials: Sequence[Trial]) -> str:
    """Labels that say what disturbed some trials, with how many bear them; empty where none does.

    What limited a throughput is no disturbance, and said in the report.
    """
    idle = idle_cores(run, trials)
    found: Counter[Label] = Counter()
    for trial in trials:
        labels = findings(trial, Circumstances.of(run, trial.variant, idle))
        found.update({finding.label for finding in labels} - set(LIMITS))
    return ", ".join(f"{label} {count} of {len(trials)}" for label, count in found.most_common())


def _is_noisy(run: Run, trial: Trial, idle: float) -> bool:
    labels = findings(trial, Circumstances.of(run, trial.variant, idle))
    return any(f.label is Label.NOISY for f in labels)
