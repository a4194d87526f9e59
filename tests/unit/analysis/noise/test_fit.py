"""Against the textbook: the same estimates with the covariance matrix written out."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.noise import fit as noise_fit
from harness.analysis.noise.fit import (
    NO_MEMORY,
    Fit,
    Floats,
    Memory,
    Series,
    costs,
    fit,
    fit_memory,
    inverse_times,
    steps_of,
)
from tests.toys.noise import Noise, covariance, simulate

TAUS = st.floats(noise_fit.SHORTEST_S, noise_fit.LONGEST_S)
WHITES = st.floats(0.0025, 1.0)
SEEDS = st.integers(0, 2**32 - 1)


def series(
    at_s: Sequence[float],
    entry: Sequence[int],
    value: Sequence[float],
    covariate: Sequence[float] | None = None,
) -> Series:
    return Series(
        at_s=np.array(at_s, dtype=np.float64),
        entry=np.array(entry, dtype=np.intp),
        value=np.array(value, dtype=np.float64),
        covariate=None if covariate is None else np.array(covariate, dtype=np.float64),
    )


def drawn(
    seed: int, memory: Memory, *, slices: int = 40, entries: int = 4, covariate: bool = False
) -> Series:
    """A block at random times whose noise has that memory, entries in random order."""
    draw = np.random.default_rng(seed)
    at_s = 1e5 + np.cumsum(draw.uniform(0.01, 0.5, slices))
    noise = np.linalg.cholesky(covariance(at_s, memory)) @ draw.normal(0, 0.1, slices)
    entry = draw.permutation(np.arange(slices) % entries)
    probe = draw.normal(9.9, 0.1, slices)
    value = 6 + 0.1 * entry + noise
    return Series(at_s=at_s, entry=entry, value=value, covariate=probe if covariate else None)


def textbook(blocks: Sequence[Series], memory: Memory) -> tuple[Floats, Floats, float]:
    """Aitken's estimator with one design matrix for all: coefficients, their covariance, s2.

    The means of the blocks' entries come first, in order; then the covariate's slope, if any.
    """
    rows = [(number, int(e)) for number, block in enumerate(blocks) for e in block.entry]
    columns = sorted(set(rows))
    design = np.array([[float(row == column) for column in columns] for row in rows])
    if blocks[0].covariate is not None:
        probe = np.concatenate([b.covariate for b in blocks if b.covariate is not None])
        design = np.column_stack((design, probe))
    whole = np.zeros((len(rows), len(rows)))
    start = 0
    for block in blocks:
        end = start + block.at_s.size
        whole[start:end, start:end] = covariance(block.at_s, memory)
        start = end
    inverse = np.linalg.inv(whole)
    value = np.concatenate([block.value for block in blocks])
    normal = np.linalg.inv(design.T @ inverse @ design)
    found = normal @ design.T @ inverse @ value
    rest = value - design @ found
    return found, normal, float(rest @ inverse @ rest) / (len(rows) - design.shape[1])


def means(fitted: Fit) -> list[float]:
    return [value for block in fitted.means for _, value in sorted(block.items())]


@given(seed=SEEDS, tau=TAUS, white=WHITES, covariate=st.booleans())
@settings(max_examples=60)
def test_estimates_are_those_of_aitken_with_the_matrix_written_out(
    seed: int, tau: float, white: float, covariate: bool
) -> None:
    memory = Memory(tau, white)
    blocks = [drawn(seed + block, memory, covariate=covariate) for block in range(2)]
    fitted = fit(blocks, memory)
    found, _, variance = textbook(blocks, memory)
    count = len(means(fitted))
    assert count == 8
    assert means(fitted) == pytest.approx(found[:count].tolist(), rel=1e-8, abs=1e-8)
    assert fitted.residual_sd**2 == pytest.approx(variance, rel=1e-6)
    if covariate:
        assert fitted.slope == pytest.approx(found[-1], rel=1e-6, abs=1e-7)
    else:
        assert fitted.slope is None


@given(seed=SEEDS, tau=TAUS, white=WHITES)
@settings(max_examples=40)
def test_the_means_variances_are_those_of_aitken(seed: int, tau: float, white: float) -> None:
    memory = Memory(tau, white)
    block = drawn(seed, memory)
    fitted = fit([block], memory)
    _, normal, variance = textbook([block], memory)
    found = [fitted.variances[0][entry] for entry in range(4)]
    assert found == pytest.approx((variance * np.diag(normal)).tolist(), rel=1e-6)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_the_restricted_likelihood_is_patterson_and_thompsons(seed: int) -> None:
    """Up to a constant: differences between two memories are compared."""
    blocks = [drawn(seed, Memory(1.0, 0.5))]

    def written_out(memory: Memory) -> float:
        _, normal, variance = textbook(blocks, memory)
        determinant = np.linalg.slogdet(covariance(blocks[0].at_s, memory))[1]
        weighted = -np.linalg.slogdet(normal)[1]
        return -0.5 * float(36 * math.log(variance) + determinant + weighted)

    one, other = Memory(0.3, 0.2), Memory(5.0, 0.7)
    stack = noise_fit._stacked(blocks)
    told = noise_fit._likelihood(stack, one) - noise_fit._likelihood(stack, other)
    assert told == pytest.approx(written_out(one) - written_out(other), abs=1e-7)


def test_without_memory_it_is_ordinary_least_squares() -> None:
    block = drawn(1, Memory(1.0, 0.5))
    fitted = fit([block], NO_MEMORY)
    plain = [block.value[block.entry == entry].mean() for entry in range(4)]
    assert means(fitted) == pytest.approx(plain, abs=1e-10)


def test_means_are_unbiased_and_the_slope_is_recovered_under_a_planted_covariate() -> None:
    """The covariate wanders, and happens to be higher in one entry's slices."""
    draw = np.random.default_rng(3)
    effects, slopes = [], []
    for seed in range(100):
        bare = drawn(seed, Memory(1.0, 0.3), entries=2)
        probe = 9.9 + 0.05 * bare.entry + draw.normal(0, 0.1, bare.value.size)
        value = bare.value + 0.8 * probe
        fitted = fit([series(bare.at_s.tolist(), bare.entry.tolist(), value.tolist(),
                             probe.tolist())], Memory(1.0, 0.3))  # fmt: skip
        effects.append(fitted.means[0][1] - fitted.means[0][0])
        slopes.append(fitted.slope)
    wrong = np.std(effects) / math.sqrt(len(effects))
    assert np.mean(effects) == pytest.approx(0.1, abs=4 * wrong)
    assert wrong < 0.005  # so that the planted 0.04 of the covariate would be seen
    assert np.mean([s for s in slopes if s is not None]) == pytest.approx(0.8, abs=0.05)


