"""Intervals hold what they say, and identical variants are not told apart, on simulated runs.

docs/calibration.md has the same from more runs, under more kinds of noise.
"""

import math

import pytest

from harness.analysis.noise.fit import NO_MEMORY
from tests.toys.calling import say
from tests.toys.noise import Noise, simulate

EFFECTS = (0.0, 0.0, 0.0, math.log(1.05), math.log(1.20))
SAME, PLANTED, LARGE = 2, 3, 4
RUNS, ROUNDS = 100, 15
SHARED = Noise()
PROBED = Noise(probe_sd=0.04)
BAD = Noise(speed_sd=0.25, tau_s=1.5, drift=0.5, burst_share=0.05)


@pytest.mark.parametrize(("noise", "blocks"), [(SHARED, 6), (PROBED, 6), (PROBED, 12), (BAD, 12)])
def test_intervals_cover_and_identical_variants_stay_together(noise: Noise, blocks: int) -> None:
    """Drift, memory, bursts, a probe, and starts that differ; 400 intervals from 100 runs.

    Neither noise, nor the probe, nor what neighbours tell may bias an estimate.
    """
    simulated = [simulate(EFFECTS, blocks, ROUNDS, noise, seed) for seed in range(RUNS)]
    said = [say(run, len(EFFECTS)) for run in simulated]
    held = 0
    for one in said:
        for entry in range(1, len(EFFECTS)):
            effect = one.effects[0, entry]
            assert effect.low is not None
            assert effect.high is not None
            held += effect.low <= EFFECTS[entry] <= effect.high
    assert 0.92 <= held / (RUNS * (len(EFFECTS) - 1)) <= 0.98
    assert sum((0, SAME) in one.called for one in said) <= 0.05 * RUNS
    assert sum((0, LARGE) in one.called for one in said) >= 0.8 * RUNS
    errors = [one.effects[0, PLANTED].mean - EFFECTS[PLANTED] for one in said]
    spread = math.sqrt(sum(error**2 for error in errors) / RUNS)
    assert abs(sum(errors) / RUNS) < 3 * spread / math.sqrt(RUNS)


def test_knowing_the_noises_memory_narrows_intervals_and_so_does_the_probe() -> None:
    def width(noise: Noise, *, plain: bool) -> float:
        widths = [
            say(
                simulate(EFFECTS, 6, ROUNDS, noise, seed),
                len(EFFECTS),
                NO_MEMORY if plain else None,
            )
            .effects[0, PLANTED]
            .half_width
            for seed in range(40)
        ]
        return sum(w for w in widths if w is not None)

    quiet_start = {"start_sd": 0.0, "speed_sd": 0.25, "tau_s": 1.5}
    means = width(Noise(**quiet_start), plain=True)
    neighbours = width(Noise(**quiet_start), plain=False)
    probe = width(Noise(**quiet_start, probe_sd=0.04), plain=False)
    assert probe < 0.8 * neighbours
    assert neighbours < 0.9 * means
