"""Are the verdicts right? Simulated runs whose truth is known, by the new rule and the old.

Usage: `uv run python -m tests.benchmarks.calibration [RUNS] [PART ...]`, all four parts if none is
named: slices-6, slices-12, drawn-6, drawn-12. docs/calibration.md quotes it.

Six variants and the hidden duplicate, all identical. Slices have the noise of a shared machine, and
go through the whole estimator. A variant that is slower by a known amount is then put into the same
data: its estimate moves by exactly that, and nothing else changes. The last tables leave out the
slices and draw the blocks' values, so that many more runs narrow the shares.

Every figure is a share of runs, or of ratios, with its standard error over runs.
"""

import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from msgspec.structs import replace

from harness.analysis.stats.ties import ALPHA, holm
from tests.toys.calling import BASELINE, PLANTED, TWIN, Said, Shares, say, shares
from tests.toys.noise import Noise, draw_starts, simulate

ENTRIES, ROUNDS = 7, 20
NOISY = 3
CONDITIONS = 4
"""Of a run, where all its conditions are one family: the check of the identical servers."""
FACTOR = 8
"""So many more runs where only blocks are drawn."""

QUIET = Noise(speed_sd=0.03, slice_sd=0.03, start_sd=0.01, drift=0.05, burst_share=0.0)
PROBED = Noise(probe_sd=0.04)
BAD = Noise(speed_sd=0.25, tau_s=1.5, drift=0.5, burst_share=0.05)
STARTS = Noise(start_sd=0.0243)
"""The spread of a block's value in *shared, with probe*."""
MACHINES = {
    "quiet": QUIET,
    "shared": Noise(),
    "shared, long memory": Noise(tau_s=5.0),
    "shared, with probe": PROBED,
    "bad hour": BAD,
    "bad hour, with probe": replace(BAD, probe_sd=0.04),
}


def _troubles(usual: Noise) -> dict[str, Noise]:
    return {
        "heavy tails": replace(usual, start_tail=3.0),
        "a noisy variant": replace(usual, noisy=((NOISY,), 3.0)),
        "a noisy baseline": replace(usual, noisy=((BASELINE, TWIN), 3.0)),
        "a bad block": replace(usual, bad_block=5.0),
        "a bad trial": replace(usual, bad_trial=0.2),
        "3 trials missing": replace(usual, missing=3),
    }


OF_SLICES = {
    6: MACHINES | {f"probe, {name}": noise for name, noise in _troubles(PROBED).items()},
    12: MACHINES,
}
DRAWN = {
    "normal": STARTS,
    **_troubles(STARTS),
    "starts remember 0.3": replace(STARTS, start_memory=0.3),
}

type Judge = Callable[[int], Shares]


def _of_slices(noise: Noise, blocks: int, seed: int) -> Shares:
    return shares(say(simulate([0.0] * ENTRIES, blocks, ROUNDS, noise, seed), ENTRIES))


def _of_blocks(noise: Noise, blocks: int, seed: int) -> Shares:
    draw = np.random.default_rng(seed)
    starts = draw_starts(blocks, ENTRIES, noise, draw)
    rows = zip(starts.error.tolist(), starts.present, strict=True)
    means = [
        {entry: value for entry, (value, there) in enumerate(zip(*row, strict=True)) if there}
        for row in rows
    ]
    return shares(Said(means, ENTRIES))


PARTS: dict[str, dict[str, Judge]] = {
    **{
        f"slices-{blocks}": {n: partial(_of_slices, noise, blocks) for n, noise in noises.items()}
        for blocks, noises in OF_SLICES.items()
    },
    **{
        f"drawn-{blocks}": {n: partial(_of_blocks, noise, blocks) for n, noise in DRAWN.items()}
        for blocks in OF_SLICES
    },
}


def main() -> None:
    """Simulate and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    parts = sys.argv[2:] or list(PARTS)
    if unknown := set(parts) - PARTS.keys():
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    if runs < 2 * CONDITIONS:
        sys.exit(f"Give {2 * CONDITIONS} runs or more: fewer have no standard errors.")
    began = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.process_cpu_count(), mp_context=spawn) as pool:

        def judged(judge: Judge, count: int) -> list[Shares]:
            return list(pool.map(judge, range(count), chunksize=10))

        for part in parts:
            kind, blocks = part.split("-")
            count = runs if kind == "slices" else FACTOR * runs
            print(f"\n{blocks} blocks, {kind}, {count} runs each")
            _print({name: judged(judge, count) for name, judge in PARTS[part].items()})
    print(f"\n{time.monotonic() - began:.0f} s on {os.process_cpu_count()} cores")


def _print(rows: dict[str, list[Shares]]) -> None:
    print(f"{'':26}{'interval holds truth':>26}{'false calls among identical':>39}", end="")
    print(f"{'identical servers':>26}")
    heads = ("new rule", "old rule", "letters", "baseline", "old rule", "hold 1", "alarms")
    print(f"{'':26}" + "".join(f"{head:>13}" for head in heads))
    for name, row in rows.items():
        print(f"{name:26}" + "".join(f"{cell:>13}" for cell in _errors(row)))
    print(f"{'found (letters, baseline, old rule) if slower by':>92}", end="")
    print(f"{'called the same if':>27}{'median':>14}")
    print(f"{'':26}" + "".join(f"{size:>22.0%}" for size in PLANTED), end="")
    print(f"{'equal':>14}{'3% slower':>13}{'half-width':>12}{'old floor':>11}")
    for name, row in rows.items():
        print(f"{name:26}" + "".join(_powers(row)))
    errors = [_error(v) for row in rows.values() for rules in _found(row) for v in rules]
    print(f"standard error of a share found: at most {max(errors):.1%}", flush=True)


def _errors(row: Sequence[Shares]) -> Iterator[str]:
    for values in (
        [one.covered for one in row],
        [one.old_covered for one in row],
        [one.letters for one in row],
        [one.baseline for one in row],
        [one.old for one in row],
        [one.twins for one in row],
        _alarms([one.twins_p for one in row]),
    ):
        yield _share(values)


def _alarms(p_values: Sequence[float]) -> list[float]:
    """Runs of several conditions, put together from these, in which the check alarms."""
    groups = [p_values[at : at + CONDITIONS] for at in range(0, len(p_values), CONDITIONS)]
    return [float(min(holm(dict(enumerate(group))).values()) <= ALPHA) for group in groups]


def _powers(row: Sequence[Shares]) -> Iterator[str]:
    for of_rules in _found(row):
        shares_found = [f"{statistics.mean(of_runs):>6.1%}" for of_runs in of_rules]
        yield f"{' '.join(shares_found):>22}"
    yield f"{_share([one.same for one in row]):>14}{_share([one.edge for one in row]):>13}"
    yield f"{statistics.median(one.half_width for one in row):>12.1%}"
    yield f"{statistics.median(one.floor for one in row):>11.1%}"


def _found(row: Sequence[Shares]) -> list[list[list[float]]]:
    """By planted size and by rule, the share found in each run."""
    rules = (
        [one.found_letters for one in row],
        [one.found_baseline for one in row],
        [one.found_old for one in row],
    )
    return [[[found[at] for found in rule] for rule in rules] for at in range(len(PLANTED))]


def _share(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.1%} ±{_error(values):.1%}"


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values))


if __name__ == "__main__":
    main()
