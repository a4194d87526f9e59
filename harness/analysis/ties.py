"""Which differences are real, and which variants are tied.

A difference is called only where it exceeds what two identical variants differ by (the noise
floor, from the hidden duplicate) beyond doubt, after adjustment for the number of comparisons.
"""

from collections.abc import Hashable, Mapping, Sequence

from scipy import special

from harness.analysis.intervals import Interval

ALPHA = 0.05


def noise_floor(duplicate: Interval | None) -> float | None:
    """The upper 95 % bound of |log ratio| of the A/A pair; None where it cannot be had."""
    if duplicate is None or duplicate.low is None or duplicate.high is None:
        return None
    return max(abs(duplicate.low), abs(duplicate.high))


def exceedance_p(effect: Interval, floor: float) -> float:
    """P value of the hypothesis that the true |effect| is at most the floor.

    The interval-null t test (Hodges and Lehmann 1954): the largest probability, over all effects
    within the floor, of a mean as far out as the one seen.
    """
    if effect.se is None:
        return 1.0
    if effect.se == 0.0:
        return 0.0 if abs(effect.mean) > floor else 1.0
    freedom = effect.blocks - 1
    near = special.stdtr(freedom, (floor - abs(effect.mean)) / effect.se)
    far = special.stdtr(freedom, -(abs(effect.mean) + floor) / effect.se)
    return min(1.0, float(near + far))


def holm[K: Hashable](p_values: Mapping[K, float]) -> dict[K, float]:
    """Adjust p values so that the chance of even one false call is kept (Holm 1979)."""
    adjusted: dict[K, float] = {}
    highest = 0.0
    for rank, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p))
        adjusted[key] = highest
    return adjusted


def tie_groups(
    ranked: Sequence[str], differs: Mapping[frozenset[str], bool]
) -> tuple[tuple[str, ...], ...]:
    """Cut a ranking, best first, into groups.

    It is cut only where everything before the cut differs from everything after it, so that no two
    variants stand in different groups that could not be told apart. Being tied is not transitive:
    the best and the last of a group may well differ, where something between is tied with both.
    """
    groups: list[list[str]] = []
    for at, name in enumerate(ranked):
        pairs = ((one, other) for one in ranked[:at] for other in ranked[at:])
        if groups and not all(differs.get(frozenset(pair), False) for pair in pairs):
            groups[-1].append(name)
        else:
            groups.append([name])
    return tuple(tuple(group) for group in groups)
