"""Two factors with two values each: does the effect of the one depend on the other?"""

import msgspec

from harness.analysis.intervals import Interval
from harness.analysis.levels import Levels, weighted
from harness.analysis.measures import Measure
from harness.analysis.pieces import Piece
from harness.factors import factors_of
from harness.records import Run
from harness.study import Square


class Corner(msgspec.Struct, frozen=True):
    """One of four variants: the values of both factors, and microseconds per request."""

    variant: str
    row: str
    column: str
    level: Interval


class Interaction(msgspec.Struct, frozen=True):
    """A square under one condition.

    corners: row by row.
    across: by row, the ratio of the first column to the second.
    down: by column, the ratio of the second row to the first.
    ratio: of the two ratios in `across`, second row over first: 1 where the effects multiply.
    difference: of the same two differences in microseconds: 0 where the effects add.
    """

    title: str
    rows: str
    columns: str
    corners: tuple[Corner, ...]
    across: dict[str, Interval]
    down: dict[str, Interval]
    ratio: Interval
    difference: Interval


def interaction(run: Run, square: Square, piece: Piece, found: Levels) -> Interaction | None:
    """The square's effects; None where a corner was not measured."""
    (a, b), (c, d) = square.corners
    names = (a, b, c, d)
    estimates = {name: weighted(found, {name: 1.0}) for name in names if name in found}
    known = {name: level for name, level in estimates.items() if level is not None}
    ratio = piece.combination(Measure.CPU, {c: 1.0, d: -1.0, a: -1.0, b: 1.0})
    difference = weighted(found, {c: 1.0, d: -1.0, a: -1.0, b: 1.0})
    if len(known) < len(names) or ratio is None or difference is None:
        return None
    factors = {name: factors_of(name, run.variants[name]) for name in names}
    corners = tuple(
        Corner(n, factors[n][square.rows], factors[n][square.columns], known[n]) for n in names
    )
    return Interaction(
        title=square.title,
        rows=square.rows,
        columns=square.columns,
        corners=corners,
        across={corners[0].row: _ratio(piece, a, b), corners[2].row: _ratio(piece, c, d)},
        down={corners[0].column: _ratio(piece, c, a), corners[1].column: _ratio(piece, d, b)},
        ratio=ratio.exp(),
        difference=difference,
    )


def _ratio(piece: Piece, one: str, other: str) -> Interval:
    effect = piece.effect(Measure.CPU, one, other)
    assert effect is not None  # all four have a block in common
    return effect.exp()
