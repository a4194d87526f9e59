"""Judge claims by one run without the rest of its analysis, which takes most of the time."""

from collections.abc import Sequence

from harness.analysis.causes.explain import prices_of
from harness.analysis.claims import RunResults, judge
from harness.analysis.condition import conditions_of
from harness.analysis.judgements import Judgement
from harness.analysis.labels.trials import label_trials
from harness.analysis.locust import summarise
from harness.inputs.claims import Claim
from harness.records.run import Run
from harness.records.trial import Trial


def judge_run(run: Run, trials: Sequence[Trial], claims: Sequence[Claim]) -> tuple[Judgement, ...]:
    """The judgements of `analyse`, without its other estimates.

    Args:
        run, trials: what was measured.
        claims: to be judged.
    """
    if run.study.ramped:
        return judge(claims, [RunResults(run, (), (), summarise(run, trials))])
    conditions = tuple(conditions_of(run, label_trials(run, trials)))
    priced = any(criterion.price is not None for claim in claims for criterion in claim.criteria)
    prices = prices_of(run, conditions) if priced else ()
    return judge(claims, [RunResults(run, conditions, prices, None)])
