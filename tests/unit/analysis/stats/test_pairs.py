"""Every pair at once gives what each pair gives by itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.stats.intervals import BOOTSTRAP_FROM, block_interval
from harness.analysis.stats.pairs import pairs

VALUES = st.dictionaries(
    st.integers(1, 12), st.floats(-3, 3, allow_nan=False, width=32), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_each_cell_is_the_interval_of_its_pair(found: list[dict[int, float]]) -> None:
    names = [f"v/{at}" for at in range(len(found))]
    means = dict(zip(names, found, strict=True))
    made = pairs(means, names)
    for one, values in enumerate(found):
        for other, others in enumerate(found):
            shared = sorted(values.keys() & others.keys())
            alone = block_interval([values[block] - others[block] for block in shared])
            if alone is None:
                assert math.isnan(made.mean[one, other])
                continue
            assert made.mean[one, other] == pytest.approx(math.exp(alone.mean), rel=1e-9)
            if alone.low is None or alone.high is None:
                assert math.isnan(made.low[one, other])
            elif one < other or alone.blocks < BOOTSTRAP_FROM:
                assert made.low[one, other] == pytest.approx(math.exp(alone.low), rel=1e-9)
                assert made.high[one, other] == pytest.approx(math.exp(alone.high), rel=1e-9)


def test_a_pair_turned_round_has_the_inverse_ratio_and_bounds() -> None:
    draw = np.random.default_rng(1)
    means = {name: dict(enumerate(draw.normal(size=14).tolist())) for name in ("a/x", "b/y", "c/z")}
    made = pairs(means, list(means))
    assert np.allclose(made.mean * made.mean.T, 1.0)
    assert np.allclose(made.low * made.high.T, 1.0)


def test_a_variant_without_a_good_block_has_no_ratio() -> None:
    made = pairs({"a/x": {1: 0.0, 2: 0.1}}, ["a/x", "b/none"])
    assert math.isnan(made.mean[0, 1])
    assert math.isnan(made.low[0, 1])
