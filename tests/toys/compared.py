"""Two runs that were compared, made up in memory with effects that are known."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.analysis.measures import Measure
from harness.analysis.runs import RunTrials, compare
from harness.inputs.study import Condition
from harness.records.comparability import changes, reasons
from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.comparison.compared import ComparedRuns
from tests.toys.runs import CONDITION, histogram, make_run, make_study, simulate

_LATENCIES = histogram(2.0)
ENDPOINTS = ("io_read", "io_create", "noop")


def side(
    id_: str,
    cost_us: Mapping[str, float],
    *,
    blocks: int = 6,
    endpoints: Sequence[str] = ("io_read",),
    seed: int = 1,
    changed: Sequence[str] = (),
    noise: float = 0.005,
    start: float = 0.002,
    **about: Any,
) -> RunTrials:
    """One run on a quiet machine.

    Args:
        id_: of the run.
        cost_us: by variant; the first is the baseline.
        blocks: measured.
        endpoints: a condition each.
        seed: of the noise.
        changed: variants whose code is not that of other runs.
        noise, start: see `simulate`.
        about: other fields of the run.
    """
    conditions = tuple(
        msgspec.structs.replace(CONDITION, endpoint=endpoint) for endpoint in endpoints
    )
    study = msgspec.structs.replace(
        make_study(tuple(cost_us), blocks=blocks), conditions=conditions, title=f"Study of {id_}"
    )
    run = make_run(study)
    implementations = {
        name: msgspec.structs.replace(
            record,
            code_digest="f" * 16 if any(v.startswith(f"{name}/") for v in changed) else "a" * 16,
        )
        for name, record in run.implementations.items()
    }
    run = msgspec.structs.replace(run, id=id_, implementations=implementations, **about)
    trials = [
        trial
        for at, condition in enumerate(conditions)
        for trial in _trials(tuple(cost_us), blocks, condition, cost_us, seed + at, noise, start)
    ]
    return RunTrials(run, [msgspec.structs.replace(trial, run=id_) for trial in trials])


def _trials(
    variants: tuple[str, ...],
    blocks: int,
    condition: Condition,
    cost_us: Mapping[str, float],
    seed: int,
    noise: float,
    start: float,
) -> list[Trial]:
    """Of a study with one condition, as `simulate` makes them."""
    made = simulate(
        make_run(make_study(variants, blocks=blocks)), cost_us, seed, drift=0.002, noise=noise,
        start=start,
    )  # fmt: skip
    return [msgspec.structs.replace(t, condition=condition, latency_hdr=_LATENCIES) for t in made]


def compared(
    a: RunTrials, b: RunTrials, measure: Measure = Measure.CPU, named: Sequence[str] = ()
) -> ComparedRuns:
    """The two, compared as the command does."""
    one: Run = a.run
    return ComparedRuns(
        one, b.run, reasons(one, b.run), changes(one, b.run), compare(a, b, measure, named)
    )
