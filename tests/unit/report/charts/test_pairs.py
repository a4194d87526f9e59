"""Every pair, drawn as files."""

import base64
import re
from xml.etree import ElementTree

import pytest

from harness.analysis.analyse import analyse
from harness.records.plan import DUPLICATE
from harness.records.trial import Trial
from harness.report.charts.pairs import pair_figures
from harness.report.data.explorer import explorer_data, trial_data
from harness.report.drawing.figures import Figures
from tests.toys.labelling import labelled, measured_conditions
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

RUN = make_run(make_study(blocks=3))
TRIALS = simulate(
    RUN, {BASELINE: 500.0, "b/other": 1_000.0}, 3, drift=0.01, noise=0.002, start=0.001
)


def figures_of(trials: list[Trial]) -> Figures:
    made, conditions = Figures(), measured_conditions(RUN, trials)
    analysis = analyse(RUN, trials, (), conditions)
    explored = explorer_data(
        RUN, analysis, conditions, trial_data(RUN, conditions, labelled(RUN, trials))
    )
    (chart, _) = pair_figures(explored, made)[CONDITION.name]
    made.finish()
    assert base64.b64decode(chart["uri"].partition(",")[2]).decode() == made.all[0].svg
    return made


def text_of(svg: str) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


def test_pairs_show_ratios_of_row_to_column_with_their_variants() -> None:
    cpu, throughput = figures_of(TRIALS).all
    assert cpu.stem == f"{CONDITION.name}-pairs-server_cpu_us_per_request"
    assert throughput.stem == f"{CONDITION.name}-pairs-throughput_per_s"
    text = text_of(cpu.svg)
    assert BASELINE in text
    assert "b/other" in text
    ratio, low, high = (float(number) for number in re.findall(r"\b\d\.\d\d\b", text))
    assert low <= ratio <= high
    assert ratio == pytest.approx(2.0, abs=0.1)  # the cheaper is the column
    assert "1 of 1 pairs differ" in cpu.alt


def test_pairs_that_may_not_be_tested_are_said_to_be_none() -> None:
    """Nobody ran twice, so nothing tells noise from difference."""
    cpu, _ = figures_of([t for t in TRIALS if not t.entry.endswith(DUPLICATE)]).all
    assert "not tested, because" in cpu.alt
    assert "differ beyond noise" not in cpu.alt
    assert "not tested" in text_of(cpu.svg)


def test_where_nothing_can_be_explored_nothing_is_drawn() -> None:
    assert pair_figures(None, Figures()) == {}
