"""A machine in words, and what identifies it."""

import statistics
from collections.abc import Mapping

from harness.analysis.analyse import Analysis
from harness.records.run import Run

_SOFTWARE = frozenset({"kernel", "python", "load_priority"})
"""Facts that an update or a setting changes; the machine stays the same."""


def machine_title(run: Run) -> str:
    """The machine of a run in a few words, e.g. `AMD EPYC, 2 cores`."""
    return machine_name(run.machine)


def machine_name(machine: Mapping[str, str | int]) -> str:
    """A machine in a few words."""
    processor, cores = machine.get("processor"), machine.get("processors")
    parts = [str(processor)] if processor else []
    parts += [f"{cores} core{'' if cores == 1 else 's'}"] if cores else []
    return ", ".join(parts or (f"{key} {value}" for key, value in machine.items()))


def hardware(machine: Mapping[str, str | int]) -> tuple[tuple[str, str], ...]:
    """What identifies a run's machine; an update of its software changes none of it."""
    return tuple(
        (key, str(value)) for key, value in sorted(machine.items()) if key not in _SOFTWARE
    )


def sets_of_machines(analysis: Analysis) -> str:
    """Which sets of machines shared the blocks, and how much they differ; empty for one."""
    if not analysis.machine_sets:
        return ""
    sets = {name: blocks for name, blocks in analysis.machine_sets.items() if blocks}
    shared = ", ".join(f"{name} {len(blocks)}" for name, blocks in sets.items())
    if len(sets) == 1:
        return f"One set of machines measured all blocks ({shared})."
    text = f"{len(sets)} sets of equal machines shared the blocks ({shared})."
    noises = [n for r in analysis.conditions if (n := r.first.noise) is not None]
    apart = [
        (noise.sets_sd, noise.between_sd)
        for noise in noises
        if noise.sets_sd is not None and noise.between_sd is not None
    ]
    if not apart:
        return text + " How much sets differ is not known: it needs two blocks on one of them."
    of_sets, of_blocks = (statistics.median(values) for values in zip(*apart, strict=True))
    return (
        f"{text} A variant's ratio to the baseline varies by ±{of_sets:.1%} from set to set, and "
        f"by ±{of_blocks:.1%} from block to block on one set (medians over conditions). Intervals "
        "and verdicts on ratios allow for both."
    )
