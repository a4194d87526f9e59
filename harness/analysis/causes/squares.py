"""Squares: two factors with two values each, and whether their effects depend on each other."""

from collections.abc import Mapping

import msgspec

from harness.analysis.causes.contrasts import Hypothesis
from harness.analysis.causes.levels import Levels, noise_bound, shared_blocks
from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval, block_interval
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
    msgspec.Struct,
    frozen=True,
    rename={"across": "across_us", "difference": "difference_us", "bound": "bound_us"},
):
    """A square under one condition, from the blocks that have all corners.

    corners: row by row.
    across: by row, the first column minus the second, in microseconds. ratios: likewise, the first
        column divided by the second.
    difference: of these differences, second row minus first; 0 if the effects add. It is tested,
        because tolls add.
    ratio: of the two ratios, second row over first; 1 if the effects multiply.
    bound: how large the difference may be between identical servers, in microseconds; None without
        a noise floor.
    called: whether it exceeds the bound beyond doubt, after adjustment; None without a noise floor.
    """

    title: str
    rows: str
    columns: str
    corners: tuple[Corner, ...]
    across: dict[str, Interval]
    ratios: dict[str, Interval]
    difference: Interval
    ratio: Interval
    bound: float | None
    called: bool | None = None

    def hypothesis(self, condition: Condition) -> Hypothesis:
        """Its interaction, as a member of the declared family of tests."""
        return Hypothesis(condition, self.title, self.difference, self.bound)

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
    weights = {c: 1.0, d: -1.0, a: -1.0, b: 1.0}
    ratio = measured.combination(Measure.CPU, weights)
    if not blocks or ratio is None:
        return None

    def total(**signs: float) -> Interval:
        by_name = {names["abcd".index(key)]: sign for key, sign in signs.items()}
        sums = [sum(s * costs[name][block] for name, s in by_name.items()) for block in blocks]
        interval = block_interval(sums)
        assert interval is not None  # there is a block
        return interval

    factors = {name: factors_of(name, run.variants[name]) for name in names}
    corners = tuple(
        Corner(name, factors[name][square.rows], factors[name][square.columns], total(**{key: 1.0}))
        for key, name in zip("abcd", names, strict=True)
    )
    floor = measured.floor(Measure.CPU)
    return Interaction(
        title=square.title,
        rows=square.rows,
        columns=square.columns,
        corners=corners,
        across={corners[0].row: total(a=1, b=-1), corners[2].row: total(c=1, d=-1)},
        ratios={corners[0].row: _ratio(measured, a, b), corners[2].row: _ratio(measured, c, d)},
        difference=total(c=1, d=-1, a=-1, b=1),
        ratio=ratio.exp(),
        bound=None if floor is None else noise_bound(costs, weights, floor),
    )


def _ratio(measured: MeasuredCondition, one: str, other: str) -> Interval:
    effect = measured.effect(Measure.CPU, one, other)
    assert effect is not None  # all four have a block in common
    return effect.exp()
