"""Why variants differ: contrasts, waterfalls, interactions, slopes and prices of a run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.causes.contrasts import Effect, Hypothesis, effects
from harness.analysis.causes.fitting import Row
from harness.analysis.causes.levels import Levels, levels
from harness.analysis.causes.prices import PriceList, price_list, rows_of
from harness.analysis.causes.slopes import Slope, slopes
from harness.analysis.causes.squares import Interaction, interaction
from harness.analysis.causes.waterfalls import Fall, fall
from harness.analysis.condition import Piece
from harness.inputs.study import Condition
from harness.records.run import Run


class ConditionCauses(msgspec.Struct, frozen=True):
    """What one condition tells."""

    condition: Condition
    effects: tuple[Effect, ...]
    falls: tuple[Fall, ...]
    interactions: tuple[Interaction, ...]
    slopes: tuple[Slope, ...]


class Causes(msgspec.Struct, frozen=True):
    """What a run tells.

    prices: by concurrency, from all variants measured at it.
    trend: likewise, from those variants alone that were measured at every concurrency, so that
        one list may be compared with another; empty with one concurrency.
    """

    conditions: tuple[ConditionCauses, ...]
    prices: tuple[PriceList, ...]
    trend: tuple[PriceList, ...]


def explain(run: Run, pieces: Sequence[Piece]) -> Causes:
    """Everything that the study's design lets be said about causes."""
    pieces = [
        piece
        for piece in pieces
        if piece.condition.objective is None and piece.condition.beside is None
    ]
    found = {piece.condition: levels(piece) for piece in pieces}
    untested = [_condition(run, piece, found[piece.condition]) for piece in pieces]
    others = [test for made in untested for test in _tests(made)]
    named, called = effects(run, pieces, others)
    rows = _rows(run, found)
    return Causes(
        conditions=tuple(_judged(made, named[made.condition], called) for made in untested),
        prices=_lists(run, rows),
        trend=_lists(run, _everywhere(rows)) if len(rows) > 1 else (),
    )


def _condition(run: Run, piece: Piece, found: Levels) -> ConditionCauses:
    """Everything but what depends on how many tests the whole study has."""
    falls = (fall(run, waterfall, piece, found) for waterfall in run.study.waterfalls)
    squares = (interaction(run, square, piece, found) for square in run.study.squares)
    return ConditionCauses(
        condition=piece.condition,
        effects=(),
        falls=tuple(item for item in falls if item is not None),
        interactions=tuple(item for item in squares if item is not None),
        slopes=slopes(run, found),
    )


def _tests(made: ConditionCauses) -> list[Hypothesis]:
    steps = [test for item in made.falls for test in item.tested(made.condition)]
    return [*steps, *(item.tested(made.condition) for item in made.interactions)]


def _judged(
    made: ConditionCauses,
    named: tuple[Effect, ...],
    called: Mapping[tuple[Condition, str], bool],
) -> ConditionCauses:
    return msgspec.structs.replace(
        made,
        effects=named,
        falls=tuple(item.judged(made.condition, called) for item in made.falls),
        interactions=tuple(item.judged(made.condition, called) for item in made.interactions),
    )


def _rows(run: Run, found: Mapping[Condition, Levels]) -> dict[int, list[Row]]:
    """By concurrency; of saturating closed loops alone, where a request's cost is its own."""
    rows: dict[int, list[Row]] = defaultdict(list)
    for condition, values in found.items():
        if condition.window_s is None:
            rows[condition.connections] += rows_of(run, condition.endpoint, values)
    return {connections: rows[connections] for connections in sorted(rows)}


def _everywhere(rows: Mapping[int, list[Row]]) -> dict[int, list[Row]]:
    """Only the variants and endpoints that stand at every concurrency."""
    keys = [{(row.variant, row.endpoint) for row in found} for found in rows.values()]
    shared = set.intersection(*keys) if keys else set()
    return {c: [r for r in found if (r.variant, r.endpoint) in shared] for c, found in rows.items()}


def _lists(run: Run, rows: Mapping[int, list[Row]]) -> tuple[PriceList, ...]:
    made_of = {name: setup.variant for name, setup in run.study.setups.items()}
    made = (price_list(connections, found, made_of) for connections, found in rows.items())
    return tuple(item for item in made if item is not None)
