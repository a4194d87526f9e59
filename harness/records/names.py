"""What the file of a trial is called, by its block, condition, entry and attempt."""

from harness.inputs.study import Condition
from harness.records.trial import Trial

_AGAIN = "~"
"""Stands before the number of a repeated attempt."""


def trial_file(trial: Trial) -> str:
    """The name of a trial's file."""
    return file_name(trial.block, trial.condition, trial.entry, trial.attempt)


def file_name(block: int, condition: Condition, entry: str, attempt: int) -> str:
    """The name that a trial's file would have."""
    return f"{trial_stem(block, condition, entry, attempt)}.json"


def trial_stem(block: int, condition: Condition, entry: str, attempt: int) -> str:
    """The same without its ending: what else is kept of the trial begins so."""
    name = entry.replace("/", ".").replace("#", "_")
    again = "" if attempt == 1 else f"{_AGAIN}{attempt}"
    return f"b{block:02d}-{condition.name}-{name}{again}"


def attempt_of(stem: str) -> int:
    """Which attempt a file is of, by its name without the ending."""
    number = stem.rpartition(_AGAIN)[2]
    return int(number) if number != stem and number.isdigit() else 1


def first_of(stem: str) -> str:
    """The same without the number of the attempt."""
    return stem.partition(_AGAIN)[0]