def test_the_slope_is_taken_within_entries_not_from_their_differences() -> None:
    """Of an entry with dear slices on a slow core, the one need not explain the other."""
    block = series(range(8), [0, 1] * 4, [1, 5] * 4, [0, 10, 1, 11, 0, 10, 1, 11])
    fitted = fit([block], NO_MEMORY)
    assert fitted.slope == pytest.approx(0.0, abs=1e-12)
    assert fitted.means[0] == pytest.approx({0: 1.0, 1: 5.0})


def test_neighbours_tell_more_than_strangers() -> None:
    """Speed steps up between pairs of neighbours, and again before a slice that stands alone."""
    block = series([0.0, 0.1, 10.0, 10.1, 20.0], [0, 1, 0, 1, 1], [0.0, 0.1, 5.0, 5.1, 9.0])
    remembering = fit([block], Memory(30.0, 0.01)).means[0]
    plain = fit([block], NO_MEMORY).means[0]
    assert plain[1] - plain[0] > 2
    assert remembering[1] - remembering[0] == pytest.approx(0.1, abs=0.05)


def test_an_entry_that_is_missing_in_a_block_has_no_mean_there() -> None:
    whole, torn = drawn(1, NO_MEMORY), drawn(2, NO_MEMORY)
    left = torn.entry != 2
    torn = Series(torn.at_s[left], torn.entry[left], torn.value[left])
    fitted = fit([whole, torn])
    assert [set(block) for block in fitted.means] == [{0, 1, 2, 3}, {0, 1, 3}]
    assert [set(block) for block in fitted.variances] == [{0, 1, 2, 3}, {0, 1, 3}]


