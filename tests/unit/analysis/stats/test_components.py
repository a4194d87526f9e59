import numpy as np
import pytest

from harness.analysis.stats.components import components


def test_the_variance_of_effects_is_split_into_that_of_slices_and_the_rest() -> None:
    """Effects 0, 2, 4: variance 4, of which slices explain 1 on average."""
    found = components([0.0, 2.0, 4.0], [0.5, 1.0, 1.5])
    assert found is not None
    assert found.within == pytest.approx(1.0)
    assert found.between == pytest.approx(3.0)


def test_planted_components_are_found() -> None:
    draw = np.random.default_rng(6)
    effects = draw.normal(0, 0.02, 4_000) + draw.normal(0, 0.01, 4_000)
    found = components(effects.tolist(), [0.01**2] * 4_000)
    assert found is not None
    assert found.between == pytest.approx(0.02**2, rel=0.1)


def test_what_slices_explain_alone_leaves_nothing_between_blocks() -> None:
    found = components([1.0, 1.1, 0.9], [5.0, 5.0, 5.0])
    assert found is not None
    assert found.between == 0.0


def test_fewer_than_two_blocks_cannot_be_split() -> None:
    assert components([], []) is None
    assert components([0.1], [0.01]) is None
