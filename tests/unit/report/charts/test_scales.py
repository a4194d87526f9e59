import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.charts.scales import Form, Scale, along, form_of


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([1.0, 10.0], Form.LINEAR),
        ([1.0, 10.1], Form.LOG),
        ([0.0, 50.0, 100.0], Form.LINEAR),
        ([0.0, 1.0, 100.0], Form.SYMLOG),
        ([0.0], Form.LINEAR),
    ],
)
def test_values_that_span_more_than_a_decade_have_a_logarithmic_axis(
    values: list[float], form: Form
) -> None:
    assert form_of(values) is form


@given(
    values=st.lists(st.floats(0.1, 1e6), min_size=2, max_size=5, unique=True),
    zero=st.booleans(),
)
def test_pixels_ascend_from_one_margin_to_the_other(values: list[float], zero: bool) -> None:
    values = sorted([*values, *([0.0] if zero else [])])
    scale = along(values, 300.0, 10.0)
    pixels = [scale.at(value) for value in values]
    assert pixels == sorted(pixels)
    assert [pixels[0], pixels[-1]] == pytest.approx([10.0, 290.0])
    for value in values:
        assert scale.gathered(scale.spread(value)) == pytest.approx(value, abs=1e-6)


def test_one_value_alone_stands_in_the_middle() -> None:
    assert along([8.0], 300.0, 10.0).at(8.0) == pytest.approx(150.0)


def test_ticks_are_powers_of_ten_or_where_these_are_few_also_twice_and_five_times() -> None:
    assert Scale(Form.LOG, 1.0, 10_000.0, 0.0, 1.0).ticks == [1, 10, 100, 1_000, 10_000]
    assert Scale(Form.LOG, 9.0, 110.0, 0.0, 1.0).ticks == [10, 20, 50, 100]
