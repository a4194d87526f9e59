"""Do intervals hold the truth where sets of machines differ?

Usage: `uv run python -m tests.benchmarks.sets [RUNS]`. Entries are equal on average, and a block's
value of each varies by 2 %. On each set of machines an entry is better or worse by a draw of its
own. For every case it prints the share of 95 % intervals of a ratio that contain 1, by the model
with sets and by the one that takes blocks for independent, and how much wider the former are.
"""

import sys

import numpy as np

from harness.analysis.stats.blocks import BlockModel

_BLOCK = 0.02
_SPREADS = (0.0, 0.01, 0.02, 0.06)
_CASES = ((2, 3), (4, 3), (8, 2))
_SEED = 20_261_128


def main() -> None:
    """Simulate and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    for few in (False, True):
        who = "one entry differs between sets" if few else "every entry differs between sets"
        print(
            f"{who}, {runs} runs each: holds with sets / without, median width of one to the other"
        )
        print(" " * 32 + "".join(f"{'±' + format(s, '.0%'):>24}" for s in _SPREADS))
        for entries in (2, 7):
            for sets, blocks in _CASES:
                cells = (_case(runs, entries, sets, blocks, spread, few=few) for spread in _SPREADS)
                title = f"{entries} entries, {sets} sets of {blocks} blocks"
                print(f"{title:<32}" + "".join(f"{cell:>24}" for cell in cells), flush=True)


def _case(runs: int, entries: int, sets: int, blocks: int, spread: float, *, few: bool) -> str:
    draw = np.random.default_rng([_SEED, entries, sets, blocks])
    owners = {block + 1: f"set {block // blocks}" for block in range(sets * blocks)}
    names = [f"entry {number}" for number in range(entries)]
    by_sets: list[bool] = []
    by_blocks: list[bool] = []
    wider: list[float] = []
    for _ in range(runs):
        own = np.full(entries, spread)
        own[:-1] *= not few
        shift = draw.normal(0, 1, (entries, sets)) * own[:, np.newaxis]
        values = np.repeat(shift, blocks, axis=1) + draw.normal(0, _BLOCK, (entries, len(owners)))
        table = {
            name: dict(zip(owners, row.tolist(), strict=True))
            for name, row in zip(names, values, strict=True)
        }
        halves = []
        for known, held in ((owners, by_sets), ({}, by_blocks)):
            estimate = BlockModel(table, dict(known)).difference(names[0], names[-1])
            assert estimate is not None
            half = estimate.interval().half_width
            assert half is not None
            halves.append(half)
            held.append(abs(estimate.mean) <= half)
        wider.append(halves[0] / halves[1])
    shares = f"{np.mean(by_sets):.1%} / {np.mean(by_blocks):.1%}"
    return f"{shares}, x {np.median(wider):.2f}"


if __name__ == "__main__":
    main()
