"""A run in words: how it was loaded, when it stopped, how to repeat it."""

import re
import shlex
from typing import Any

from harness.analysis.analyse import Analysis
from harness.records.run import Run

NO_LIMIT = "nothing in particular"
"""What limited a throughput where no label says it."""


def load(run: Run) -> str:
    """How the variants of a run were loaded, apart from what each condition says."""
    study = run.study
    if study.ramped:
        return "Locust's users up a ramp, each setup alone"
    kinds = []
    if any(condition.window_s is None for condition in study.conditions):
        kinds.append(f"slices of {study.load.slice_s:g} s in {study.load.rounds} rounds")
    if any(condition.window_s is not None for condition in study.conditions):
        kinds.append("windows as their conditions say")
    return f"{' and '.join(kinds)}, after {study.load.warmup_s:g} s of the same load per variant"


_NOT_IN_A_NAME = re.compile(r"[^\w ./@+-]")
"""Characters of a file's name that Markdown or a shell could take for something else."""
_DIRTY = "-dirty"
"""What `git describe` adds to a commit."""


def stopping(run: Run) -> str:
    """By what rules the run could end early, or measure something again."""
    rules, reruns = run.study.stopping, run.study.reruns
    told: list[str] = []
    if rules.half_width is not None:
        looks = ", ".join(map(str, rules.looks))
        told.append(
            f"ended once every ratio's 95 % interval was within {rules.half_width:.0%}, looked at "
            f"after {looks} blocks"
        )
    if rules.budget_s is not None:
        told.append(f"no block begun that would end after {rules.budget_s / 60:g} min")
    if reruns:
        told.append(f"at most {reruns} noisy phase{'s' if reruns > 1 else ''} measured again")
    return "; ".join(told) or "all planned blocks, none measured again because of noise"


def blocks(run: Run, analysis: Analysis) -> str:
    """How many of those planned were measured, under all conditions or some."""
    if analysis.ramps is None:
        known = {r.condition: max(r.trials.values(), default=0) for r in analysis.conditions}
        counts = [known.get(condition, 0) for condition in run.study.conditions]
    else:
        counts = [cell.trials for cell in analysis.ramps.cells]
    planned = run.study.blocks
    least, most = min(counts, default=0), max(counts, default=0)
    told = f"{least} of {planned} planned block{'s' if planned > 1 else ''} measured"
    return told if least == most else f"{told}, and {most} under some conditions"


def repeat(run: Run) -> dict[str, Any]:
    """The command, and what else it takes for the same to be measured."""
    commit, notes = run.commit, []
    command = shlex.join(_spoken(run.command))  # a stranger's must not do more than run bridgetoll
    if commit is not None and commit.endswith(_DIRTY):
        commit = commit.removesuffix(_DIRTY)
        notes.append("the checkout had changes that were not committed")
    if run.untracked:
        names = ", ".join(_NOT_IN_A_NAME.sub("?", name) for name in run.untracked)
        notes.append(f"these files were measured and are not in the commit: {names}")
    if not run.embedded_database:
        command += " --database-url postgresql://user:password@host:port/name"
        notes.append("on a PostgreSQL of one's own, as this run was")
    if any(word.endswith(".toml") for word in _spoken(command)[1:2]):
        notes.append("with the study in a file of that name")
    return {"command": command, "commit": commit, "notes": notes}


def _spoken(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def composition(run: Run) -> str | None:
    """In what the variants differ beside their framework, so that no row is taken for its name."""
    differing: list[str] = []
    measured = [v for name, v in run.variants.items() if name not in run.excluded]
    for factor in dict.fromkeys(key for v in measured for key in v.factors):
        # A factor that a variant does not name does not apply to it.
        values = sorted({v.factors[factor] for v in measured if factor in v.factors})
        if len(values) > 1:
            differing.append(f"{factor} ({', '.join(values)})")
    servers = sorted({v.server for v in measured})
    if len(servers) > 1:
        differing.append(f"server ({', '.join(servers)})")
    if not differing or len({v.framework for v in measured}) < 2:
        return None
    return (
        "These rows are whole stacks, not frameworks alone. Beside the framework they differ in "
        f"{'; '.join(differing)}. What a difference between two rows is due to, they cannot tell"
        f"{'; only the pairs under Contrasts can' if run.study.contrasts else ''}."
    )
