"""Two identical servers under thirty conditions: do their intervals hold 1 as often as they should?

Usage: `uv run python -m tests.benchmarks.identical [BLOCKS] [ROUNDS]`. A condition is an amount of
work per request and a number of connections. In every block both servers are started anew for each
amount of work; load goes round between them in slices of 0.1 s, ROUNDS for either and condition.
docs/calibration.md quotes the output.

Of thirty 95 % intervals, one or two miss 1 on average. Each condition is a family of its own, as
in a run, so one or two verdicts may be *differs*. The check of a run allows for all conditions
together (Holm): it alarms in one of twenty such runs. Conditions with the same work share the
starts of the servers.
"""

import math
import random
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import product

from harness.analysis.stats.blocks import Estimate
from harness.analysis.stats.ties import ALPHA, holm
from harness.analysis.stats.verdicts import Decision, Family, Verdict, decide
from harness.runner.plan import balanced_orders
from tests.benchmarks.comparison import drawn, rounds
from tests.benchmarks.planted import BASE, MARGIN, SLICE_S, Bench, Slice, costs_of, model_of

WORKS = (2_000, 5_000, 10_000, 20_000, 40_000)
"""Iterations per request: from a tenth of a millisecond to two."""
CONNECTIONS = (1, 2, 4, 8, 16, 32)
TWIN = "twin"

type Condition = tuple[int, int]


def main() -> None:
    """Measure and print."""
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    began = time.monotonic()
    slices: dict[Condition, list[list[Slice]]] = defaultdict(list)
    for _ in rounds(6):
        for work in drawn(WORKS):
            with ExitStack() as stack:
                bench = Bench(stack, {TWIN: 0.0}, work, CONNECTIONS)
                for number in drawn(CONNECTIONS):
                    orders = balanced_orders(2, turns, random.Random())
                    slices[work, number].append(
                        [bench.turn(at, SLICE_S, number) for order in orders for at in order]
                    )
    effects = {condition: effect_of(slices[condition]) for condition in product(WORKS, CONNECTIONS)}
    print(
        f"{len(effects)} conditions, {len(next(iter(slices.values())))} blocks, {turns} slices of "
        f"{SLICE_S} s per server, {time.monotonic() - began:.0f} s in all; CPU per request"
    )
    _print(effects)


def effect_of(blocks: list[list[Slice]]) -> Estimate:
    """The logarithm of the second server's ratio to the first."""
    effect = model_of(costs_of(blocks, None, probe=True), [BASE, TWIN]).difference(TWIN, BASE)
    assert effect is not None
    return effect


def _print(effects: dict[Condition, Estimate]) -> None:
    print(
        f"{'iterations':>10}{'connections':>13}{'ratio':>8}{'95 % interval':>18}  holds 1  verdict"
    )
    decisions = {at: decide(effect, Family.TUKEY, 2, MARGIN) for at, effect in effects.items()}
    for (work, number), effect in effects.items():
        ratio = effect.interval().exp()
        if ratio.low is None or ratio.high is None:
            sys.exit("One block gives no interval: measure two or more.")
        holds = "yes" if effect.p > ALPHA else "no"
        print(
            f"{work:10}{number:13}{ratio.mean:8.3f}{f'[{ratio.low:.3f}, {ratio.high:.3f}]':>18}"
            f"  {holds:7}  {decisions[work, number].verdict}"
        )
    _print_sums(list(effects.values()), list(decisions.values()))


def _print_sums(effects: list[Estimate], decisions: list[Decision]) -> None:
    count = len(effects)
    held = sum(effect.p > ALPHA for effect in effects)
    print(f"hold 1: {held} of {count} ({held / count:.0%}); expected {(1 - ALPHA) * count:.1f}")
    dearer = sum(effect.mean > 0 for effect in effects)
    pooled = math.exp(sum(effect.mean for effect in effects) / count)
    print(
        f"the second is dearer under {dearer} conditions, the first under {count - dearer}; "
        f"geometric mean of all ratios {pooled:.3f}"
    )
    for verdict in Verdict:
        print(f"{verdict}: {sum(decision.verdict is verdict for decision in decisions)}")
    least = min(holm({at: effect.p for at, effect in enumerate(effects)}).values())
    alarm = "they differ" if least <= ALPHA else "they agree"
    print(f"check over all conditions (Holm): {alarm}, smallest adjusted p {least:.2f}")


if __name__ == "__main__":
    main()
