"""How precise a run's ratios are, how many of its trials were disturbed, and whether that matters.

Interleaving and blocks cancel noise: disturbed trials widen intervals, and nothing else. So what
counts is whether the intervals are as narrow as they should be.
"""

import statistics
from collections import Counter

import msgspec

from harness.analysis.analyse import Analysis
from harness.analysis.labels.labels import FAILED, LIMITS, Label
from harness.inputs.study import Study

TARGET = 0.05
"""The half-width of a ratio's interval that a run should reach, if its study asks for none: with
the usual six blocks it makes differences of 10 % visible."""


class Precision(msgspec.Struct, frozen=True):
    """What a run reached.

    half_width: of the 95 % intervals of ratios to the baseline, as a share; the median over all
        variants and conditions by the first measure of each; None without intervals.
    target: which it should reach.
    busy: trials during which the machine was busy with something else. trials: all.
    others: further disturbances, each with how many trials it concerns, the most frequent first.
    """

    half_width: float | None
    target: float
    busy: int
    trials: int
    others: tuple[tuple[Label, int], ...] = ()

    @property
    def missed(self) -> bool:
        """Whether intervals are wider than they should be."""
        return self.half_width is not None and self.half_width > self.target


def precision_of(study: Study, analysis: Analysis) -> Precision:
    """The precision of a run's ratios, and its disturbances."""
    widths = [
        width
        for result in analysis.conditions
        for ratio in result.first.ratios.values()
        if (width := ratio.log_half_width) is not None
    ]
    counts: Counter[Label] = Counter()
    for result in analysis.conditions:
        for found in result.findings.values():
            counts.update({count.label: count.trials for count in found})
    busy = counts.pop(Label.NOISY, 0)
    return Precision(
        half_width=statistics.median(widths) if widths else None,
        target=study.stopping.half_width or TARGET,
        busy=busy,
        trials=sum(sum(result.trials.values()) for result in analysis.conditions),
        others=tuple(
            (label, count)
            for label, count in counts.most_common()
            if label not in LIMITS and label not in FAILED
        ),
    )
