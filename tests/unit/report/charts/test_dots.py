from xml.etree import ElementTree

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure
from harness.analysis.variants import Comparison
from harness.report.charts.specification import colours
from harness.report.drawing.draw import svg_of
from tests.toys.runs import BASELINE, make_run, make_study, simulate

RUN = make_run(make_study(blocks=3))
TRIALS = simulate(RUN, {BASELINE: 500, "b/other": 700}, 1)


PALETTE = colours([*RUN.study.variants, "c/absent"])


def comparison(measure: Measure = Measure.CPU) -> Comparison:
    return analyse(RUN, TRIALS).conditions[0].comparisons[measure]


def texts(svg: str) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize("measure", [Measure.CPU, Measure.THROUGHPUT, Measure.DATABASE_CPU])
def test_a_chart_is_an_svg_that_names_every_variant_and_the_unit(measure: Measure) -> None:
    svg = svg_of(estimate_file(comparison(measure), RUN.study.variants, PALETTE))
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert all(name in texts(svg) for name in RUN.study.variants)
    assert measure.heading in texts(svg)


def test_a_variant_without_an_estimate_is_left_out() -> None:
    svg = svg_of(estimate_file(comparison(), [*RUN.study.variants, "c/absent"], PALETTE))
    assert "c/absent" not in texts(svg)


def marks(found: Comparison) -> int:
    """Shapes and lines of what is drawn, axes and grid left out."""
    drawn = ElementTree.fromstring(svg_of(estimate_file(found, RUN.study.variants, PALETTE)))
    roles = (node.get("aria-roledescription", "") for node in drawn.iter())
    return sum(role in {"point", "rule mark", "tick"} for role in roles)


def bounded(low: float | None, high: float | None) -> Comparison:
    """With these bounds instead of those of the first variant."""
    found = comparison()
    first = RUN.study.variants[0]
    changed = msgspec.structs.replace(found.estimates[first], low=low, high=high)
    return msgspec.structs.replace(found, estimates=found.estimates | {first: changed})


def test_one_block_has_no_interval_and_none_is_drawn() -> None:
    assert marks(bounded(None, None)) == marks(comparison()) - 1


def test_an_interval_that_is_cut_off_bears_an_arrow() -> None:
    assert marks(bounded(1.0, 1e9)) == marks(comparison()) + 1