def test_a_block_without_slices_keeps_its_place_and_has_no_means() -> None:
    fitted = fit([series([], [], []), drawn(1, NO_MEMORY)])
    assert fitted.means[0] == {}
    assert fitted.variances[0] == {}
    assert len(fitted.means[1]) == 4
    assert fit([]).means == ()


@pytest.mark.parametrize(("tau", "white"), [(0.5, 0.2), (3.0, 0.5)])
def test_a_planted_memory_is_found_in_a_long_series(tau: float, white: float) -> None:
    found = fit_memory([drawn(9, Memory(tau, white), slices=1_500)])
    assert found.white == pytest.approx(white, abs=0.12)
    assert tau / 2 < found.tau_s < tau * 2


def test_noise_without_memory_is_not_given_a_strong_one() -> None:
    """A memory shorter than the slices' distance is none either."""
    block = drawn(4, NO_MEMORY, slices=1_000)
    found = fit_memory([block])
    neighbours = (1 - found.white) * math.exp(-0.25 / found.tau_s)
    assert neighbours < 0.1


@pytest.mark.parametrize("covariate", [None, 3.0])
def test_one_slice_gives_its_own_value_as_the_mean(covariate: float | None) -> None:
    alone = series([1], [0], [2], None if covariate is None else [covariate])
    fitted = fit([alone])
    assert fitted.means == ({0: 2.0},)
    assert fitted.residual_sd == 0.0
    assert fitted.memory == NO_MEMORY


@pytest.mark.parametrize("value", [2.0, 0.1, -7.3])
def test_equal_values_give_that_value_and_no_spread(value: float) -> None:
    fitted = fit([series(range(6), [0, 1] * 3, [value] * 6)])
    assert fitted.means[0] == pytest.approx({0: value, 1: value})
    assert fitted.residual_sd == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.3, 9.9])
def test_a_covariate_that_never_varies_explains_nothing(level: float) -> None:
    block = drawn(1, NO_MEMORY)
    fitted = fit([Series(block.at_s, block.entry, block.value, np.full(40, level))], NO_MEMORY)
    assert fitted.slope == 0.0
    assert means(fitted) == pytest.approx(means(fit([block], NO_MEMORY)))


def test_slices_at_the_same_time_are_taken_as_close_neighbours() -> None:
    """Also more than two of them, and where the memory is long."""
    at_s = [1.0, 1.0, 1.0, 2.0, 2.0, 3.0]
    apart = [1.0, 1.00001, 1.00002, 2.0, 2.00001, 3.0]
    entry, value = [0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.13, 0.25, 0.11, 0.19]
    for memory in (Memory(noise_fit.LONGEST_S, 0.0025), Memory(1.0, 0.5), None):
        together = fit([series(at_s, entry, value)], memory)
        nearly = fit([series(apart, entry, value)], memory)
        assert means(together) == pytest.approx(means(nearly), abs=1e-3)


@given(seed=SEEDS, shift=st.floats(-5, 5), white=WHITES)
@settings(max_examples=20)
def test_what_a_whole_block_shares_cancels_from_its_differences(
    seed: int, shift: float, white: float
) -> None:
    block, memory = drawn(seed, NO_MEMORY), Memory(1.0, white)
    moved = Series(block.at_s + 1000, block.entry, block.value + shift)
    one, other = (fit([b], memory).means[0] for b in (block, moved))
    assert other[3] - other[0] == pytest.approx(one[3] - one[0], abs=1e-8)


