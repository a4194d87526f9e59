"""Cautions: one line, and an alarm only where figures may mislead."""

import msgspec

from harness.analysis.analyse import analyse
from harness.analysis.precision import TARGET, precision_of
from harness.records.plan import DUPLICATE
from harness.report.answer.caution import Caution, caution
from tests.toys.kinds import STEADY, Made, empty, failures, ranking
from tests.toys.runs import BASELINE, make_run, make_study, simulate

COSTS = {BASELINE: 500.0, "b/other": 700.0}


def of(made: Made) -> Caution | None:
    run, trials = made
    return caution(run, analyse(run, trials))


def noisy(made: Made) -> Made:
    """Another process takes half of a core while each slice is measured."""
    run, trials = made
    return run, [
        msgspec.structs.replace(
            t,
            slices=tuple(
                msgspec.structs.replace(s, machine_busy_ns=s.machine_busy_ns + s.elapsed_ns // 2)
                for s in t.slices
            ),
        )
        for t in trials
    ]


def test_a_quiet_and_precise_run_needs_no_caution() -> None:
    assert of(ranking()) is None


def test_a_busy_machine_is_no_alarm_where_ratios_are_precise() -> None:
    found = of(noisy(ranking()))
    assert found is not None
    assert not found.alarm
    assert "busy" in found.text
    assert "again" not in found.text


def test_a_busy_machine_is_an_alarm_where_precision_is_missed() -> None:
    run = make_run(make_study(blocks=4))
    trials = simulate(run, COSTS, 3, drift=0.3, noise=0.3, start=0.2)
    analysis = analyse(*noisy((run, trials)))
    assert precision_of(run.study, analysis).missed
    found = caution(run, analysis)
    assert found is not None
    assert found.alarm
    assert "Run again" in found.text


def test_the_study_may_ask_for_another_precision() -> None:
    run, trials = ranking()
    assert precision_of(run.study, analyse(run, trials)).target == TARGET
    stopping = msgspec.structs.replace(run.study.stopping, half_width=1e-6)
    study = msgspec.structs.replace(run.study, stopping=stopping)
    assert precision_of(study, analyse(run, trials)).missed


def test_identical_servers_that_differ_are_the_first_alarm() -> None:
    run = make_run(make_study(blocks=6))
    usual = simulate(run, COSTS, 4, **STEADY)
    dearer = simulate(run, {BASELINE: 550.0, "b/other": 700.0}, 1, **STEADY)
    off = [d if u.entry.endswith(DUPLICATE) else u for u, d in zip(usual, dearer, strict=True)]
    found = of((run, off))
    assert found is not None
    assert found.alarm
    assert "identical servers differ" in found.text


def test_variants_without_figures_are_told() -> None:
    found = of(failures())
    assert found is not None
    assert "c/dead" in found.text


def test_a_single_disturbed_trial_does_not_explain_wide_intervals() -> None:
    run = make_run(make_study(blocks=4))
    quiet = simulate(run, COSTS, 3, drift=0.3, noise=0.3, start=0.2)
    _, busy = noisy((run, quiet))
    found = of((run, [busy[0], *quiet[1:]]))
    assert found is not None
    assert found.alarm
    assert "more blocks" in found.text
    assert "again" not in found.text


def test_without_a_trial_there_is_no_row_to_point_at() -> None:
    assert of(empty()) is None
