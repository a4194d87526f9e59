"""Runs of every kind of study, made up in memory, with results that are known."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from harness.inputs.published_tables import PublishedCell
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial
from harness.runner.plan import make_plan
from tests.toys.ladder import ladder_run, ladder_study, ladder_trials
from tests.toys.ramps import NEAR, OTHER, beside, make_cell, ramp_run
from tests.toys.runs import BASELINE, CONDITION, histogram, make_run, make_study, simulate
from tests.toys.sweeps import scaled_trials

type Made = tuple[Run, list[Trial]]
"""A run with its trials."""
READ, CREATE = CONDITION, Condition(endpoint="io_create", connections=8, rows=100)
EMPTY = Condition(endpoint="noop", connections=8, rows=100)
STEADY = {"drift": 0.01, "noise": 0.004, "start": 0.001}
"""So little noise that a difference of a few percent is found."""


def measured(
    costs: Mapping[str, float],
    conditions: Mapping[Condition, Mapping[str, float]] | None = None,
    blocks: int = 6,
    rounds: int = 12,
) -> Made:
    """A run of variants whose requests cost so many microseconds; the first is the baseline.

    Args:
        costs: under the usual condition.
        conditions: costs under these instead, where a variant that is not named keeps its own.
        blocks, rounds: of the run.
    """
    study = make_study(tuple(costs), blocks=blocks)
    study = msgspec.structs.replace(study, load=LoadSettings(rounds=rounds))
    wanted = conditions or {CONDITION: {}}
    run = make_run(msgspec.structs.replace(study, conditions=tuple(wanted)))
    run = msgspec.structs.replace(run, plan=make_plan(run.study))
    alone = make_run(study)
    trials = [
        msgspec.structs.replace(trial, condition=condition, latency_hdr=histogram(2.0))
        for seed, (condition, changed) in enumerate(wanted.items(), start=3)
        for trial in simulate(alone, {**costs, **changed}, seed, **STEADY)
    ]
    return run, trials


def ranking() -> Made:
    """Two endpoints: one variant leads on both, two are equal, and the baseline is last."""
    costs = {BASELINE: 2000.0, "b/lean": 500.0, "c/twin": 1000.0, "d/twin": 1000.0}
    return measured(costs, {CREATE: {}, READ: {"b/lean": 800.0}})


def ties() -> Made:
    """Nobody is ahead."""
    return measured(dict.fromkeys((BASELINE, "b/same", "c/same"), 700.0))


def one_block() -> Made:
    """Estimates without intervals."""
    return measured({BASELINE: 900.0, "b/lean": 500.0}, blocks=1)


def one_variant() -> Made:
    """Nothing to compare."""
    return measured({BASELINE: 900.0})


def sixty() -> Made:
    """More variants than a reader can follow, of four frameworks."""
    folders = ("alpha", "beta", "gamma", "delta")
    names = [f"{folders[at % 4]}/variant-{at:02}" for at in range(60)]
    costs = {name: 500.0 + 20 * at for at, name in enumerate(names)}
    run, trials = measured(costs, blocks=2, rounds=4)
    variants = {
        name: msgspec.structs.replace(record, framework=name.partition("/")[0].title())
        for name, record in run.variants.items()
    }
    return msgspec.structs.replace(run, variants=variants), trials


WELL_KNOWN = {
    "django/sync": 1000.0, "django/async": 1700.0, "drf/sync": 1200.0, "fastapi/asyncpg": 500.0,
    "flask/psycopg": 700.0, "flask/orm": 1100.0,
}  # fmt: skip
"""Stacks of frameworks that most readers know, with what a request to them costs."""


def frameworks() -> Made:
    """A stack or two of each of many frameworks: two lead and are equal, others are well known."""
    rare = {f"rare-{at:02}/asyncpg": 300.0 + 50 * at for at in range(11)}
    costs = WELL_KNOWN | {"first/asyncpg": 200.0, "level/asyncpg": 200.0} | rare
    run, trials = measured(costs, {EMPTY: {}, READ: {}}, 3, rounds=6)
    variants = {
        name: msgspec.structs.replace(record, framework=name.partition("/")[0].title())
        for name, record in run.variants.items()
    }
    for name in WELL_KNOWN:
        folder, _, rest = name.partition("/")
        variants[name] = msgspec.structs.replace(
            variants[name],
            factors={
                "framework": "django" if folder == "drf" else folder,
                "api": "drf" if folder == "drf" else "plain",
                "views": "async" if rest.startswith("async") else "sync",
            },
        )
    return msgspec.structs.replace(run, variants=variants), trials


def failures() -> Made:
    """One variant fails everywhere, with errors that are known."""
    run, trials = measured({BASELINE: 900.0, "b/lean": 500.0, "c/dead": 500.0})
    dead = [_silent(trial) if trial.variant == "c/dead" else trial for trial in trials]
    return run, dead


def nothing_but_failures() -> Made:
    """No variant answers."""
    run, trials = measured({BASELINE: 900.0, "b/lean": 500.0}, blocks=2)
    return run, [_silent(trial) for trial in trials]


def _silent(trial: Trial) -> Trial:
    slices = [
        msgspec.structs.replace(piece, correct=0, errors={"timeout": 5}) for piece in trial.slices
    ]
    return msgspec.structs.replace(trial, slices=tuple(slices), latency_hdr=None)


def unmeasured_baseline() -> Made:
    """The baseline has no trial."""
    run, trials = measured({BASELINE: 900.0, "b/lean": 500.0, "c/dear": 800.0})
    return run, [trial for trial in trials if trial.variant != BASELINE]


def empty() -> Made:
    """No trial is complete."""
    run, _ = measured({BASELINE: 900.0, "b/lean": 500.0})
    return run, []


def causal() -> Made:
    """A waterfall of known steps."""
    run = ladder_run(ladder_study(blocks=4))
    return run, ladder_trials(run, noise=0.01)


def sweep() -> Made:
    """One variant is dear alone and cheap in a crowd."""
    crowds = [Condition(endpoint="io_read", connections=n, rows=100) for n in (1, 8, 64, 512)]
    costs = {BASELINE: 500.0, "b/crowd": 500.0}
    return measured(
        costs, {c: {"b/crowd": cost} for c, cost in zip(crowds, (900, 700, 400, 200), strict=True)}
    )


def workers() -> Made:
    """Two workers gain on two cores, and four no more."""
    return scaled_trials(
        {BASELINE: {1: 900.0, 2: 500.0, 4: 500.0}, "b/lean": {1: 500.0, 2: 300.0, 4: 300.0}}
    )


def replication() -> Made:
    """A ramp beside a published table."""
    trials = [make_cell(BASELINE, [10] * 40), make_cell(OTHER, [20] * 40)]
    run = ramp_run(conditions=(NEAR,))
    cells = [PublishedCell(setup, "io_read", 0.0, 12.0, 500) for setup in (BASELINE, OTHER)]
    return beside(run, *cells), trials


KINDS: dict[str, Callable[[], Made]] = {
    "ranking": ranking, "ties": ties, "one-block": one_block, "one-variant": one_variant,
    "sixty": sixty, "frameworks": frameworks, "failures": failures,
    "nothing-but-failures": nothing_but_failures,
    "unmeasured-baseline": unmeasured_baseline, "empty": empty, "causal": causal, "sweep": sweep,
    "workers": workers, "replication": replication,
}  # fmt: skip
"""By what is special about them."""


def titled(made: Made, title: str, question: str = "Does it hold?") -> Made:
    """The same run under another title."""
    run, trials = made
    study = msgspec.structs.replace(run.study, title=title, question=question)
    return msgspec.structs.replace(run, study=study), trials


def named(sentences: Sequence[str]) -> str:
    """A headline as one text."""
    return " ".join(sentences)
