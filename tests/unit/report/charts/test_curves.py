import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.labels.labels import Label, LabelCount
from harness.analysis.measures import Measure
from harness.inputs.study import Condition, Latency
from harness.report.charts.curves import curve_figures
from harness.report.drawing.figures import Figures
from tests.toys.runs import BASELINE, CONDITION, histogram, make_run, make_study, simulate

VARIANTS = (BASELINE, "b/other")


def analysed(*shares: float | None) -> Analysis:
    """The same trials under each of these conditions; None is a closed loop."""
    conditions = tuple(
        CONDITION if share is None else Condition("io_read", 8, 100, window_s=5.0, share=share)
        for share in shares
    )
    study = msgspec.structs.replace(make_study(VARIANTS, blocks=3), conditions=conditions)
    run = make_run(study)
    trials = [
        msgspec.structs.replace(trial, condition=condition, latency_hdr=histogram(2.0))
        for condition in conditions
        for trial in simulate(run, {BASELINE: 500, "b/other": 700}, 1)
    ]
    return analyse(run, trials)


def made_of(analysis: Analysis, variants: Sequence[str] = VARIANTS) -> list[dict[str, Any]]:
    figures = Figures()
    made = curve_figures(analysis, variants, figures)
    figures.finish()
    return made


def svg(uri: str) -> str:
    return unquote(uri.partition(",")[2])


def drawn(uri: str) -> str:
    return " ".join(ElementTree.fromstring(svg(uri)).itertext())


def test_two_rates_make_a_curve_for_each_percentile() -> None:
    made = made_of(analysed(0.5, 0.9))
    assert [chart["title"] for chart in made] == [
        f"io_read, poisson arrivals, 8 connections at most, 100 rows: {measure.heading}, by load"
        for measure in (Measure.P50, Measure.P99)
    ]
    for chart in made:
        assert all(name in drawn(chart["uri"]) for name in VARIANTS)
        assert "responses per second" in drawn(chart["uri"])
        assert chart["alt"].count("b/other") == 2


def test_a_point_that_was_not_loaded_as_it_should_have_been_is_hollow_and_says_so() -> None:
    """Of two rates one is overloaded in most of its trials."""
    analysis = analysed(0.5, 0.9)
    slow, fast = analysis.conditions
    worn = LabelCount(Label.OVERLOADED, 2, "1 % were dropped", "offer less")
    fast = msgspec.structs.replace(fast, findings=fast.findings | {"b/other": (worn,)})
    made = made_of(msgspec.structs.replace(analysis, conditions=(slow, fast)))
    assert all("hollow where" in chart["title"] for chart in made)
    assert [chart["alt"].count("(not as offered)") for chart in made] == [1, 1]
    for chart in made:
        points = re.findall(r'<path [^>]*roledescription="point"[^>]*>', svg(chart["uri"]))
        assert sorted('fill="white"' in point for point in points) == [False, False, False, True]


def test_one_rate_or_a_closed_loop_make_none() -> None:
    assert made_of(analysed(0.5)) == []
    assert made_of(analysed(None)) == []


def test_a_variant_that_was_not_measured_is_not_drawn() -> None:
    (first, _) = made_of(analysed(0.5, 0.9), [*VARIANTS, "c/absent"])
    assert "c/absent" not in first["alt"]


def test_loads_that_differ_in_more_than_their_rate_make_no_common_curve() -> None:
    found = analysed(0.5, 0.9)
    first, second = found.conditions
    delayed = msgspec.structs.replace(second.condition, latency=Latency(database_ms=100.0))
    apart = (first, msgspec.structs.replace(second, condition=delayed))
    assert (
        curve_figures(msgspec.structs.replace(found, conditions=apart), VARIANTS, Figures()) == []
    )
