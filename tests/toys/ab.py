"""Runs of an A/B, made up in memory."""

from typing import Any

import msgspec

from harness.inputs.manifests import QUANTITIES
from harness.inputs.settings import Setup
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial
from harness.records.verification import Audit, Toll
from tests.toys.kinds import STEADY
from tests.toys.ladder import FACTORS, STOCK, THREAD, counts, true_cost
from tests.toys.runs import BASELINE, make_run, make_study, simulate

A, B = "a/good", "a/next"


def measured(cost: float, noise: float = 0.004, blocks: int = 6) -> tuple[Run, list[Trial]]:
    """B beside the variant as it is, whose requests cost 1,000 µs."""
    return _measured(BASELINE, {B: Setup(BASELINE, title="x 2")}, cost, noise, blocks)


def measured_from(
    cost: float, noise: float = 0.004, blocks: int = 6, title: str = "x 1.5"
) -> tuple[Run, list[Trial]]:
    """B beside an A that has another release than the locked one."""
    setups = {
        A: Setup(BASELINE, title=title, packages=("x==1.5",)),
        B: Setup(BASELINE, title="x 2", packages=("x==2",)),
    }
    return _measured(A, setups, cost, noise, blocks)


def _measured(
    a: str, setups: dict[str, Setup], cost: float, noise: float, blocks: int
) -> tuple[Run, list[Trial]]:
    study = msgspec.structs.replace(make_study((a, B), blocks), setups=setups)
    run = make_run(study)
    quiet = {**STEADY, "noise": noise, "start": noise / 4}
    return run, simulate(run, {a: 1000.0, B: cost}, 5, **quiet)


def of_the_ladder(
    threads: int = 1,
    beyond: float = 0.0,
    speed: float = 1.0,
    endpoint: str = "io_read",
    blocks: int = 6,
    **changes: Any,
) -> tuple[Run, list[Trial]]:
    """The ladder's stock variant, which starts two threads, beside a B that starts so many.

    Args:
        threads: that a request of B starts.
        beyond: microseconds that B costs more, for no counted reason.
        speed: by which everything costs more than on the ladder's machine.
        endpoint: that is requested.
        blocks: of the run.
        changes: of the condition.
    """
    b = f"{STOCK}-b"
    condition = msgspec.structs.replace(Condition(endpoint=endpoint, connections=8), **changes)
    study = msgspec.structs.replace(
        make_study((STOCK, b), blocks), conditions=(condition,), setups={b: Setup(STOCK, title="B")}
    )
    run = make_run(study)
    hops, stock, connects = counts(STOCK, endpoint)
    usual = dict.fromkeys(QUANTITIES, 0.0) | {"hops": float(hops), "connects": float(connects)}
    tolls = {
        name: (Toll(endpoint, 32, usual | {"threads": float(count)}, {}),)
        for name, count in ((STOCK, stock), (b, threads))
    }
    run = msgspec.structs.replace(
        run,
        id="ab-20260301-000000",
        variants={
            name: msgspec.structs.replace(record, factors=FACTORS[STOCK])
            for name, record in run.variants.items()
        },
        audits=tuple(Audit(name, of_one) for name, of_one in tolls.items()),
    )
    cost = true_cost(STOCK, endpoint)
    costs = {STOCK: speed * cost, b: speed * (cost + THREAD * (threads - stock) + beyond)}
    trials = simulate(run, costs, 7, drift=0.01, noise=0.004, start=0.001)
    return run, [msgspec.structs.replace(trial, condition=condition) for trial in trials]
