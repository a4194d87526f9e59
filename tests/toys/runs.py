"""Runs and trials made up in memory, with effects and noise that are known."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from harness.inputs.settings import LoadSettings
from harness.inputs.study import Condition, Study
from harness.records.run import (
    SCHEMA,
    Cores,
    ImplementationRecord,
    Run,
    VariantRecord,
)
from harness.records.trial import SliceRecord, Trial, WindowRecord
from harness.records.verification import Outcome, Verification
from harness.runner.plan import make_plan

CONDITION = Condition(endpoint="io_read", connections=8, rows=100)
BASELINE = "a/base"
SLICE_NS = 50_000_000


def make_study(variants: Sequence[str] = (BASELINE, "b/other"), blocks: int = 5) -> Study:
    """A study of one condition; the first variant is the baseline."""
    return Study(
        title="A study", question="Does it add up?", variants=tuple(variants),
        baseline=variants[0], blocks=blocks, seed=11, conditions=(CONDITION,),
        load=LoadSettings(rounds=12),
    )  # fmt: skip


def make_run(study: Study | None = None, excluded: Mapping[str, str] | None = None) -> Run:
    """A run of the study on a machine with two cores."""
    study = study or make_study()
    excluded = dict(excluded or {})
    return Run(
        schema=SCHEMA, id="tiny-20260101-000000", command="run tiny",
        study_name="tiny", study=study,
        plan=make_plan(study), started_at="2026-01-01T00:00:00+00:00", bridgetoll="0",
        commit=None, contract="1.0.0", contract_digest="c" * 16,
        code_digest="e" * 16,
        machine={"kernel": "Linux", "processors": 2},
        cores=Cores(application=(0,), database=(1,), load=(1,)),
        database={"server_version": "18.6"}, embedded_database=True,
        implementations={
            name: ImplementationRecord(title=name, lock_digest="d" * 16, packages={"x": "1"})
            for name in dict.fromkeys(v.partition("/")[0] for v in study.variants)
        },
        variants={
            name: VariantRecord(
                title=f"title of {name}", framework="Toy", server="toy", factors={"views": "sync"},
                tags=("controlled",),
            )
            for name in study.variants
        },
        verifications=tuple(
            Verification(name, (Outcome("health", excluded.get(name)),)) for name in study.variants
        ),
        excluded=excluded,
    )  # fmt: skip


def make_slice(round_: int = 0, cpu_us: float = 500.0, **changes: Any) -> SliceRecord:
    """A healthy slice: the server is saturated, nobody else is, nothing failed."""
    correct = round(SLICE_NS * 0.97 / (cpu_us * 1e3))
    healthy = SliceRecord(
        round=round_, position=0, start_ns=round_ * 10 * SLICE_NS, elapsed_ns=SLICE_NS,
        window_ns=SLICE_NS,
        correct=correct, errors={}, reconnects=0,
        server_cpu_ns=round(correct * cpu_us * 1e3), database_cpu_ns=SLICE_NS // 5,
        generator_cpu_ns=SLICE_NS // 10, harness_cpu_ns=0,
        machine_busy_ns=round(correct * cpu_us * 1e3) + SLICE_NS * 3 // 10, steal_ns=0,
        latency_p50_ns=round(cpu_us * 8e3), latency_p99_ns=round(cpu_us * 12e3),
    )  # fmt: skip
    return msgspec.structs.replace(healthy, **changes)


def make_window(latency_ns: int = 4_000_000, **changes: Any) -> SliceRecord:
    """A healthy window of a second, closed loop: eight connections, 2,000 responses of 4 ms."""
    second = 1_000_000_000
    details = WindowRecord(
        before=8, in_flight=8, offered=None, dropped=0, latency_mean_ns=latency_ns,
        lag_p50_ns=None, lag_p99_ns=None, per_second=(2_000,),
        p50_per_second_ns=(latency_ns,), database={},
    )  # fmt: skip
    within = {key: changes.pop(key) for key in list(changes) if key in details.__struct_fields__}
    healthy = make_slice(
        elapsed_ns=second, window_ns=second, correct=2_000, server_cpu_ns=second * 97 // 100,
        database_cpu_ns=second // 5, generator_cpu_ns=second // 10,
        machine_busy_ns=second * 127 // 100, window=msgspec.structs.replace(details, **within),
    )  # fmt: skip
    return msgspec.structs.replace(healthy, **changes)


def make_trial(
    entry: str = BASELINE,
    block: int = 1,
    slices: Sequence[SliceRecord] | None = None,
    **changes: Any,
) -> Trial:
    """A healthy, complete trial."""
    healthy = Trial(
        schema=SCHEMA, run="tiny-20260101-000000", block=block, attempt=1, condition=CONDITION,
        entry=entry, variant=entry.partition("#")[0], started_at="2026-01-01T00:00:00+00:00",
        slices=tuple(make_slice(n) for n in range(4)) if slices is None else tuple(slices),
        latency_hdr=None, error_samples=(), rss_peak_kib=40_960, threads=9, processes=1,
        idle_cpu_share=0.0, problem=None,
    )  # fmt: skip
    return msgspec.structs.replace(healthy, **changes)


def simulate(
    run: Run,
    cost_us: Mapping[str, float],
    seed: int,
    *,
    drift: float = 0.1,
    noise: float = 0.02,
    start: float = 0.005,
) -> list[Trial]:
    """Trials of servers whose requests cost so much CPU, on a machine whose speed wanders.

    Args:
        run: gives entries, rounds and orders.
        cost_us: CPU microseconds per request, by variant.
        seed: of the noise.
        drift: standard deviation of the log of the machine's speed, which all slices share and
            which forgets half of itself from one round to the next.
        noise: of the log of each slice's cost.
        start: of the log of the cost that a start of a server draws.
    """
    draw = random.Random(seed)
    entries = run.plan.entries
    kept_of_drift = 0.5 ** (1 / len(entries))
    speed = draw.gauss(0, drift)
    trials = []
    for phase in run.plan.phases:
        starts = [draw.gauss(0, start) for _ in entries]
        slices: list[list[SliceRecord]] = [[] for _ in entries]
        for number, order in enumerate(phase.orders):
            for position, index in enumerate(order):
                fresh = drift * math.sqrt(1 - kept_of_drift**2)
                speed = kept_of_drift * speed + draw.gauss(0, fresh)
                factor = math.exp(speed + starts[index] + draw.gauss(0, noise))
                turn = number * len(entries) + position
                piece = make_slice(
                    number, cost_us[entries[index].variant] * factor, position=position,
                    start_ns=turn * SLICE_NS * 5 // 4,
                )  # fmt: skip
                slices[index].append(piece)
        trials += [
            make_trial(entry.name, phase.block, pieces, run=run.id)
            for entry, pieces in zip(entries, slices, strict=True)
        ]
    return trials


def encoded(values: Iterable[int]) -> str:
    """A histogram of these nanoseconds, as a trial keeps it."""
    made = HdrHistogram(1_000, 3_600_000_000_000, 3)
    for value in values:
        made.record_value(value)
    text: bytes = made.encode()
    return text.decode("ascii")


@cache
def histogram(ms: float) -> str:
    """Ten thousand latencies between `ms` and twice that, evenly spread."""
    return encoded(int(ms * 1e6 * (1 + value / 10_000)) for value in range(10_000))
