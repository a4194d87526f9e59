"""A machine in words, and what identifies it."""

from collections.abc import Mapping

from harness.records.run import Run

_SOFTWARE = frozenset({"kernel", "python", "load_priority"})
"""Facts that an update or a setting changes; the machine stays the same."""


def machine_title(run: Run) -> str:
    """The machine in a few words, e.g. `AMD EPYC, 2 cores`."""
    processor, cores = run.machine.get("processor"), run.machine.get("processors")
    parts = [str(processor)] if processor else []
    parts += [f"{cores} core{'' if cores == 1 else 's'}"] if cores else []
    return ", ".join(parts or (f"{key} {value}" for key, value in run.machine.items()))


def hardware(machine: Mapping[str, str | int]) -> tuple[tuple[str, str], ...]:
    """What identifies a run's machine; an update of its software changes none of it."""
    return tuple(
        (key, str(value)) for key, value in sorted(machine.items()) if key not in _SOFTWARE
    )
