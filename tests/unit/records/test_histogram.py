import numpy as np
import pytest

from harness.records.histogram import LEAST_BEYOND, percentile_ns, sample_percentile
from tests.toys.runs import encoded


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.0])
def test_a_percentile_is_numpys_to_a_thousandth(percentile: float) -> None:
    values = np.random.default_rng(1).integers(1_000_000, 90_000_000, 20_000).tolist()
    wanted = np.percentile(values, percentile)
    assert percentile_ns(encoded(values), percentile) == pytest.approx(wanted, rel=3e-3)


def test_too_few_values_beyond_a_percentile_give_none() -> None:
    """A 99th percentile of 900 latencies is the luck of nine."""
    assert percentile_ns(encoded([5_000_000] * 900), 99.0) is None
    assert percentile_ns(encoded([5_000_000] * 1_100), 99.0) is not None
    assert percentile_ns(encoded([5_000_000] * 900), 50.0) is not None
    assert percentile_ns(encoded([5_000_000] * (2 * LEAST_BEYOND - 1)), 50.0) is None


def test_no_histogram_has_no_percentile() -> None:
    assert percentile_ns(None, 50.0) is None


def test_a_percentile_of_raw_values_is_one_of_them() -> None:
    values = np.array([10, 20, 30, 1_000], dtype=np.int64)
    assert [sample_percentile(values, q) for q in (25, 50, 51, 99)] == [10, 20, 30, 1_000]
    assert sample_percentile(values[:0], 50) is None
