import pytest

from harness.report.charts.specification import PALETTE, colours, dashes

NAMES = [f"a/{number}" for number in range(len(PALETTE) + 1)]


def test_a_variant_has_one_colour_of_its_own() -> None:
    names = NAMES[:-1]
    assert list(colours(names)) == names
    assert len(set(colours(names).values())) == len(names)


@pytest.mark.parametrize("name", NAMES[1:])
def test_variants_that_share_a_colour_have_different_dashes(name: str) -> None:
    first = NAMES[0]
    alike = colours(NAMES)[first] == colours(NAMES)[name]
    assert (dashes(NAMES)[first] != dashes(NAMES)[name]) == alike
