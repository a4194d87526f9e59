"""The explorer's charts, drawn as files."""

import base64
import re
from xml.etree import ElementTree

import msgspec
import pytest

from harness.analysis.results import analyse
from harness.analysis.run_pieces import pieces_of
from harness.records import DUPLICATE
from harness.report.explorer import explorer
from harness.report.figures import Figures
from harness.report.statics import statics
from tests.toys.labelling import labelled
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate
from tests.unit.analysis.test_measures import histogram

RUN = make_run(make_study(blocks=3))
QUIET = {"drift": 0.01, "noise": 0.002, "start": 0.001}
TRIALS = [
    msgspec.structs.replace(trial, latency_hdr=histogram(2.0))
    for trial in simulate(RUN, {BASELINE: 500.0, "b/other": 1_000.0}, 3, **QUIET)
]


@pytest.fixture(scope="module")
def figures() -> Figures:
    made = Figures()
    pieces = pieces_of(RUN, TRIALS)
    explored = explorer(RUN, analyse(RUN, TRIALS, (), pieces), pieces, labelled(RUN, TRIALS))
    shown = statics(explored, made)
    assert list(shown) == [CONDITION.name]
    assert len(shown[CONDITION.name]) == len(made.made)
    return made


def drawn(figures: Figures, end: str) -> str:
    (svg,) = [figure.svg for figure in figures.made if figure.stem.endswith(end)]
    return " ".join(ElementTree.fromstring(svg).itertext())


def test_pairs_trials_latencies_and_processors_are_drawn(figures: Figures) -> None:
    assert [figure.stem.removeprefix(f"{CONDITION.name}-") for figure in figures.made] == [
        "pairs-server_cpu_us_per_request", "pairs-throughput_per_s", "trials", "latencies",
        "resources",
    ]  # fmt: skip


def test_every_chart_names_its_variants_and_says_in_words_what_it_shows(figures: Figures) -> None:
    for figure in figures.made:
        text = " ".join(ElementTree.fromstring(figure.svg).itertext())
        assert BASELINE in text, figure.stem
        assert "b/other" in text, figure.stem
        assert "{" not in text, figure.stem
        assert figure.alt.endswith("."), figure.stem


def test_long_latencies_are_told_in_digits() -> None:
    """And not as powers of ten."""
    slow = [msgspec.structs.replace(t, latency_hdr=histogram(1_730.0)) for t in TRIALS]
    pieces, made = pieces_of(RUN, slow), Figures()
    statics(explorer(RUN, analyse(RUN, slow, (), pieces), pieces, labelled(RUN, slow)), made)
    (said,) = [figure.alt for figure in made.made if figure.stem.endswith("latencies")]
    assert re.search(rf"{BASELINE} \d,\d\d\d ms", said)


def test_pairs_show_ratios_of_row_to_column(figures: Figures) -> None:
    text = drawn(figures, "pairs-server_cpu_us_per_request")
    ratio, low, high = (float(number) for number in re.findall(r"\b\d\.\d\d\b", text))
    assert low <= ratio <= high
    assert ratio == pytest.approx(2.0, abs=0.1)  # the cheaper is the column
    assert "1 of 1 pairs differ" in figures.made[0].alt


def test_trials_have_an_axis_with_a_unit_and_all_three_standings(figures: Figures) -> None:
    text = drawn(figures, "trials")
    assert "server CPU per request" in text
    for standing in ("counted, with a label", "not counted"):
        assert standing in text


def test_where_nothing_can_be_explored_nothing_is_drawn() -> None:
    assert statics(None, Figures()) == {}


def test_files_are_what_the_page_s_data_uris_are_made_of() -> None:
    made = Figures()
    pieces = pieces_of(RUN, TRIALS)
    explored = explorer(RUN, analyse(RUN, TRIALS, (), pieces), pieces, labelled(RUN, TRIALS))
    chart = statics(explored, made)[CONDITION.name][0]
    made.finish()
    assert base64.b64decode(chart["uri"].partition(",")[2]).decode() == made.made[0].svg


def test_pairs_that_may_not_be_tested_are_said_to_be_none() -> None:
    """Nobody ran twice, so nothing tells noise from difference."""
    alone = [t for t in TRIALS if not t.entry.endswith(DUPLICATE)]
    pieces, made = pieces_of(RUN, alone), Figures()
    statics(explorer(RUN, analyse(RUN, alone, (), pieces), pieces, labelled(RUN, alone)), made)
    (found,) = [f for f in made.made if f.stem.endswith("pairs-server_cpu_us_per_request")]
    assert "not tested, because" in found.alt
    assert "differ beyond noise" not in found.alt
    assert "not tested" in " ".join(ElementTree.fromstring(found.svg).itertext())
