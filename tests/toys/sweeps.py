"""Sweeps made up in memory: the same stacks at several numbers of connections, or of workers."""

from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.inputs.study import Condition
from harness.records.run import Cores, Run
from harness.records.trial import Trial
from tests.toys.runs import make_run, make_slice, make_study, simulate

SILENT: float | None = None
"""In place of a cost: every request timed out."""


def swept(
    costs: Mapping[float, Mapping[str, float | None]],
    blocks: int = 5,
    conditions: Sequence[Condition] | None = None,
) -> tuple[Run, Analysis]:
    """A run whose stacks cost so much CPU per request, by number of connections.

    Args:
        costs: microseconds by variant, the baseline's first.
        blocks: of the run.
        conditions: in place of the conditions of these numbers of connections.
    """
    made = conditions or [Condition("io_read", int(count), 100) for count in costs]
    variants = tuple(dict.fromkeys(name for known in costs.values() for name in known))
    one = run_of(variants, blocks, made[:1])
    run = run_of(variants, blocks, made)
    trials = [
        _asked(trial, condition, known)
        for condition, known in zip(made, costs.values(), strict=True)
        for trial in simulate(one, {n: cost or 500.0 for n, cost in known.items()}, 1)
    ]
    return run, analyse(run, trials)


def worker_conditions(*counts: int, endpoint: str = "io_read") -> list[Condition]:
    """A condition for each number of workers."""
    return [Condition(endpoint, 8, 100, workers=count) for count in counts]


def scaled_trials(
    costs: Mapping[str, Mapping[int, float]], blocks: int = 5, cores: Cores | None = None
) -> tuple[Run, list[Trial]]:
    """A run whose stacks take so many microseconds per request, by variant and workers.

    All numbers of workers draw the same noise, so equal costs give ratios of exactly 1.
    """
    counts = list(dict.fromkeys(count for known in costs.values() for count in known))
    made = worker_conditions(*counts)
    one = run_of(tuple(costs), blocks, made[:1])
    run = run_of(tuple(costs), blocks, made)
    both = cores or Cores(application=(0, 1), database=(1,), load=(1,))
    trials = [
        msgspec.structs.replace(trial, condition=condition)
        for count, condition in zip(counts, made, strict=True)
        for trial in simulate(one, {n: known[count] for n, known in costs.items()}, 1)
    ]
    return msgspec.structs.replace(run, cores=both), trials


def scaled(
    costs: Mapping[str, Mapping[int, float]], blocks: int = 5, cores: Cores | None = None
) -> tuple[Run, Analysis]:
    """The same with its analysis."""
    run, trials = scaled_trials(costs, blocks, cores)
    return run, analyse(run, trials)


def run_of(variants: Sequence[str], blocks: int, conditions: Sequence[Condition]) -> Run:
    """A run of these stacks under these conditions."""
    study = make_study(variants, blocks)
    return make_run(msgspec.structs.replace(study, conditions=tuple(conditions)))


def _asked(trial: Trial, condition: Condition, costs: Mapping[str, float | None]) -> Trial:
    if costs[trial.variant] is not SILENT:
        return msgspec.structs.replace(trial, condition=condition)
    lost = tuple(
        make_slice(piece.round, position=piece.position, correct=0, errors={"timeout": 50})
        for piece in trial.slices[:1]
    )
    return msgspec.structs.replace(trial, condition=condition, slices=lost, threads=4_906)
