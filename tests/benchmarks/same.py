"""How often does an A/B of a thing against itself say so? The rule replayed on measured blocks.

Usage: `uv run python -m tests.benchmarks.same RUN...`, folders of A/A runs with one condition, such
as those of `bridgetoll ab django/async-pool --with 'asgiref==3.13.0' --endpoint noop`, where that
is the locked version. docs/calibration.md quotes it.

The blocks of all runs are pooled. Sequences of them are drawn, the three servers of each block in
any order, so that none is special, and the rule is asked at each look, as a run asks it. Every
figure is a share of sequences; the last two columns are the look's number of blocks and its share.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.analysis.condition import conditions_of
from harness.analysis.labels.trials import label_trials
from harness.analysis.measures import Measure
from harness.analysis.stats.blocks import BlockModel
from harness.analysis.stats.sequential import looks_after
from harness.analysis.stats.verdicts import Verdict, to_baseline
from harness.records.store import Store

DRAWS = 4000
MARGIN = 0.03
PLANS: tuple[tuple[int, tuple[int, ...]], ...] = ((31, (16, 24)), (9, (5, 7)), (9, ()))
"""Planned blocks, and looks before the last one: of five minutes, of one and a half, of a study."""

Floats = NDArray[np.float64]


def main(folders: list[str]) -> None:
    """Pool the blocks of these runs, and print how often the rule says what."""
    blocks = np.vstack([blocks_of(Path(folder)) for folder in folders])
    ratios = blocks[:, 1:] - blocks[:, :1]
    error = ratios.std(0, ddof=1) / np.sqrt(len(ratios))
    print(f"{len(blocks)} blocks of {len(folders)} runs")
    for name, mean, se in zip(("B", "the duplicate"), ratios.mean(0), error, strict=True):
        print(f"{name} / A: {100 * mean:+.2f} % (standard error {100 * se:.2f})")
    generator = np.random.default_rng(1)
    for planned, looks in PLANS:
        said, ended = Counter[Verdict](), Counter[int]()
        for _ in range(DRAWS):
            verdict, end = decided(drawn(blocks, planned, generator), planned, looks)
            said[verdict] += 1
            ended[end] += 1
        verdicts = "  ".join(f"{verdict.value} {said[verdict] / DRAWS:.1%}" for verdict in Verdict)
        ends = "  ".join(f"{end}: {count / DRAWS:.0%}" for end, count in sorted(ended.items()))
        print(f"{planned:3} blocks, looks {looks or '-'}:  {verdicts}   ({ends})")


def blocks_of(folder: Path) -> Floats:
    """(blocks, 3) logarithms of A, B and the duplicate, each block less its mean."""
    store = Store(folder)
    run = store.read_run()
    trials, _ = store.trials()
    (measured,) = conditions_of(run, label_trials(run, trials))
    means = measured.means(Measure.CPU)
    names = [entry.name for entry in run.plan.entries]
    shared = sorted(set.intersection(*(set(means[name]) for name in names)))
    rows = np.array([[means[name][block] for name in names] for block in shared])
    return rows - rows.mean(axis=1, keepdims=True)


def drawn(blocks: Floats, planned: int, generator: np.random.Generator) -> Floats:
    """So many of the blocks, without the runs' own differences, the servers in any order."""
    centred = blocks - blocks.mean(axis=0)
    rows = centred[generator.choice(len(centred), planned, replace=len(centred) < 2 * planned)]
    return rows[:, generator.permutation(3)]


def decided(rows: Floats, planned: int, looks: tuple[int, ...]) -> tuple[Verdict, int]:
    """The verdict on B, and the look at which it fell."""
    for end in (*looks, planned):
        values = {
            name: dict(enumerate(column))
            for name, column in zip(("A", "B", "#"), rows[:end].T.tolist(), strict=True)
        }
        passed = looks_after(looks, end, planned)
        verdict = to_baseline(BlockModel(values), "A", ["B"], MARGIN, passed)["B"].verdict
        if verdict is not Verdict.UNDECIDED:
            return verdict, end
    return verdict, planned


if __name__ == "__main__":
    main(sys.argv[1:])
