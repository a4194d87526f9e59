"""Slopes: the cost of one more empty hop, from server CPU per request by number of hops."""

from collections import defaultdict

import msgspec
import numpy as np

from harness.analysis.causes.levels import Levels, shared_blocks
from harness.analysis.stats.intervals import Interval, block_interval
from harness.inputs.factors import factors_of
from harness.records.run import Run

_FACTOR = "extra_hops"
_WITH_IT = frozenset({_FACTOR, "threads", "offload"})
"""Factors that come with an extra hop: how threads are kept, and what hands work to them."""
_LEAST = 3
"""Numbers of hops; with fewer, any line fits."""


class Slope(
    msgspec.Struct,
    frozen=True,
    rename={
        "levels": "levels_us",
        "per_hop": "per_hop_us",
        "first": "first_us",
        "further": "further_us",
    },
):
    """A family of variants that differ only in the number of their extra hops.

    levels: by number of hops, microseconds per request.
    per_hop: microseconds per hop, the slope of the least-squares line over all of them.
    first: microseconds of the first hop, including the thread that it needs.
    further: microseconds per hop from the first on, the slope without the variant that has none.
    """

    base: str
    levels: dict[int, Interval]
    per_hop: Interval
    first: Interval | None
    further: Interval | None


def slopes(run: Run, costs: Levels) -> tuple[Slope, ...]:
    """A slope for each family of three variants or more."""
    families: dict[frozenset[tuple[str, str]], dict[int, str]] = defaultdict(dict)
    for name in run.study.everyone:
        if name in costs:
            factors = factors_of(name, run.variants[name])
            if factors[_FACTOR].isdecimal():
                rest = frozenset((k, v) for k, v in factors.items() if k not in _WITH_IT)
                families[rest].setdefault(int(factors[_FACTOR]), name)
    return tuple(
        slope
        for family in families.values()
        if len(family) >= _LEAST and (slope := _slope(family, costs)) is not None
    )


def _slope(family: dict[int, str], costs: Levels) -> Slope | None:
    hops = sorted(family)
    blocks = shared_blocks(costs, list(family.values()))
    rows = [[costs[family[k]][block] for k in hops] for block in blocks]
    per_hop = block_interval([_line(hops, row) for row in rows])
    if per_hop is None:
        return None
    levels = {k: block_interval([costs[family[k]][block] for block in blocks]) for k in hops}
    at_once = hops[:2] == [0, 1]
    return Slope(
        base=family[hops[0]],
        levels={k: level for k, level in levels.items() if level is not None},
        per_hop=per_hop,
        first=block_interval([row[1] - row[0] for row in rows]) if at_once else None,
        further=block_interval([_line(hops[1:], row[1:]) for row in rows]) if at_once else None,
    )


def _line(hops: list[int], values: list[float]) -> float:
    slope, _ = np.polyfit(np.array(hops, dtype=float), np.array(values), 1)
    return float(slope)
