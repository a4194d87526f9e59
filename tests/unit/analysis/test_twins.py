"""The check of two identical servers, and how often it may fail over many runs."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from scipy import stats

from harness.analysis.analyse import analyse
from harness.analysis.condition import conditions_of
from harness.analysis.labels.trials import label_trials
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.twins import RunTwins, TwinCheck, check_twins, run_twins, tally_twins
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

VARIANTS = (BASELINE, "b/other", "c/third")
COST = {BASELINE: 500.0, "b/other": 550.0, "c/third": 400.0}
RUN = make_run(make_study(VARIANTS))
TWIN = BASELINE + DUPLICATE
QUIET: Mapping[str, float] = {"drift": 0.02, "noise": 0.005, "start": 0.002}


def checks_of(run: Run, trials: Sequence[Trial]) -> tuple[TwinCheck, ...]:
    return check_twins(conditions_of(run, label_trials(run, trials)))


def favoured(trials: Sequence[Trial], factor: float) -> list[Trial]:
    """The duplicate needs so many times the CPU of the baseline."""
    return [
        msgspec.structs.replace(
            t,
            slices=tuple(
                msgspec.structs.replace(s, server_cpu_ns=round(s.server_cpu_ns * factor))
                for s in t.slices
            ),
        )
        if t.entry == TWIN
        else t
        for t in trials
    ]


def under(count: int) -> tuple[Run, list[Condition]]:
    """A run of many conditions."""
    conditions = [msgspec.structs.replace(CONDITION, connections=n) for n in range(8, 8 + count)]
    study = msgspec.structs.replace(RUN.study, conditions=tuple(conditions))
    return msgspec.structs.replace(RUN, study=study), conditions


def at(condition: Condition, trials: Sequence[Trial]) -> list[Trial]:
    return [msgspec.structs.replace(t, condition=condition) for t in trials]


def test_identical_servers_agree() -> None:
    (check,) = checks_of(RUN, simulate(RUN, COST, 3, **QUIET))
    assert (check.condition, check.measure) == (CONDITION, Measure.CPU)
    assert check.ratio.mean == pytest.approx(1, abs=0.01)
    assert check.ratio.low is not None
    assert check.ratio.high is not None
    assert check.ratio.low < 1 < check.ratio.high
    assert check.holds_one
    assert check.agree


def test_a_planted_tenth_between_them_is_told() -> None:
    (check,) = checks_of(RUN, favoured(simulate(RUN, COST, 3, **QUIET), 1.1))
    assert check.ratio.mean == pytest.approx(1.1, abs=0.01)
    assert not check.holds_one
    assert not check.agree


def test_what_is_shown_and_what_is_said_of_it_do_not_contradict_each_other() -> None:
    seen = set()
    for seed in range(12):
        for factor in (1.0, 1.005, 1.03):
            (check,) = checks_of(RUN, favoured(simulate(RUN, COST, seed, **QUIET), factor))
            assert check.ratio.low is not None
            assert check.ratio.high is not None
            assert check.holds_one == (check.ratio.low <= 1 <= check.ratio.high)
            assert check.agree == check.holds_one, "one condition alone needs no adjustment"
            seen.add(check.holds_one)
    assert seen == {True, False}


def test_the_check_allows_for_all_conditions_of_the_run() -> None:
    """A p value between 1 and 5 % is one in twenty: among six, it means little (Holm)."""
    trials = simulate(RUN, COST, 3, **QUIET)
    factor = next(f for f in (1 + n / 10_000 for n in range(400)) if 0.012 < p_of(trials, f) < 0.04)
    wide, conditions = under(6)
    many = [
        t
        for condition in conditions
        for t in at(condition, favoured(trials, factor if condition == conditions[2] else 1.0))
    ]
    (alone,) = checks_of(RUN, favoured(trials, factor))
    found = checks_of(wide, many)
    assert (alone.holds_one, alone.agree) == (False, False)
    assert [check.holds_one for check in found].count(False) == 1
    assert all(check.agree for check in found)


def p_of(trials: Sequence[Trial], factor: float) -> float:
    (measured,) = conditions_of(RUN, label_trials(RUN, favoured(trials, factor)))
    effect = measured.effect(Measure.CPU, TWIN, BASELINE)
    assert effect is not None
    return effect.p


def test_a_tenth_under_one_of_six_conditions_is_told_there_alone() -> None:
    wide, conditions = under(6)
    trials = simulate(RUN, COST, 3, **QUIET)
    found = checks_of(
        wide,
        [
            t
            for condition in conditions
            for t in at(condition, favoured(trials, 1.1 if condition == conditions[4] else 1.0))
        ],
    )
    assert [check.condition for check in found if not check.agree] == [conditions[4]]


@pytest.mark.parametrize("missing", ["block", "duplicate", "baseline"])
def test_without_two_blocks_of_both_there_is_no_check(missing: str) -> None:
    lost = {"duplicate": TWIN, "baseline": BASELINE}.get(missing)
    trials = [
        t
        for t in simulate(RUN, COST, 3)
        if t.entry != lost and (missing != "block" or t.block == 1)
    ]
    assert checks_of(RUN, trials) == ()
    told = run_twins(RUN, ())
    assert (told.checks, told.unchecked, told.without) == ((), (CONDITION,), None)


def test_blocks_of_which_each_has_only_one_of_them_are_no_check() -> None:
    trials = [
        t
        for t in simulate(RUN, COST, 3)
        if t.entry not in (TWIN, BASELINE) or (t.entry == TWIN) == (t.block % 2 == 0)
    ]
    assert checks_of(RUN, trials) == ()


def test_a_run_of_locust_has_no_duplicate_and_says_so() -> None:
    run = ramp_run(blocks=2)
    assert analyse(run, [make_cell(), make_cell(block=2)]).twins == ()
    told = run_twins(run, ())
    assert (told.checks, told.unchecked) == ((), ())
    assert told.without is not None
    assert "Locust" in told.without


def test_conditions_without_a_check_are_named_beside_those_with_one() -> None:
    wide, conditions = under(2)
    found = checks_of(wide, at(conditions[1], simulate(RUN, COST, 3)))
    told = run_twins(wide, found)
    assert [check.condition for check in told.checks] == [conditions[1]]
    assert told.unchecked == (conditions[0],)


def check(*, holds: bool = True, agree: bool = True) -> TwinCheck:
    return TwinCheck(CONDITION, Measure.CPU, Interval(1.0, 0.99, 1.01, 0.005, 5), holds, agree)


def counted(name: str, *checks: TwinCheck) -> RunTwins:
    return RunTwins(name, "2026-01-01T00:00:00+00:00", checks)


def test_over_runs_the_intervals_that_hold_one_are_counted() -> None:
    runs = [
        counted("one", check(), check(holds=False)),
        counted("two", check(), check(holds=False, agree=False)),
        counted("three"),
    ]
    tally = tally_twins(runs)
    assert (tally.checks, tally.held, tally.expected) == (4, 2, 0.95)
    assert [run.run for run in tally.failed] == ["two"]
    assert [run.run for run in tally.runs] == ["one", "two", "three"]


def test_the_usual_range_by_hand() -> None:
    """Of 92 checks 87.4 are expected to hold; fewer than 83 happen in less than 2.5 % of cases."""
    tally = tally_twins([counted("run", *[check()] * 92)])
    assert (tally.usual_least, tally.usual_most) == (83, 91)


@pytest.mark.parametrize("checks", [1, 2, 13, 41, 92, 500])
def test_the_usual_range_is_the_exact_one_of_the_binomial_distribution(checks: int) -> None:
    tally = tally_twins([counted("run", *[check()] * checks)])
    least, most = (float(stats.binom.ppf(p, checks, 0.95)) for p in (0.025, 0.975))
    assert (tally.usual_least, tally.usual_most) == (least, most)


@pytest.mark.parametrize("runs", [[], [counted("run")]])
def test_without_a_check_nothing_is_usual(runs: list[RunTwins]) -> None:
    tally = tally_twins(runs)
    assert (tally.checks, tally.held) == (0, 0)
    assert (tally.usual_least, tally.usual_most) == (None, None)


def test_simulated_runs_hold_one_as_often_as_is_usual() -> None:
    """All of it together: the model's intervals, counted, lie in the range that is told."""
    runs = [run_twins(RUN, checks_of(RUN, simulate(RUN, COST, seed))) for seed in range(40)]
    tally = tally_twins(runs)
    assert tally.checks == 40
    assert tally.usual_least is not None
    assert tally.held >= tally.usual_least
    assert len(tally.failed) == tally.checks - tally.held