@given(
    seed=st.integers(0, 2**32 - 1),
    tau=st.floats(noise_fit.SHORTEST_S, noise_fit.LONGEST_S),
    white=st.floats(0.0025, 1.0),
    size=st.integers(1, 30),
)
@settings(max_examples=60)
def test_inverse_and_log_determinant_are_exact(
    seed: int, tau: float, white: float, size: int
) -> None:
    at_s = np.cumsum(np.random.default_rng(seed).uniform(0.01, 1.0, size))
    memory = Memory(tau, white)
    inverse, log_determinant = inverse_times(steps_of(at_s), np.eye(size), memory)
    whole = covariance(at_s, memory)
    assert np.allclose(whole @ inverse, np.eye(size), atol=1e-8)
    assert log_determinant == pytest.approx(np.linalg.slogdet(whole)[1], abs=1e-8)


def test_a_gap_without_end_keeps_what_lies_on_its_sides_apart() -> None:
    memory = Memory(0.7, 0.3)
    one, other = np.array([0.0, 0.2, 0.5]), np.array([0.1, 0.4])
    steps = np.concatenate((steps_of(one), [np.inf], steps_of(other)))
    whole = np.zeros((5, 5))
    whole[:3, :3], whole[3:, 3:] = covariance(one, memory), covariance(other, memory)
    inverse, log_determinant = inverse_times(steps, np.eye(5), memory)
    assert np.allclose(whole @ inverse, np.eye(5), atol=1e-12)
    assert log_determinant == pytest.approx(np.linalg.slogdet(whole)[1], abs=1e-12)


SPIKE = math.log(2.5)


def cost_series(
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
    block = cost_series([0, 1] * 4, [0, 0] * 3 + [0, math.log(3.0)])
    requests = [np.array([10.0, 10.0] * 3 + [10.0, 4.0])]
    (found,) = costs([block], requests, NO_MEMORY).means
    assert found[0] == pytest.approx(0.0)
    assert found[1] == pytest.approx(math.log((30 + 12) / 34))


def test_what_the_probe_saw_is_taken_out_of_every_slice() -> None:
    """The core is up to 60 % slower for some slices; twice the logarithm of it is the servers'."""
    speed = [0.0, 0.3, 0.5, 0.1, 0.2, 0.0, 0.4, 0.45, 0.05, 0.25]
    truth = [0.0, math.log(1.1)] * 5
    block = cost_series([0, 1] * 5, [t + 2 * s for t, s in zip(truth, speed, strict=True)], speed)
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
    spiked = cost_series(quiet.entry.tolist(), value.tolist())
    (before,) = costs(
        [cost_series(quiet.entry.tolist(), quiet.value.tolist())], ones(quiet), memory
    ).means
    (after,) = costs([spiked], ones(spiked), memory).means
    share = math.log(1 + mine.size / 40 * (math.exp(SPIKE) - 1))
    assert abs((after[1] - after[0]) - (before[1] - before[0])) < 0.1 * share
    assert after[2] - before[2] - (after[0] - before[0]) == pytest.approx(share, rel=0.3)


def test_without_noise_every_memory_gives_the_same() -> None:
    block = cost_series([0, 1, 2] * 6, [0.0, 0.2, 0.5] * 6)
    for memory in (NO_MEMORY, Memory(0.3, 0.2), None):
        (found,) = costs([block], ones(block), memory).means
        assert [found[1] - found[0], found[2] - found[0]] == pytest.approx([0.2, 0.5])


def test_blocks_and_entries_without_slices_have_no_costs() -> None:
    empty, block = cost_series([], []), cost_series([0, 2], [0.0, 0.1])
    fitted = costs([empty, block], ones(empty, block), NO_MEMORY)
    assert fitted.means[0] == {}
    assert set(fitted.means[1]) == {0, 2}
