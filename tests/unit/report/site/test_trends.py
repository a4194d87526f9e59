from xml.etree import ElementTree

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.measures import Measure
from harness.records.run import Run
from harness.report.drawing.draw import svg_of
from harness.report.site.trends import alternative, trend_chart, trends
from tests.toys.leaders import starved
from tests.toys.runs import BASELINE, CONDITION, simulate
from tests.toys.shelves import COST, dated_run

FIRST, SECOND = dated_run(1, {"x": "1"}), dated_run(2, {"x": "2"})


def analysed(run: Run, cost: float = 550.0) -> tuple[Run, Analysis]:
    trials = simulate(run, COST | {"b/other": cost}, 1, drift=0, noise=0, start=0)
    return run, analyse(run, trials)


def test_a_variant_is_followed_in_order_with_what_changed() -> None:
    base, other = trends([analysed(FIRST, 550), analysed(SECOND, 1_000)])
    assert (base.variant, other.variant) == (BASELINE, "b/other")
    assert other.condition == CONDITION
    assert [point.number for point in other.points] == [1, 2]
    assert [point.run.id for point in other.points] == [FIRST.id, SECOND.id]
    values = [point.estimates[Measure.CPU].mean for point in other.points]
    assert values[1] / values[0] > 1.7
    assert [point.changed for point in other.points] == [(), ("x 1 to 2",)]
    assert all(Measure.THROUGHPUT in point.estimates for point in other.points)


def test_ratios_are_to_the_run_s_own_baseline() -> None:
    base, other = trends([analysed(FIRST), analysed(SECOND)])
    assert [point.ratio for point in base.points] == [None, None]
    ratio = other.points[0].ratio
    assert ratio is not None
    assert 1.05 < ratio.mean < 1.15


def test_the_hidden_duplicate_is_not_followed() -> None:
    assert {t.variant for t in trends([analysed(FIRST), analysed(SECOND)])} == set(COST)


def test_what_stands_in_one_run_alone_is_not_followed() -> None:
    assert trends([analysed(FIRST)]) == ()
    assert trends([]) == ()
    elsewhere = msgspec.structs.replace(CONDITION, rows=7)
    study = msgspec.structs.replace(SECOND.study, conditions=(elsewhere,))
    other = msgspec.structs.replace(SECOND, study=study)
    moved = [
        msgspec.structs.replace(trial, condition=elsewhere) for trial in simulate(other, COST, 1)
    ]
    assert trends([analysed(FIRST), (other, analyse(other, moved))]) == ()


def test_the_name_of_a_group_is_the_study_s_own_affair() -> None:
    grouped = msgspec.structs.replace(CONDITION, group="some")
    study = msgspec.structs.replace(
        SECOND.study, conditions=(grouped,), groups={"some": ("b/other",)}
    )
    run = msgspec.structs.replace(SECOND, study=study)
    trials = [msgspec.structs.replace(t, condition=grouped) for t in simulate(run, COST, 1)]
    followed = trends([analysed(FIRST), (run, analyse(run, trials))])
    assert {trend.variant for trend in followed} == set(COST)
    assert all(trend.condition.group is None for trend in followed)


def test_a_run_in_between_that_lacks_the_variant_leaves_a_gap() -> None:
    third = dated_run(3, {"x": "3"})
    trials = [t for t in simulate(SECOND, COST, 1) if t.variant == BASELINE]
    followed = trends([analysed(FIRST), (SECOND, analyse(SECOND, trials)), analysed(third)])
    (other,) = [trend for trend in followed if trend.variant == "b/other"]
    assert [point.number for point in other.points] == [1, 3]
    assert other.points[1].changed == ("x 1 to 3",)


def test_a_run_that_was_not_measured_alike_begins_another_stretch() -> None:
    machine = FIRST.machine | {"processors": 8}
    second, third = dated_run(2, machine=machine), dated_run(3, machine=machine)
    (_, other) = trends([analysed(run) for run in (FIRST, second, third)])
    assert [len(point.apart) for point in other.points] == [0, 1, 0]
    assert "the machines differ in processors" in other.points[1].apart[0]
    assert other.stretches == (0, 1, 1)


def test_what_a_run_itself_does_not_rank_by_is_marked() -> None:
    """One block ranked nothing in the first."""
    trials = [t for t in simulate(FIRST, COST, 1) if t.block == 1]
    base, _ = trends([(FIRST, analyse(FIRST, trials)), analysed(SECOND)])
    first, second = base.points
    assert Measure.CPU in first.unranked
    assert Measure.CPU not in second.unranked


def starved_in(run: Run, variant: str) -> tuple[Run, Analysis]:
    trials = [starved(t) if t.variant == variant else t for t in simulate(run, COST, 1)]
    return run, analyse(run, trials)


def test_a_variant_that_answered_nothing_keeps_its_point_with_the_reason() -> None:
    followed = trends([analysed(FIRST), starved_in(SECOND, "b/other")])
    (other,) = [trend for trend in followed if trend.variant == "b/other"]
    assert [point.number for point in other.points] == [1, 2]
    first, second = other.points
    assert first.missing is None
    assert second.missing is not None
    assert second.missing.reason.startswith("no correct answer")
    assert second.estimates == {}
    text = alternative(followed, Measure.CPU)
    assert "starved in run 2" in text
    drawing = ElementTree.fromstring(svg_of(trend_chart(followed, Measure.CPU)))
    assert [text.strip() for text in drawing.itertext()].count("starved") == 1


def test_a_variant_that_never_answered_is_followed_too() -> None:
    followed = trends([starved_in(run, "b/other") for run in (FIRST, SECOND)])
    (other,) = [trend for trend in followed if trend.variant == "b/other"]
    assert all(point.missing is not None for point in other.points)
    drawing = ElementTree.fromstring(svg_of(trend_chart(followed, Measure.CPU)))
    assert [text.strip() for text in drawing.itertext()].count("starved") == 2


def test_an_excluded_variant_leaves_a_gap() -> None:
    excluded = msgspec.structs.replace(SECOND, excluded={"b/other": "it answers from memory"})
    trials = [t for t in simulate(SECOND, COST, 1) if t.variant == BASELINE]
    followed = trends([analysed(FIRST), (excluded, analyse(excluded, trials))])
    assert {trend.variant for trend in followed} == {BASELINE}


RUNS = [dated_run(month) for month in (1, 2, 3)]
FOLLOWED = trends([(run, analyse(run, simulate(run, COST, seed))) for seed, run in enumerate(RUNS)])


def test_a_chart_is_an_svg_with_a_panel_for_every_variant_and_a_place_for_every_run() -> None:
    drawing = ElementTree.fromstring(svg_of(trend_chart(FOLLOWED, Measure.CPU)))
    assert drawing.tag.endswith("svg")
    assert {*COST, "1", "2", "3"} <= {text.strip() for text in drawing.itertext()}


def test_the_alternative_of_a_chart_has_every_run() -> None:
    text = alternative(FOLLOWED, Measure.CPU)
    assert text.startswith(Measure.CPU.heading)
    for name in COST:
        assert name in text
    assert text.count("in run 3") == len(COST)


def test_a_measure_without_estimates_has_no_values_in_the_alternative() -> None:
    assert "in run" not in alternative(FOLLOWED, Measure.SUSTAINED)
