"""Squares: two factors with two values each, and whether their effects depend on each other."""

from collections.abc import Mapping

import msgspec

from harness.analysis.causes.contrasts import Hypothesis
from harness.analysis.causes.levels import Levels, shared_blocks, sum_of_levels
from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.blocks import Estimate
from harness.analysis.stats.intervals import Interval
from harness.inputs.factors import factors_of
from harness.inputs.study import Condition, Square
from harness.records.run import Run


class Corner(msgspec.Struct, frozen=True, rename={"level": "level_us"}):
    """One of four variants: the values of both factors, and microseconds per request."""

    variant: str
    row: str
    column: str
    level: Interval


class Interaction(
    msgspec.Struct, frozen=True, rename={"across": "across_us", "difference": "difference_us"}
):
    """A square under one condition, from the blocks that have all corners.

    corners: row by row.
    across: by row, the first column minus the second, in microseconds. ratios: likewise, the first
        column divided by the second.
    difference: of these differences, second row minus first; 0 if the effects add. It is tested,
        because tolls add.
    ratio: of the two ratios, second row over first; 1 if the effects multiply.
    p: that the effects add, before adjustment; None with one block.
    called: whether they do not, after adjustment; None likewise.
    """

    title: str
    rows: str
    columns: str
    corners: tuple[Corner, ...]
    across: dict[str, Interval]
    ratios: dict[str, Interval]
    difference: Interval
    ratio: Interval
    p: float | None
    called: bool | None = None

    def hypothesis(self, condition: Condition) -> Hypothesis:
        """Its interaction, as a member of the declared family of tests."""
        return Hypothesis(condition, self.title, self.p)

    def tested(
        self, condition: Condition, called: Mapping[tuple[Condition, str], bool]
    ) -> "Interaction":
        """Add the result of that test."""
        return msgspec.structs.replace(self, called=called.get((condition, self.title)))


def interaction(
    run: Run, square: Square, measured: MeasuredCondition, costs: Levels
) -> Interaction | None:
    """The square's effects; None if a corner was not measured."""
    (a, b), (c, d) = square.corners
    names = (a, b, c, d)
    blocks = shared_blocks(costs, names)
    ratio = measured.contrast(Measure.CPU, {c: 1.0, d: -1.0, a: -1.0, b: 1.0})
    if not blocks or ratio is None:
        return None

    def total(**signs: float) -> Estimate:
        by_name = {names["abcd".index(key)]: sign for key, sign in signs.items()}
        found = sum_of_levels(measured, costs, by_name, blocks)
        assert found is not None  # there is a block
        return found

    factors = {name: factors_of(name, run.variants[name]) for name in names}
    corners = tuple(
        Corner(
            variant=name,
            row=factors[name][square.rows],
            column=factors[name][square.columns],
            level=total(**{key: 1.0}).interval(),
        )
        for key, name in zip("abcd", names, strict=True)
    )
    difference = total(c=1, d=-1, a=-1, b=1)
    return Interaction(
        title=square.title,
        rows=square.rows,
        columns=square.columns,
        corners=corners,
        across={
            corners[0].row: total(a=1, b=-1).interval(),
            corners[2].row: total(c=1, d=-1).interval(),
        },
        ratios={corners[0].row: _ratio(measured, a, b), corners[2].row: _ratio(measured, c, d)},
        difference=difference.interval(),
        ratio=ratio.interval().exp(),
        p=None if difference.se is None else difference.p,
    )


def _ratio(measured: MeasuredCondition, one: str, other: str) -> Interval:
    effect = measured.effect(Measure.CPU, one, other)
    assert effect is not None  # all four have a block in common
    return effect.interval().exp()
