"""Whether two identical servers agree: the baseline and its hidden duplicate (A/A).

A check of the whole method. Where the two differ beyond doubt, something distinguishes servers that
the design does not balance, and other differences of that size mean nothing.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import scipy

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import LEVEL, Interval
from harness.analysis.stats.ties import ALPHA, holm
from harness.inputs.study import Condition
from harness.records.run import Run


class TwinCheck(msgspec.Struct, frozen=True):
    """The two identical servers under one condition, by the first measure that ranks there.

    ratio: of the duplicate to the baseline, with its own 95 % interval.
    holds_one: whether that interval contains 1, as it should in 95 of 100 cases.
    agree: whether they agree, with all conditions of the run as one family (Holm).
    """

    condition: Condition
    measure: Measure
    ratio: Interval
    holds_one: bool
    agree: bool


def check_twins(conditions: Sequence[MeasuredCondition]) -> tuple[TwinCheck, ...]:
    """Check every condition in which both have figures in two blocks or more."""
    effects = {
        measured.condition: (measure, effect)
        for measured in conditions
        for measure in ranked(measured.condition)[:1]
        if (effect := measured.effect(measure, measured.duplicate, measured.baseline)) is not None
        and effect.se is not None
    }
    adjusted = holm({condition: effect.p for condition, (_, effect) in effects.items()})
    return tuple(
        TwinCheck(
            condition=condition,
            measure=measure,
            ratio=effect.interval().exp(),
            holds_one=effect.p > ALPHA,
            agree=adjusted[condition] > ALPHA,
        )
        for condition, (measure, effect) in effects.items()
    )


class RunTwins(msgspec.Struct, frozen=True):
    """The checks of one run.

    checks: by condition, in the study's order. unchecked: planned conditions in which the two do
        not both have figures in two blocks or more.
    without: why the run has no duplicate at all, or None.
    """

    run: str
    started_at: str
    checks: tuple[TwinCheck, ...]
    unchecked: tuple[Condition, ...] = ()
    without: str | None = None

    @property
    def failed(self) -> tuple[TwinCheck, ...]:
        """Those in which the two differ, with all conditions of the run as one family."""
        return tuple(check for check in self.checks if not check.agree)


class TwinTally(msgspec.Struct, frozen=True, rename={"expected": "expected_share"}):
    """How often the interval of two identical servers contained 1, over all conditions of runs.

    checks: how many conditions. held: in how many of them it did.
    expected: the share of them in which it should.
    usual_least, usual_most: where `held` lies in at least 95 of 100 cases, if the intervals are
        right and conditions are independent; None without a check.
    """

    runs: tuple[RunTwins, ...]
    checks: int
    held: int
    expected: float
    usual_least: int | None
    usual_most: int | None

    @property
    def failed(self) -> tuple[RunTwins, ...]:
        """The runs whose two servers differ under some condition, after adjustment."""
        return tuple(run for run in self.runs if run.failed)


_NO_DUPLICATE = "Locust loads setups without a duplicate"


def run_twins(run: Run, checks: Sequence[TwinCheck]) -> RunTwins:
    """The checks of one run, and the conditions that have none."""
    if run.study.ramped:
        return RunTwins(run.id, run.started_at, (), without=_NO_DUPLICATE)
    known = {check.condition for check in checks}
    unchecked = tuple(c for c in run.study.conditions if c not in known)
    return RunTwins(run.id, run.started_at, tuple(checks), unchecked)


def tally_twins(runs: Sequence[RunTwins]) -> TwinTally:
    """Count the intervals that contained 1, and say how many would be usual.

    The range is the exact central one of the binomial distribution. Conditions of one run count as
    independent, though they may share the starts of their servers.
    """
    holding = [check.holds_one for run in runs for check in run.checks]
    least, most = _usual(len(holding)) if holding else (None, None)
    return TwinTally(
        runs=tuple(runs),
        checks=len(holding),
        held=sum(holding),
        expected=LEVEL,
        usual_least=least,
        usual_most=most,
    )


def _usual(checks: int) -> tuple[int, int]:
    """Quantiles of the number of intervals that contain the truth."""
    below = scipy.special.bdtr(np.arange(checks + 1), checks, LEVEL)
    least, most = np.searchsorted(below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return int(least), int(most)
