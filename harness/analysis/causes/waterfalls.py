"""Waterfalls: the server CPU per request that each step between two variants adds."""

from collections.abc import Mapping
from itertools import pairwise

import msgspec

from harness.analysis.causes.contrasts import Hypothesis
from harness.analysis.causes.levels import Levels, shared_blocks, sum_of_levels
from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.inputs.factors import differences, factors_of
from harness.inputs.study import Condition, Waterfall
from harness.records.run import Run


class Step(msgspec.Struct, frozen=True, rename={"added": "added_us"}):
    """One step of a waterfall.

    variant: to which it leads. changed: the factors that it changes, in words.
    added: microseconds per request. share: of the difference between both ends.
    p: that it adds nothing, before adjustment; None with one block.
    called: whether it adds or saves something, after adjustment; None likewise.
    """

    variant: str
    changed: str
    added: Interval
    share: float
    p: float | None
    called: bool | None = None


class Fall(msgspec.Struct, frozen=True, rename={"start": "start_us", "end": "end_us"}):
    """A waterfall under one condition. Its steps add up: start + steps = end, in every block.

    start, end: microseconds per request of the first and the last variant. ratio: end to start.
    """

    title: str
    first: str
    start: Interval
    steps: tuple[Step, ...]
    end: Interval
    ratio: Interval

    def hypotheses(self, condition: Condition) -> list[Hypothesis]:
        """Its steps, as members of the declared family of tests."""
        return [Hypothesis(condition, self._name(step), step.p) for step in self.steps]

    def tested(self, condition: Condition, called: Mapping[tuple[Condition, str], bool]) -> "Fall":
        """Add the results of these tests."""
        steps = tuple(
            msgspec.structs.replace(step, called=called.get((condition, self._name(step))))
            for step in self.steps
        )
        return msgspec.structs.replace(self, steps=steps)

    def _name(self, step: Step) -> str:
        return f"{self.title}: {step.variant}"


def fall(run: Run, waterfall: Waterfall, measured: MeasuredCondition, costs: Levels) -> Fall | None:
    """The waterfall, without variants that were not measured; None without one of its ends.

    Only the blocks that have every variant count, so that the steps add up. The step over a missing
    variant changes what both steps would have changed.
    """
    present = [name for name in waterfall.steps if costs.get(name)]
    if len(present) < 2 or present[0] != waterfall.steps[0] or present[-1] != waterfall.steps[-1]:
        return None
    blocks = shared_blocks(costs, present)
    start = sum_of_levels(measured, costs, {present[0]: 1.0}, blocks)
    end = sum_of_levels(measured, costs, {present[-1]: 1.0}, blocks)
    ratio = measured.effect(Measure.CPU, present[-1], present[0])
    if start is None or end is None or ratio is None:
        return None
    whole = end.mean - start.mean
    steps: list[Step] = []
    for before, after in pairwise(present):
        added = sum_of_levels(measured, costs, {after: 1.0, before: -1.0}, blocks)
        assert added is not None  # there is a block
        steps.append(
            Step(
                variant=after,
                changed=_changed(run, before, after),
                added=added.interval(),
                share=added.mean / whole if whole else 0.0,
                p=None if added.se is None else added.p,
            )
        )
    return Fall(
        title=waterfall.title,
        first=present[0],
        start=start.interval(),
        steps=tuple(steps),
        end=end.interval(),
        ratio=ratio.interval().exp(),
    )


def _changed(run: Run, before: str, after: str) -> str:
    factors = [factors_of(name, run.variants[name]) for name in (before, after)]
    return ", ".join(
        f"{factor}: {old} to {new}" for factor, (old, new) in differences(*factors).items()
    )
