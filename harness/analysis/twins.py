"""Whether two identical servers agree: the baseline and its hidden duplicate (A/A).

A check of the whole method. Where the two differ beyond doubt, something distinguishes servers that
the design does not balance, and other differences of that size mean nothing.
"""

from collections.abc import Sequence

import msgspec

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.ties import ALPHA, holm
from harness.inputs.study import Condition


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
