import pytest

from harness.analysis.stats.intervals import Interval
from harness.report.words.numbers import plus_minus


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (190.4, 15.3, "190 ± 15"),
        (1234.5, 152.0, "1,230 ± 150"),
        (55.4, 5.4, "55 ± 5"),
        (-4.2, 9.6, "-4 ± 10"),
        (12.44, 0.83, "12.4 ± 0.8"),
        (0.0, 0.0, "0 ± 0"),
    ],
)
def test_a_value_is_as_exact_as_its_interval(mean: float, half: float, text: str) -> None:
    assert plus_minus(Interval(mean, mean - half, mean + half, half / 2, 6)) == text


def test_one_block_has_no_width() -> None:
    assert plus_minus(Interval(190.4, None, None, None, 1)) == "190"
