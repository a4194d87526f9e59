"""A small bridge ladder made up in memory: its costs are sums of prices that are known."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.inputs.study import Condition, Contrast, Pair, Square, Study, Waterfall
from harness.records.run import Run
from harness.records.trial import Trial
from harness.records.verification import Audit, Toll
from harness.runner.plan import make_plan
from tests.toys.runs import make_run, make_slice, make_study, make_trial

STACKS = {"lean": 100.0, "full": 250.0}
QUERIES = {("raw", False): 150.0, ("orm", False): 600.0, ("orm", True): 500.0}
HOP, THREAD, CONNECT = 60.0, 120.0, 900.0

STOCK, REUSED, PER_QUERY, FUSED = "full/stock", "full/reused", "full/per-query", "full/fused"
NATIVE, NATIVE_STOCK, RAW, NO_POOL = "full/native", "full/native-stock", "full/raw", "full/no-pool"
LEAN_RAW, LEAN_ORM, LEAN_FUSED = "lean/raw", "lean/orm", "lean/fused"
HOPS = {k: f"full/native-hops-{k}" for k in (1, 2, 4)}

_COUNTS: dict[str, tuple[int, int, int]] = {  # hops, threads and connects of one io_read
    STOCK: (4, 2, 0), REUSED: (4, 0, 0), PER_QUERY: (3, 0, 0), FUSED: (1, 0, 0), NATIVE: (0, 0, 0),
    NATIVE_STOCK: (2, 2, 0), RAW: (0, 0, 0), NO_POOL: (4, 2, 1), LEAN_RAW: (0, 0, 0),
    LEAN_ORM: (0, 0, 0), LEAN_FUSED: (1, 0, 0), **{name: (k, 0, 0) for k, name in HOPS.items()},
}  # fmt: skip
LIFECYCLE_HOPS = 2
"""Of the stock life cycle; all that a request without queries has."""
_DIFFERENT: dict[str, dict[str, str]] = {
    STOCK: {"bridge": "per-query", "lifecycle": "stock", "threads": "per-request"},
    NO_POOL: {
        "bridge": "per-query", "lifecycle": "stock", "threads": "per-request", "pool": "none",
    },
    REUSED: {"bridge": "per-query", "lifecycle": "stock", "threads": "reused"},
    PER_QUERY: {"bridge": "per-query", "threads": "reused"},
    FUSED: {"bridge": "fused", "threads": "reused"},
    NATIVE: {},
    NATIVE_STOCK: {"lifecycle": "stock", "threads": "per-request"},
    RAW: {"data": "raw"},
    LEAN_RAW: {"data": "raw"},
    LEAN_ORM: {},
    LEAN_FUSED: {"bridge": "fused", "threads": "reused"},
    **{name: {"extra_hops": str(k), "threads": "reused"} for k, name in HOPS.items()},
}  # fmt: skip
_USUAL = {
    "views": "async", "data": "orm", "bridge": "none", "lifecycle": "zero-hop", "pool": "pooled",
}  # fmt: skip
FACTORS = {
    name: _USUAL | ({"offload": "asgiref"} if "threads" in different else {}) | different
    for name, different in _DIFFERENT.items()
}

WATERFALL = Waterfall("all of it", (LEAN_RAW, RAW, NATIVE, FUSED, PER_QUERY, REUSED, STOCK))
SQUARE = Square(
    "life cycle and bridge", "lifecycle", "bridge", ((PER_QUERY, NATIVE), (REUSED, NATIVE_STOCK))
)
BRIDGE = Contrast("bridge", "all of the bridge", STOCK, NATIVE, bundle=True)
ONE_HOP = Contrast("one-hop", "a hop, here and there", FUSED, NATIVE, Pair(LEAN_FUSED, LEAN_ORM))


def counts(variant: str, endpoint: str) -> tuple[int, int, int]:
    """Hops, threads and connects of one request."""
    hops, threads, connects = _COUNTS[variant]
    if endpoint == "io_read":
        return hops, threads, connects
    stock = FACTORS[variant]["lifecycle"] == "stock"
    extra = int(FACTORS[variant].get("extra_hops", "0"))
    return (LIFECYCLE_HOPS if stock else extra), threads if stock else 0, 0


def true_cost(variant: str, endpoint: str) -> float:
    """Microseconds per request, by the prices."""
    factors = FACTORS[variant]
    hops, threads, connects = counts(variant, endpoint)
    queries = QUERIES[factors["data"], factors["bridge"] != "none"]
    return (
        STACKS[variant.partition("/")[0]]
        + (queries if endpoint == "io_read" else 0.0)
        + HOP * hops
        + THREAD * threads
        + CONNECT * connects
    )


def ladder_study(
    endpoints: Mapping[str, int] | None = None, blocks: int = 4, **changes: Any
) -> Study:
    """All of the ladder; `endpoints` with the number of connections of each."""
    conditions = tuple(
        Condition(endpoint=endpoint, connections=connections)
        for endpoint, connections in (endpoints or {"noop": 8, "io_read": 8}).items()
    )
    study = make_study(tuple(_COUNTS), blocks)
    return msgspec.structs.replace(
        study, conditions=conditions, contrasts=(BRIDGE, ONE_HOP), waterfalls=(WATERFALL,),
        squares=(SQUARE,), **changes,
    )  # fmt: skip


def ladder_run(study: Study | None = None) -> Run:
    """A run of it, audited."""
    study = study or ladder_study()
    run = make_run(study)
    endpoints = tuple(dict.fromkeys(condition.endpoint for condition in study.conditions))
    return msgspec.structs.replace(
        run,
        plan=make_plan(study),
        variants={
            name: msgspec.structs.replace(record, factors=FACTORS[name])
            for name, record in run.variants.items()
        },
        audits=tuple(
            Audit(name, tuple(_toll(name, endpoint) for endpoint in endpoints))
            for name in study.everyone
        ),
    )


def _toll(variant: str, endpoint: str) -> Toll:
    hops, threads, connects = counts(variant, endpoint)
    statements = 2 if endpoint == "io_read" else 0
    counted = {
        "hops": hops, "threads": threads, "loops": 0, "connects": connects,
        "statements": statements, "transactions": statements, "round_trips": statements,
    }  # fmt: skip
    return Toll(endpoint, 32, {name: float(count) for name, count in counted.items()}, counted)


def ladder_trials(run: Run, seed: int = 1, noise: float = 0.0) -> list[Trial]:
    """Trials whose costs are the prices' sums, each slice with noise of that log deviation."""
    draw = random.Random(seed)
    trials: list[Trial] = []
    for phase in run.plan.phases:
        for entry in (run.plan.entries[index] for index in phase.orders[0]):
            cost = true_cost(entry.variant, phase.condition.endpoint)
            slices = [
                make_slice(
                    number, position=order.index(run.plan.entries.index(entry)), correct=1000,
                    server_cpu_ns=round(1e6 * cost * draw.lognormvariate(0, noise)),
                    start_ns=(number * len(order) + order.index(run.plan.entries.index(entry)))
                    * 60_000_000,
                )
                for number, order in enumerate(phase.orders)
            ]  # fmt: skip
            trials.append(make_trial(entry.name, phase.block, slices, condition=phase.condition))
    return trials
