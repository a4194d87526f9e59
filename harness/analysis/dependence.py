"""On what a verdict depends: in which respects the values that hold differ from the others."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import StrEnum
from itertools import combinations

import msgspec

from harness.analysis.judgements import Evidence
from harness.inputs.study import Latency

MOST_NAMED = 3
"""Of one respect, so many values on a side can be named in a sentence."""
_MOST_CLAUSES = 4


class Aspect(StrEnum):
    """A respect in which two values can differ."""

    HELD = "database connections"
    REQUEST = "request"
    LATENCY = "added latency"
    BESIDE = "second load"
    LOAD = "load"
    MEASURE = "measure"
    OF = "variant"
    TO = "variant that it is compared with"
    PART = "part of the claim"
    ROWS = "rows"
    RUN = "run"


type Setting = tuple[tuple[Aspect, Hashable], ...]
"""What some values have in common: in one respect, or in two together."""


class Dependence(msgspec.Struct, frozen=True):
    """What tells the values that hold from those that do not.

    holding, failing: settings that one side alone has; together they are all of its values.
    also: other respects in which the two sides have nothing in common. The data cannot tell which
        of them matters.
    """

    holding: tuple[Setting, ...]
    failing: tuple[Setting, ...]
    also: tuple[Aspect, ...] = ()


def dependence(evidence: Sequence[Evidence]) -> Dependence | None:
    """The fewest respects that tell both sides apart: one, else two; None if there are none.

    Respects are tried in the order of `Aspect`, so a condition goes before a variant's name.
    """
    holding = [item for item in evidence if item.holds is True]
    failing = [item for item in evidence if item.holds is False]
    known = [a for a in Aspect if all(_of(a, i) is not None for i in (*holding, *failing))]
    apart = [a for a in known if not _values(a, holding) & _values(a, failing)]
    for aspect in apart:
        sides = [_values(aspect, side) for side in (holding, failing)]
        if all(len(values) <= MOST_NAMED for values in sides):
            return Dependence(
                holding=tuple(((aspect, value),) for value in _ordered(aspect, holding)),
                failing=tuple(((aspect, value),) for value in _ordered(aspect, failing)),
                also=tuple(other for other in apart if other is not aspect),
            )
    found = [
        Dependence(_cover(pair, holding, failing), _cover(pair, failing, holding))
        for pair in combinations(known, 2)
        if not _joint(pair, holding) & _joint(pair, failing)
    ]
    best = min(found, key=_clauses, default=None)
    return best if best is not None and _clauses(best) <= _MOST_CLAUSES else None


def _clauses(found: Dependence) -> int:
    return len(found.holding) + len(found.failing)


def _cover(
    pair: tuple[Aspect, Aspect], side: Sequence[Evidence], other: Sequence[Evidence]
) -> tuple[Setting, ...]:
    """Settings that all of a side and nothing of the other has, those of one respect first."""
    settings: dict[Setting, None] = {}
    left = list(side)
    for aspect in pair:
        for value in _ordered(aspect, left):
            if value not in _values(aspect, other):
                settings[((aspect, value),)] = None
                left = [item for item in left if _of(aspect, item) != value]
    for item in left:
        settings[tuple((aspect, _of(aspect, item)) for aspect in pair)] = None
    return tuple(settings)


def _joint(pair: tuple[Aspect, Aspect], side: Iterable[Evidence]) -> set[tuple[Hashable, Hashable]]:
    return {(_of(pair[0], item), _of(pair[1], item)) for item in side}


def _values(aspect: Aspect, side: Iterable[Evidence]) -> set[Hashable]:
    return {_of(aspect, item) for item in side}


def _ordered(aspect: Aspect, side: Iterable[Evidence]) -> list[Hashable]:
    """Each value once; loads of closed loops ascending."""
    values = list(dict.fromkeys(_of(aspect, item) for item in side))
    if aspect is not Aspect.LOAD:
        return values
    closed = sorted(value for value in values if isinstance(value, int))
    return [*closed, *(value for value in values if not isinstance(value, int))]


def _of(aspect: Aspect, item: Evidence) -> Hashable:
    """A value in one respect; None where it has none."""
    return _RESPECTS[aspect](item)


EQUAL = "equal"
"""Both sides hold as many connections, however many."""


def _held(item: Evidence) -> Hashable:
    held = item.subject.held
    return EQUAL if held is not None and held[0] == held[1] else held


def _latency(item: Evidence) -> Hashable:
    condition = item.subject.condition
    return None if condition is None else condition.latency or Latency()


def _load(item: Evidence) -> Hashable:
    """Connections of a closed loop; what sets the arrivals of an open one."""
    condition = item.subject.condition
    if item.subject.connections is not None or condition is None:
        return item.subject.connections
    return condition.rate, condition.share, condition.objective


def _beside(item: Evidence) -> Hashable:
    condition = item.subject.condition
    if condition is None:
        return None
    return "" if condition.beside is None else condition.beside.endpoint


_RESPECTS: dict[Aspect, Callable[[Evidence], Hashable]] = {
    Aspect.HELD: _held,
    Aspect.REQUEST: lambda item: item.subject.endpoint,
    Aspect.LATENCY: _latency,
    Aspect.BESIDE: _beside,
    Aspect.LOAD: _load,
    Aspect.MEASURE: lambda item: item.subject.measure or item.subject.kind,
    Aspect.OF: lambda item: item.subject.of,
    Aspect.TO: lambda item: item.subject.to,
    Aspect.PART: lambda item: item.part or None,
    Aspect.ROWS: lambda i: None if i.subject.condition is None else i.subject.condition.rows,
    Aspect.RUN: lambda item: item.run,
}
