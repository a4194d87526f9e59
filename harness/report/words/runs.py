"""A run in words: its stopping rule, how to repeat it, how its variants differ."""

import shlex
from typing import Any

from harness.analysis.analyse import Analysis
from harness.records.run import Run
from harness.records.verification import Constants
from harness.report.words import numbers, power, studies
from harness.report.words.machines import machine_title

NO_LIMIT = "nothing in particular"
"""Stands for the limit of a throughput that no label names."""


_DIRTY = "-dirty"
"""What `git describe` adds to a commit."""


def glance(run: Run, analysis: Analysis) -> list[str]:
    """Date, machine, blocks and how small a difference the run finds, each in a few words."""
    done = {max(r.trials.values(), default=0) for r in analysis.conditions}
    if analysis.ramps is not None:
        done = {cell.trials for cell in analysis.ramps.cells}
    count, planned = min(done, default=0), run.study.blocks
    blocks = f"{planned} block{'' if planned == 1 else 's'}"
    told = [
        run.started_at[:10],
        machine_title(run),
        blocks if count >= planned else f"{count} of {blocks}",
    ]
    return [part for part in (*told, power.tells_apart(analysis)) if part]


def stopping(run: Run) -> str:
    """The rules by which the run could end early or repeat a phase."""
    study = run.study
    rules, reruns = study.stopping, study.reruns
    parts = studies.ending_early(study)
    if rules.budget_s is not None:
        parts.append(
            f"time limit {rules.budget_s / 60:g} min: no block starts that would end later"
        )
    if reruns:
        parts.append(f"at most {reruns} noisy phase{'s' if reruns > 1 else ''} repeated")
    return "; ".join(parts) or "all planned blocks; no phase repeated because of noise"


def decided(analysis: Analysis) -> str | None:
    """Whether the pairs are decided for which a run may end early; None if it has none."""
    interest = analysis.interest
    if interest is None or not interest.pairs:
        return None
    after = f"after {interest.blocks} of {interest.planned} blocks"
    if interest.decided:
        return f"Every pair was decided {after}."
    one = interest.undecided == 1
    return (
        f"{interest.undecided} of {len(interest.pairs)} pairs {'is' if one else 'are'} undecided "
        f"{after}."
    )


def blocks(run: Run, analysis: Analysis) -> str:
    """How many of the planned blocks were measured, under all conditions or some."""
    if analysis.ramps is None:
        known = {r.condition: max(r.trials.values(), default=0) for r in analysis.conditions}
        counts = [known.get(condition, 0) for condition in run.study.conditions]
    else:
        counts = [cell.trials for cell in analysis.ramps.cells]
    planned = run.study.blocks
    least, most = min(counts, default=0), max(counts, default=0)
    text = f"{least} of {planned} planned block{'s' if planned > 1 else ''} measured"
    text += "" if least == most else f", and {most} under some conditions"
    early = analysis.interest is not None and analysis.interest.decided and most < planned
    return f"{text}, every pair decided" if early else text


def repeat(run: Run) -> dict[str, Any]:
    """How to repeat a run: the command, the commit, notes, and files that no commit holds."""
    commit, notes = run.commit, []
    words = _words(run.command)
    command = shlex.join(words)  # quoted: a stranger's command must run nothing but bridgetoll
    if commit is not None and commit.endswith(_DIRTY):
        commit = commit.removesuffix(_DIRTY)
        notes.append("the checkout had changes that were not committed")
    if not run.embedded_database:
        command += " --database-url postgresql://user:password@host:port/name"
        notes.append("the run used an external PostgreSQL, so name yours")
    if any(word.endswith(".toml") for word in words[1:2]):
        notes.append("the study must be in a file of that name")
    return {
        "command": command,
        "commit": commit,
        "notes": notes,
        "untracked": [" ".join(name.split()) for name in run.untracked],
    }


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def composition(run: Run) -> str | None:
    """The factors that differ between frameworks; None if only the framework differs."""
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
    contrasts = ", as the pairs under Contrasts do" if run.study.contrasts else ""
    return (
        "Each row is a whole stack, not a framework alone. Beside the framework, rows differ in "
        f"{'; '.join(differing)}. To learn why two stacks differ, compare variants that differ in "
        f"one factor{contrasts}."
    )


def constants(run: Run) -> list[dict[str, Any]]:
    """A row for each variant: what its server had, beside what the study gave; none in old runs."""
    return [
        {"variant": audit.variant, "values": _had(audit.constants)}
        for audit in run.audits
        if audit.constants is not None
    ]


def _had(had: Constants) -> list[str]:
    more = " or more" if had.at_once == had.sent else ""
    return [
        str(had.working),
        str(had.workers),
        f"{had.at_once}{more}",
        numbers.MISSING if had.threads is None else str(had.threads),
        str(had.connections) if had.allowed is not None else "one per request",
        numbers.MISSING if had.allowed is None else str(had.allowed),
        ", ".join(had.listens),
    ]
