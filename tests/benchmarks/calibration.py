"""Do the intervals hold what they say? Simulated runs with drift, memory, bursts and block effects.

Usage: `uv run python -m tests.benchmarks.calibration [RUNS]`. Every figure is a share of simulated
runs, with its standard error; docs/calibration.md quotes the output. Two entries are identical
(baseline and hidden duplicate), one more is identical too, and the others are slower by 2, 5 and
10 %.
"""

import math
import statistics
import sys

from harness.analysis.noise.fit import NO_MEMORY, Memory
from tests.toys.calling import Said, say
from tests.toys.noise import Noise, simulate

EFFECTS = (0.0, 0.0, 0.0, math.log(1.02), math.log(1.05), math.log(1.10))
SAME, PLANTED = 2, {3: 2, 4: 5, 5: 10}
ROUNDS = 20
MACHINES = {
    "quiet": Noise(speed_sd=0.03, slice_sd=0.03, start_sd=0.01, drift=0.05, burst_share=0.0),
    "shared": Noise(),
    "shared, with probe": Noise(probe_sd=0.04),
    "bad hour": Noise(speed_sd=0.25, tau_s=1.5, drift=0.5, burst_share=0.05),
    "bad hour, with probe": Noise(
        speed_sd=0.25, tau_s=1.5, drift=0.5, burst_share=0.05, probe_sd=0.04
    ),
}
METHODS: dict[str, Memory | None] = {"plain means": NO_MEMORY, "neighbours": None}
BLOCKS = (6, 12)


def main() -> None:
    """Simulate and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"{runs} runs each, {len(EFFECTS)} entries, {ROUNDS} rounds; shares with standard errors")
    print(
        f"{'machine':22}{'blocks':>7} {'method':13}{'coverage':>13}{'false calls':>13}"
        f"{'5 % found':>12}{'half-width':>11}{'floor':>8}"
    )
    for machine, noise in MACHINES.items():
        for blocks in BLOCKS:
            for method, memory in METHODS.items():
                said = [
                    say(simulate(EFFECTS, blocks, ROUNDS, noise, seed), len(EFFECTS), memory)
                    for seed in range(runs)
                ]
                print(f"{machine:22}{blocks:7} {method:13}{_row(said)}")


def _row(said: list[Said]) -> str:
    held = [
        _holds(one, pair)
        for one in said
        for pair in ((0, 1), (0, SAME), *((0, planted) for planted in PLANTED))
    ]
    false = [(0, SAME) in one.called for one in said]
    found = [(0, 4) in one.called for one in said]
    widths = [one.effects[0, 4].half_width or 0.0 for one in said]
    # Pairs of one run share its baseline, so the runs, not the pairs, are what is counted.
    return (
        f"{_share(held, len(said)):>13}{_share(false, len(said)):>13}"
        f"{_share(found, len(said)):>12}{statistics.median(widths):>10.1%}"
        f"{statistics.median(one.floor for one in said):>8.1%}"
    )


def _holds(said: Said, pair: tuple[int, int]) -> bool:
    effect, truth = said.effects[pair], EFFECTS[pair[1]] - EFFECTS[pair[0]]
    assert effect.low is not None
    assert effect.high is not None
    return effect.low <= truth <= effect.high


def _share(values: list[bool], runs: int) -> str:
    mean = statistics.mean(values)
    return f"{mean:.1%} ±{math.sqrt(mean * (1 - mean) / runs):.1%}"


if __name__ == "__main__":
    main()
