"""Against the covariance matrix written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.noise import fit as noise_fit
from harness.analysis.noise.fit import (
    Memory,
    inverse_times,
    steps_of,
)
from tests.toys.noise import covariance


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
