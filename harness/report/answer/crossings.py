"""Where two variants of a sweep change places, by the verdicts at its values."""

from collections.abc import Mapping, Sequence, Set
from itertools import pairwise

import msgspec

from harness.analysis.variants import Comparison


class Crossing(msgspec.Struct, frozen=True):
    """Two variants, of which one is shown to be better before and the other after.

    ahead: the one that is better after. behind: the other.
    before, after: the nearest values of the sweep at which this is shown.
    undecided: values between them.
    """

    ahead: str
    behind: str
    before: float
    after: float
    undecided: tuple[float, ...] = ()


def crossings(
    levels: Sequence[tuple[float, Comparison]], failing: Mapping[float, Set[str]] | None = None
) -> list[Crossing]:
    """Every change of places, in the order in which they happen.

    Args:
        levels: a ranked comparison at each value of a sweep, ascending.
        failing: by value, the variants that failed in every block, which are behind all others.
    """
    names = dict.fromkeys(name for _, comparison in levels for name in comparison.ranking)
    order = list(names)
    found = [
        crossing
        for at, one in enumerate(order)
        for other in order[at + 1 :]
        for crossing in _of_pair(one, other, levels, failing or {})
    ]
    return sorted(found, key=lambda crossing: (crossing.before, crossing.after))


def _of_pair(
    one: str,
    other: str,
    levels: Sequence[tuple[float, Comparison]],
    failing: Mapping[float, Set[str]],
) -> list[Crossing]:
    signs = [
        (value, better(one, other, comparison, failing.get(value, frozenset())))
        for value, comparison in levels
    ]
    shown = [(at, value, sign) for at, (value, sign) in enumerate(signs) if sign]
    return [
        Crossing(
            ahead=one if now > 0 else other,
            behind=other if now > 0 else one,
            before=before,
            after=after,
            undecided=tuple(value for value, _ in signs[earlier + 1 : later]),
        )
        for (earlier, before, then), (later, after, now) in pairwise(shown)
        if then != now
    ]


def better(one: str, other: str, comparison: Comparison, failing: Set[str] = frozenset()) -> int:
    """1 if the first of two variants is shown to be better, -1 if the other is, else 0."""
    if (one in failing) != (other in failing):
        survivor, sign = (other, -1) if one in failing else (one, 1)
        return sign if survivor in comparison.ranking else 0
    places: Mapping[str, int] = {name: at for at, name in enumerate(comparison.ranking)}
    if one not in places or other not in places:
        return 0
    if any(one in group and other in group for group in comparison.groups):
        return 0
    return 1 if places[one] < places[other] else -1
