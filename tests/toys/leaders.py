"""Runs for leaderboards: stacks of known costs at two endpoints, with ties and failures."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.condition import conditions_of
from harness.analysis.labels.trials import label_trials
from harness.inputs.study import Condition
from harness.records.run import Run, VariantRecord
from harness.records.trial import Trial
from harness.report.site.board import Board, board_of
from tests.toys.runs import CONDITION, histogram, make_run, make_study, simulate

CREATE = Condition(endpoint="io_create", connections=8, rows=100)
COSTS = {"a/base": 500.0, "b/equal": 500.0, "c/dear": 900.0, "d/dearest": 4_500.0}
ABOUT = {
    "a/base": ("Apple", "gunicorn-uvicorn", {"data": "asyncpg", "views": "async"}),
    "b/equal": ("Banana", "gunicorn-uvicorn", {"data": "psycopg", "views": "async"}),
    "c/dear": ("Cherry", "gunicorn-gthread", {"data": "psycopg", "views": "sync"}),
    "d/dearest": ("Cherry", "gunicorn-gthread", {"data": "django-orm", "views": "sync"}),
}
"""By variant: framework, server and factors."""


def leaders_run(
    names: Sequence[str] = tuple(COSTS),
    conditions: Sequence[Condition] = (CONDITION, CREATE),
    blocks: int = 6,
    **changes: Any,
) -> Run:
    """A ranking of these variants under these conditions."""
    study = msgspec.structs.replace(make_study(names, blocks), conditions=tuple(conditions))
    run = make_run(study)
    variants = {
        name: VariantRecord(f"title of {name}", *ABOUT.get(name, ("Toy", "toy", {})), tags=())
        for name in names
    }
    return msgspec.structs.replace(run, variants=variants, **changes)


def leaders_trials(run: Run, costs: Mapping[str, float] = COSTS) -> list[Trial]:
    """Its trials: under every condition alike, but for the noise."""
    trials: list[Trial] = []
    for seed, condition in enumerate(run.study.conditions):
        phases = tuple(p for p in run.plan.phases if p.condition == condition)
        plan = msgspec.structs.replace(run.plan, phases=phases)
        alone = msgspec.structs.replace(run, plan=plan)
        made = simulate(alone, costs, seed, drift=0.01, noise=0.004, start=0.001)
        trials += [
            msgspec.structs.replace(t, condition=condition, latency_hdr=histogram(2.0))
            for t in made
        ]
    return trials


def starved(trial: Trial) -> Trial:
    """The same without an answer."""
    slices = tuple(
        msgspec.structs.replace(piece, correct=0, errors={"timeout": 7}) for piece in trial.slices
    )
    return msgspec.structs.replace(trial, slices=slices, latency_hdr=None)


def analysed_board(run: Run, trials: Sequence[Trial]) -> tuple[Analysis, Board | None]:
    """The analysis of a run, and its leaderboard."""
    conditions = conditions_of(run, label_trials(run, trials))
    analysis = analyse(run, trials, (), conditions)
    return analysis, board_of(run, analysis, conditions)
