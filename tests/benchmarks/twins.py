"""Two identical servers, one start of each: how precisely are they told to be the same?

Usage: `uv run python -m tests.benchmarks.twins [PARTS] [SECONDS]`. Load alternates between them in
slices, in PARTS parts of SECONDS each for either server; the standard error of their log ratio is
taken from the parts' spread. What a start contributes is not in it: that is one draw here.
"""

import math
import random
import sys
from contextlib import ExitStack

import numpy as np

from harness.analysis.noise.fit import NO_MEMORY, Fit
from harness.runner.plan import balanced_orders
from tests.benchmarks.comparison import rounds
from tests.benchmarks.planted import SLICE_S, Bench, Slice, costs_of


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 6.0
    parts: list[list[Slice]] = []
    with ExitStack() as stack:
        bench = Bench(stack, {"twin": 0.0})
        for _ in rounds(10):
            orders = balanced_orders(2, round(seconds / SLICE_S), random.Random())
            parts.append([bench.turn(entry, SLICE_S) for order in orders for entry in order])
    print(f"{len(parts) * seconds:g} s of slices for either server, in {len(parts)} parts")
    for name, found in {
        "slices": costs_of(parts, NO_MEMORY, probe=False),
        "+ neighbours": costs_of(parts, None, probe=False),
        "slices + probe": costs_of(parts, NO_MEMORY, probe=True),
        "+ both": costs_of(parts, None, probe=True),
    }.items():
        _print(name, found)


def _print(name: str, found: Fit) -> None:
    effects = [means[1] - means[0] for means in found.means]
    error = float(np.std(effects, ddof=1)) / math.sqrt(len(effects))
    print(
        f"{name:15} log ratio {np.mean(effects):+.2%}, standard error {error:.2%}; "
        f"a slice ±{found.residual_sd:.1%}"
    )


if __name__ == "__main__":
    main()
