"""The short way to judgements gives the very ones of the whole analysis."""

import msgspec

from harness.analysis.analyse import analyse
from harness.analysis.judgements import ClaimVerdict
from harness.analysis.judging import judge_run
from harness.inputs.claims import Claim, Criterion
from tests.toys.ladder import ladder_run, ladder_trials
from tests.toys.runs import BASELINE, make_run, simulate

RATIO = Criterion(of="b/other", to=BASELINE, measure="cpu", at_least=1.1)
PRICE = Criterion(price="hop", at_least=1.0)


def claim(*criteria: Criterion) -> Claim:
    return Claim("X1", "somebody", "something", criteria)


def test_ratios_are_judged_as_by_the_whole_analysis() -> None:
    run = make_run()
    trials = simulate(run, {BASELINE: 500, "b/other": 600}, 1)
    (found,) = judge_run(run, trials, [claim(RATIO)])
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert (found,) == analyse(run, trials, [claim(RATIO)]).judgements


def test_prices_are_judged_as_by_the_whole_analysis() -> None:
    run = ladder_run()
    trials = ladder_trials(run, noise=0.01)
    (found,) = judge_run(run, trials, [claim(PRICE)])
    assert found.evidence
    assert (found,) == analyse(run, trials, [claim(PRICE)]).judgements


def test_a_run_without_a_complete_trial_tests_nothing() -> None:
    run = make_run()
    (found,) = judge_run(run, [], [claim(RATIO, PRICE)])
    assert found.verdict is ClaimVerdict.NOT_TESTED


def test_one_block_is_evidence_that_decides_nothing() -> None:
    run = make_run(msgspec.structs.replace(make_run().study, blocks=1))
    trials = simulate(run, {BASELINE: 500, "b/other": 600}, 1)
    (found,) = judge_run(run, trials, [claim(RATIO)])
    assert found.verdict is ClaimVerdict.UNDECIDED
    assert found.evidence[0].value.low is None
