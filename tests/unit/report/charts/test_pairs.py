"""Every pair, drawn as files."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from harness.analysis.analyse import analyse
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
    assert unquote(chart["uri"].partition(",")[2]) == made.all[0].svg
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


def test_one_block_tests_no_pair_and_says_so() -> None:
    cpu, _ = figures_of([t for t in TRIALS if t.block == 1]).all
    assert "not tested, because" in cpu.alt
    assert "differ" not in cpu.alt
    assert "not tested" in text_of(cpu.svg)
    assert "=" not in text_of(cpu.svg)


@pytest.mark.parametrize(
    ("noise", "mark", "told"),
    [
        (0.001, "1.00 =", "0 of 1 pairs differ; the same within 3 %: 1; undecided: 0"),
        (0.3, " ?", "0 of 1 pairs differ; the same within 3 %: 0; undecided: 1"),
    ],
)
def test_equal_pairs_are_marked_otherwise_than_undecided_ones(
    noise: float, mark: str, told: str
) -> None:
    equal = {BASELINE: 500.0, "b/other": 500.0}
    cpu = figures_of(simulate(RUN, equal, 3, drift=0.001, noise=noise, start=0.0005)).all[0]
    assert told in cpu.alt
    assert mark in text_of(cpu.svg).replace("= the same", "").replace("? undecided", "")


def test_where_nothing_can_be_explored_nothing_is_drawn() -> None:
    assert pair_figures(None, Figures()) == {}
