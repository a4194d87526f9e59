"""Costs on slices that are written out, so that the right answer is known to the last digit."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.noise.fit import NO_MEMORY, Floats, Memory, Series, costs
from tests.toys.noise import Noise, simulate

SPIKE = math.log(2.5)


def series(
    entry: Sequence[int], value: Sequence[float], covariate: Sequence[float] | None = None
) -> Series:
    return Series(
        at_s=np.linspace(0.0, 0.115 * len(entry), len(entry)),
        entry=np.array(entry, dtype=np.intp),
        value=np.array(value, dtype=np.float64),
        covariate=None if covariate is None else np.array(covariate, dtype=np.float64),
    )


def ones(*blocks: Series) -> list[Floats]:
    return [np.ones(block.value.size) for block in blocks]


def test_a_cost_is_all_slices_over_all_their_requests() -> None:
    """A collection in one slice of four: what it costs is shared by the requests of all four."""
    block = series([0, 1] * 4, [0, 0] * 3 + [0, math.log(3.0)])
    requests = [np.array([10.0, 10.0] * 3 + [10.0, 4.0])]
    (found,) = costs([block], requests, NO_MEMORY).means
    assert found[0] == pytest.approx(0.0)
    assert found[1] == pytest.approx(math.log((30 + 12) / 34))


def test_what_the_probe_saw_is_taken_out_of_every_slice() -> None:
    """The core is up to 60 % slower for some slices; twice the logarithm of it is the servers'."""
    speed = [0.0, 0.3, 0.5, 0.1, 0.2, 0.0, 0.4, 0.45, 0.05, 0.25]
    truth = [0.0, math.log(1.1)] * 5
    block = series([0, 1] * 5, [t + 2 * s for t, s in zip(truth, speed, strict=True)], speed)
    fitted = costs([block], ones(block), NO_MEMORY)
    assert fitted.slope == pytest.approx(2.0)
    (found,) = fitted.means
    assert found[1] - found[0] == pytest.approx(math.log(1.1))


@pytest.mark.parametrize("memory", [NO_MEMORY, Memory(tau_s=0.5, white=0.3)])
def test_one_servers_own_events_are_not_taken_for_the_machines_noise(memory: Memory) -> None:
    """With them and without, its neighbours cost the same, to a tenth of the event's share."""
    (quiet,) = simulate([0.0, 0.0, 0.0], 1, 40, Noise(drift=0.0, burst_share=0.0), 3)
    value = quiet.value.copy()
    mine = np.flatnonzero(quiet.entry == 2)[::8]
    value[mine] += SPIKE
    spiked = series(quiet.entry.tolist(), value.tolist())
    (before,) = costs(
        [series(quiet.entry.tolist(), quiet.value.tolist())], ones(quiet), memory
    ).means
    (after,) = costs([spiked], ones(spiked), memory).means
    share = math.log(1 + mine.size / 40 * (math.exp(SPIKE) - 1))
    assert abs((after[1] - after[0]) - (before[1] - before[0])) < 0.1 * share
    assert after[2] - before[2] - (after[0] - before[0]) == pytest.approx(share, rel=0.3)


def test_without_noise_every_memory_gives_the_same() -> None:
    block = series([0, 1, 2] * 6, [0.0, 0.2, 0.5] * 6)
    for memory in (NO_MEMORY, Memory(0.3, 0.2), None):
        (found,) = costs([block], ones(block), memory).means
        assert [found[1] - found[0], found[2] - found[0]] == pytest.approx([0.2, 0.5])


def test_blocks_and_entries_without_slices_have_no_costs() -> None:
    empty, block = series([], []), series([0, 2], [0.0, 0.1])
    fitted = costs([empty, block], ones(empty, block), NO_MEMORY)
    assert fitted.means[0] == {}
    assert set(fitted.means[1]) == {0, 2}
