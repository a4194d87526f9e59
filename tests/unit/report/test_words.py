import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.intervals import Interval
from harness.report.words import estimate, names, number, ratio


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.5, "1.5"), (999.4, "999"), (999.6, "1,000")],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(value=st.floats(0.001, 1e7))
def test_a_number_can_be_read_back_to_within_a_hundredth(value: float) -> None:
    text = number(value)
    assert re.fullmatch(r"[\d.,]+", text)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.01)


def test_what_is_not_known_is_no_number() -> None:
    assert not re.search(r"\d", estimate(None) + ratio(None))


def test_without_an_interval_the_reader_is_told_why() -> None:
    one = Interval(mean=1.5, low=None, high=None, se=None, blocks=1)
    assert "one block" in estimate(one)
    assert "one block" in ratio(one)


def test_a_group_is_worded_with_all_its_members() -> None:
    assert names(("a",)) == "a"
    assert names(("a", "b", "c")) == "a, b and c"
