"""The command `plan`: what a study would do."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from harness.cli import completion
from harness.cli.console import Json, open_workspace, out, print_json, warn_of_broken, wrapped

if TYPE_CHECKING:
    from harness.inputs.study import Condition, Study
    from harness.records.plan import Plan

EXAMPLE = "bridgetoll plan quick"


def command(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="A study's name, or the path of its TOML file.",
            autocompletion=completion.studies,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show what a study would measure and how long it takes."""
    from harness.inputs.study_loader import open_study
    from harness.runner.plan import make_plan

    workspace, catalog = open_workspace()
    chosen = open_study(workspace, catalog, study)
    warn_of_broken(catalog)
    plan = make_plan(chosen)
    if as_json:
        levels = _levels(chosen) if chosen.stopping.verdicts else {}
        print_json({"study": chosen, "plan": plan, "looks": levels})
    else:
        out.print(plan_text(chosen, plan, out.width, names=True), soft_wrap=True)


def _levels(study: "Study") -> dict[int, float]:
    """Of one test at each look; importing it takes long, and most studies have none."""
    from harness.analysis.stats.sequential import look_levels

    return look_levels(study.looks, study.blocks)


def plan_text(
    study: "Study", plan: "Plan", width: int, left: float | None = None, *, names: bool = False
) -> RenderableType:
    """What a study will do, and how long that takes.

    Args:
        study, plan: of the run.
        width: of a line.
        left: of a run that is continued, the share that is missing.
        names: whether to name every variant.
    """
    from harness.report.words import studies
    from harness.report.words.sentences import capital

    blocks = f"{study.blocks} block{'s' if study.blocks > 1 else ''}"
    listed = [wrapped(", ".join(study.everyone), width, "  ")] if names else []
    after = (
        f"{_load(study)}{sum(len(p.orders[0]) for p in plan.phases)} trials",
        _time(plan, left),
        *(f"{capital(clause)}." for clause in studies.ending_early(study)),
    )
    lines = [
        wrapped(f"{study.title}: {study.question}", width),
        wrapped(f"{blocks} of {_entries(study, plan)}, seed {study.seed}", width),
        *listed,
        *(wrapped(_condition(study, c), width, "  ", hanging="  ") for c in study.conditions),
        *(wrapped(line, width) for line in after),
    ]
    return Text("\n".join(lines))


def _condition(study: "Study", condition: "Condition") -> str:
    """It, and the group of variants that it is for."""
    from harness.inputs.conditions import condition_title

    title, group = condition_title(condition), condition.group
    if group is None:
        return title
    return f"{title} (group {group}: {len(study.measured(condition))} variants)"


def _time(plan: "Plan", left: float | None) -> str:
    """How long it takes, or what is left of it; a run that is continued was verified."""
    if left is None:
        return f"It takes about {_duration(plan.expected_s)}, after environments and verification."
    if not left:
        return "Every trial is kept, so nothing more is measured."
    return f"What is missing takes about {_duration(left * plan.expected_s)}, after environments."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _entries(study: "Study", plan: "Plan") -> str:
    if study.ramped:
        return f"{len(plan.entries)} setups, each alone"
    count = len(study.everyone)
    variants = f"{count} variant{'s' * (count != 1)}"
    return f"{len(plan.entries)} servers ({variants} and a hidden duplicate of {study.baseline})"


def _load(study: "Study") -> str:
    """How each trial loads, for the line that ends with the number of trials."""
    from harness.report.words import studies

    load = study.load
    if study.ramped:
        ramp = load.ramp
        by = f" with {load.processes} processes" if load.processes > 1 else ""
        return f"Locust{by}, {ramp.per_s:g} users more per second, then {ramp.hold_s:g} s of all; "
    windows = [condition.window_s is not None for condition in study.conditions]
    if all(windows):  # their lengths stand with the conditions
        return ""
    where = "trial without windows" if any(windows) else "trial"
    return f"{studies.rounds(study)}, slices of {load.slice_s:g} s in each {where}; "
