"""The command `plan`: what a study would do."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from harness.cli import completion
from harness.cli.console import Json, open_workspace, out, print_json, warn_of_broken

if TYPE_CHECKING:
    from harness.inputs.study import Study
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
        out.print(plan_text(chosen, plan))


def _levels(study: "Study") -> dict[int, float]:
    """Of one test at each look; importing it takes long, and most studies have none."""
    from harness.analysis.stats.sequential import look_levels

    return look_levels(study.looks, study.blocks)


def plan_text(study: "Study", plan: "Plan") -> RenderableType:
    """What a study will do, and how long that takes."""
    from harness.inputs import conditions
    from harness.report.words import studies
    from harness.report.words.sentences import capital

    lines = [
        f"{study.title}: {study.question}",
        f"{study.blocks} block{'s' if study.blocks > 1 else ''} of {_entries(study, plan)}, "
        f"seed {study.seed}",
        *(
            f"  {conditions.condition_title(c)}"
            + ("" if c.group is None else f" (group {c.group}: {len(study.measured(c))} variants)")
            for c in study.conditions
        ),
        f"{_load(study)}{sum(len(p.orders[0]) for p in plan.phases)} trials",
        f"It takes about {_duration(plan.expected_s)}, after environments and verification.",
        *(f"{capital(clause)}." for clause in studies.ending_early(study)),
    ]
    return Text("\n".join(lines))


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
