"""Speed-ups, efficiency, and how workers share the work, from trials whose figures are known."""

import math

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.scaling import Scaling, direction
from harness.analysis.stats.interval import Interval
from harness.records.trial import WorkerRecord
from tests.toys.runs import BASELINE, make_trial
from tests.toys.sweeps import scaled, scaled_trials, worker_conditions


def scaling(costs: dict[int, float], blocks: int = 5) -> Scaling:
    (found,) = [s for s in scaled({BASELINE: costs}, blocks)[1].scalings if s.entry == BASELINE]
    return found


def test_a_speedup_is_the_ratio_of_throughputs_and_efficiency_its_share_of_the_workers() -> None:
    one, two, four = scaling({1: 800.0, 2: 400.0, 4: 400.0}).steps
    assert (one.workers, two.workers, four.workers) == (1, 2, 4)
    assert (one.speedup, one.gain, one.efficiency) == (None, None, None)
    assert two.speedup is not None
    assert two.efficiency is not None
    assert two.speedup.mean == pytest.approx(2, rel=0.1)
    assert two.efficiency.mean == pytest.approx(two.speedup.mean / 2)
    assert two.speedup.low is not None
    assert two.speedup.low < two.speedup.mean
    assert four.gain is not None
    assert four.gain.mean == pytest.approx(1, rel=0.1)
    assert four.efficiency is not None
    assert four.efficiency.mean == pytest.approx(0.5, rel=0.1)


def test_without_one_worker_the_fewest_are_what_growth_is_measured_against() -> None:
    two, four, eight = scaling({2: 800.0, 4: 400.0, 8: 200.0}).steps
    assert two.speedup is None
    assert four.efficiency is not None
    assert eight.efficiency is not None
    assert four.efficiency.mean == pytest.approx(1, rel=0.1)
    assert eight.efficiency.mean == pytest.approx(1, rel=0.1)


def test_one_block_has_no_interval() -> None:
    _, two, _ = scaling({1: 800.0, 2: 400.0, 4: 400.0}, blocks=1).steps
    assert two.speedup is not None
    assert two.speedup.low is None
    assert direction(two.speedup, 1) == 0


def test_a_worker_has_its_share_its_memory_and_its_connections() -> None:
    run, trials = scaled_trials({BASELINE: {1: 800.0, 2: 400.0, 4: 400.0}})
    uneven = tuple(WorkerRecord(ns, 1024 * mib, held) for ns, mib, held in
                   ((60, 30, 20), (20, 50, 8), (10, 40, 4), (10, 40, 0)))  # fmt: skip
    trials = [msgspec.structs.replace(t, workers=uneven[: t.condition.workers]) for t in trials]
    steps = analyse(run, trials).scalings[0].steps
    assert [step.busiest_share for step in steps] == [1.0, 0.75, 0.6]
    assert [step.worker_mib for step in steps] == [30, 40, 40]
    assert [step.connections for step in steps] == [(20, 20), (8, 20), (0, 20)]


def test_kept_runs_without_records_of_workers_have_none_of_their_figures() -> None:
    (first, *_) = scaling({1: 800.0, 2: 400.0, 4: 400.0}).steps
    assert (first.worker_mib, first.busiest_share, first.connections) == (None, None, None)


def test_a_stack_without_figures_at_one_number_keeps_the_others() -> None:
    run, trials = scaled_trials({BASELINE: {1: 800.0, 2: 400.0, 4: 400.0}})
    two = worker_conditions(1, 2, 4)[1]
    lost = [make_trial(t.entry, t.block, (), problem="it died", condition=two)
            if t.condition == two else t for t in trials]  # fmt: skip
    assert [step.workers for step in analyse(run, lost).scalings[0].steps] == [1, 4]


def test_other_studies_have_no_scalings() -> None:
    run, trials = scaled_trials({BASELINE: {1: 800.0, 2: 400.0}})
    assert analyse(run, trials).scalings == ()


@pytest.mark.parametrize(
    ("mean", "se", "family", "expected"),
    [(1.2, 0.05, 1, 1), (0.8, 0.05, 1, -1), (1.2, 0.2, 1, 0), (1.2, 0.06, 1, 1), (1.2, 0.06, 9, 0)],
)
def test_a_ratio_of_a_larger_family_needs_more(
    mean: float, se: float, family: int, expected: int
) -> None:
    """Student's 2.78 with five blocks and one ratio; 4.9 with nine."""
    ratio = Interval(mean, math.exp(-1), math.exp(1), se, blocks=5)
    assert direction(ratio, family) == expected
    assert direction(None, family) == 0
