"""What the page's script is given is what the analysis found."""

import json
import math

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.records.plan import DUPLICATE
from harness.report.data.explorer import explorer_data, trial_data
from tests.toys.labelling import labelled, measured_conditions
from tests.toys.runs import BASELINE, make_run, make_study, simulate

RUN = make_run(make_study(blocks=4))
TRIALS = simulate(RUN, {BASELINE: 500.0, "b/other": 1_000.0}, 3, drift=0.01)
CONDITIONS = measured_conditions(RUN, TRIALS)
ANALYSIS = analyse(RUN, TRIALS, conditions=CONDITIONS)


def made(extra: int = 0) -> dict[str, object]:
    again = [msgspec.structs.replace(t, attempt=2, problem="died") for t in TRIALS[:extra]]
    every = labelled(RUN, [*TRIALS, *again])
    found = explorer_data(RUN, ANALYSIS, CONDITIONS, trial_data(RUN, CONDITIONS, every))
    assert found is not None
    copy: dict[str, object] = json.loads(json.dumps(found, allow_nan=False))
    assert copy == found
    return copy


def condition(extra: int = 0) -> dict[str, object]:
    conditions = made(extra)["conditions"]
    assert isinstance(conditions, list)
    (only,) = conditions
    assert isinstance(only, dict)
    return only


def test_ratios_of_pairs_are_the_analysis_ratios_to_the_baseline() -> None:
    measures = condition()["measures"]
    assert isinstance(measures, dict)
    found = measures[Measure.CPU.value]
    one, base = found["entries"].index("b/other"), found["entries"].index(BASELINE)
    ratio = ANALYSIS.conditions[0].comparisons[Measure.CPU].ratios["b/other"]
    assert ratio.low is not None
    assert ratio.high is not None
    assert found["ratio"][one][base] == pytest.approx(ratio.mean, rel=1e-3)
    assert found["low"][one][base] == pytest.approx(ratio.low, rel=1e-3)
    assert found["high"][one][base] == pytest.approx(ratio.high, rel=1e-3)
    assert found["ratio"][base][one] == pytest.approx(1 / ratio.mean, rel=1e-3)


def test_verdicts_are_those_of_the_analysis_and_pairs_have_their_own() -> None:
    measures = condition()["measures"]
    assert isinstance(measures, dict)
    found = measures[Measure.CPU.value]
    one, base = found["entries"].index("b/other"), found["entries"].index(BASELINE)
    decision = ANALYSIS.conditions[0].comparisons[Measure.CPU].decisions["b/other"]
    assert decision.verdict is Verdict.DIFFERS
    assert found["to_baseline"][one] == [decision.verdict.value, None]
    assert found["to_baseline"][base] is None
    assert found["verdict"][one][base] == found["verdict"][base][one] == Verdict.DIFFERS
    assert found["at_most"][one][base] is None
    assert made()["margin"] == RUN.study.margin


def test_of_an_undecided_pair_the_page_knows_how_far_from_1_it_may_be() -> None:
    trials = simulate(RUN, {BASELINE: 500.0, "b/other": 500.0}, 3, drift=0.01, start=0.1)
    conditions = measured_conditions(RUN, trials)
    analysis = analyse(RUN, trials, conditions=conditions)
    every = trial_data(RUN, conditions, labelled(RUN, trials))
    explored = explorer_data(RUN, analysis, conditions, every)
    assert explored is not None
    found = explored["conditions"][0]["measures"][Measure.CPU.value]
    decision = analysis.conditions[0].comparisons[Measure.CPU].decisions["b/other"]
    verdict, most = found["to_baseline"][found["entries"].index("b/other")]
    assert verdict == Verdict.UNDECIDED
    assert decision.at_most is not None
    assert most == pytest.approx(decision.at_most, rel=1e-3)
    assert found["at_most"][0][1] == found["at_most"][1][0]


def test_every_trial_is_there_and_those_that_do_not_count_say_so() -> None:
    trials = condition(extra=2)["trials"]
    assert isinstance(trials, list)
    assert len(trials) == len(TRIALS) + 2
    assert {t["entry"] for t in trials} == {BASELINE, "b/other", BASELINE + DUPLICATE}
    aside = [t for t in trials if t["standing"] == "not counted"]
    assert {t["attempt"] for t in aside} == {2}
    assert len(aside) == 2
    for trial in aside:
        assert trial["labels"] == ["another attempt counts in its place", "incomplete: died"]
        assert trial["file"].endswith("~2.json")


def test_what_cannot_be_had_is_left_out_and_never_a_zero() -> None:
    measures = condition()["measures"]
    assert isinstance(measures, dict)
    assert Measure.SUSTAINED.value not in measures
    assert Measure.MEMORY.value in measures
    assert condition()["latencies"] == {BASELINE: [], "b/other": []}


def test_shares_are_of_processors() -> None:
    shares = condition()["shares"]
    assert isinstance(shares, dict)
    assert shares[BASELINE]["server"] == pytest.approx(0.97, abs=0.02)
    assert shares[BASELINE]["relay"] == 0


def test_a_run_without_trials_has_nothing_to_explore() -> None:
    assert explorer_data(RUN, analyse(RUN, ()), [], {}) is None


def test_numbers_are_rounded_for_readers() -> None:
    trials = condition()["trials"]
    assert isinstance(trials, list)
    for trial in trials:
        for value in trial["values"].values():
            assert math.isfinite(value)
            assert float(f"{value:.4g}") == value
