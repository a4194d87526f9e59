"""A machine in words, and what identifies it."""

from harness.records.run import Run

_SOFTWARE = frozenset({"kernel", "python", "load_priority"})
"""Facts that an update or a setting changes; the machine stays the same."""


def machine_title(run: Run) -> str:
    """The machine in a few words, e.g. `AMD EPYC, 2 cores`."""
    facts = run.machine
    if "processor" not in facts:
        return ", ".join(f"{key} {value}" for key, value in facts.items())
    count = facts.get("processors")
    cores = "" if count is None else f", {count} core{'' if count == 1 else 's'}"
    return f"{facts['processor']}{cores}"


def hardware(run: Run) -> tuple[tuple[str, str], ...]:
    """What identifies the machine; an update of its software changes none of it."""
    return tuple(
        (key, str(value)) for key, value in sorted(run.machine.items()) if key not in _SOFTWARE
    )
