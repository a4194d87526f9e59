"""Single trials, drawn as files."""

import re
from xml.etree import ElementTree

import msgspec
import pytest

from harness.records.trial import Trial
from harness.report.charts.trials import trial_figures
from harness.report.data.explorer import trial_data
from harness.report.drawing.figures import Figures
from tests.toys.labelling import labelled, measured_conditions
from tests.toys.runs import BASELINE, CONDITION, histogram, make_run, make_study, simulate

RUN = make_run(make_study(blocks=3))
TRIALS = [
    msgspec.structs.replace(trial, latency_hdr=histogram(2.0))
    for trial in simulate(
        RUN, {BASELINE: 500.0, "b/other": 1_000.0}, 3, drift=0.01, noise=0.002, start=0.001
    )
]


def figures_of(trials: list[Trial]) -> Figures:
    made = Figures()
    shown = trial_figures(
        RUN, trial_data(RUN, measured_conditions(RUN, trials), labelled(RUN, trials)), made
    )
    assert list(shown) == [CONDITION.name]
    assert len(shown[CONDITION.name]) == len(made.all)
    return made


@pytest.fixture(scope="module")
def figures() -> Figures:
    return figures_of(TRIALS)


def test_trials_latencies_and_processors_are_drawn(figures: Figures) -> None:
    assert [figure.stem.removeprefix(f"{CONDITION.name}-") for figure in figures.all] == [
        "trials", "latencies", "resources",
    ]  # fmt: skip


def test_every_chart_names_its_variants_and_says_in_words_what_it_shows(figures: Figures) -> None:
    for figure in figures.all:
        text = " ".join(ElementTree.fromstring(figure.svg).itertext())
        assert BASELINE in text, figure.stem
        assert "b/other" in text, figure.stem
        assert "{" not in text, figure.stem
        assert figure.alt.endswith("."), figure.stem


def test_long_latencies_are_told_in_digits() -> None:
    """And not as powers of ten."""
    slow = [msgspec.structs.replace(t, latency_hdr=histogram(1_730.0)) for t in TRIALS]
    (said,) = [f.alt for f in figures_of(slow).all if f.stem.endswith("latencies")]
    assert re.search(rf"{BASELINE} \d,\d\d\d ms", said)


def test_limits_are_told_without_the_ending_of_their_labels(figures: Figures) -> None:
    (said,) = [figure.alt for figure in figures.all if figure.stem.endswith("-resources")]
    assert f"{BASELINE}: server " in said
    assert said.count("limited by: server") == 2
    assert "-bound" not in said


def test_trials_have_an_axis_with_a_unit_and_all_three_standings(figures: Figures) -> None:
    (svg,) = [figure.svg for figure in figures.all if figure.stem.endswith("-trials")]
    text = " ".join(ElementTree.fromstring(svg).itertext())
    assert "server CPU per request" in text
    for standing in ("counted, with a label", "not counted"):
        assert standing in text


def test_where_every_trial_failed_nothing_is_drawn() -> None:
    dead = [msgspec.structs.replace(trial, problem="died") for trial in TRIALS]
    made = Figures()
    assert (
        trial_figures(
            RUN, trial_data(RUN, measured_conditions(RUN, dead), labelled(RUN, dead)), made
        )
        == {}
    )
    assert made.all == []
