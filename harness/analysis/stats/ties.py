"""Which differences are real, and which variants are tied.

A difference is called only where it exceeds what two identical variants differ by (the noise
floor, from the hidden duplicate) beyond doubt, after adjustment for the number of comparisons.
"""

from collections.abc import Hashable, Mapping, Sequence

from scipy import special

from harness.analysis.stats.intervals import Interval

ALPHA = 0.05


def noise_floor(duplicate: Interval | None) -> float | None:
    """The upper 95 % bound of |log ratio| of the A/A pair; None where it cannot be had."""
    if duplicate is None or duplicate.low is None or duplicate.high is None:
        return None
    return max(abs(duplicate.low), abs(duplicate.high))


def exceedance_p(effect: Interval, floor: float, freedom: float | None = None) -> float:
    """P value of the hypothesis that the true |effect| is at most the floor.

    The interval-null t test (Hodges and Lehmann 1954): the largest probability, over all effects
    within the floor, of a mean as far out as the one seen.

    Args:
        effect: on the logarithmic scale.
        floor: what identical variants may differ by, on the same scale.
        freedom: degrees of freedom of the standard error; one less than its blocks if None.
    """
    if effect.se is None:
        return 1.0
    if effect.se == 0.0:
        return 0.0 if abs(effect.mean) > floor else 1.0
    if freedom is None:
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
    """The largest sets of variants within which no two were told apart.

    Being tied is not transitive, so groups overlap: what lies between two variants that differ may
    be tied with both. Two variants differ exactly where they have no group in common. Found by the
    insert-and-absorb algorithm for letter displays (Piepho 2004).

    Args:
        ranked: variants from best to worst.
        differs: for pairs, whether they were told apart; a pair that is missing was not.

    Returns:
        Groups in the order of their best members, each from best to worst.
    """
    groups = [frozenset(ranked)] if ranked else []
    for pair in (pair for pair, told in differs.items() if told):
        split = [g - {name} for g in groups if pair <= g for name in pair]
        kept = {*split, *(g for g in groups if not pair <= g)}
        groups = [g for g in kept if g and not any(g < other for other in kept)]
    place = {name: at for at, name in enumerate(ranked)}
    ordered = [tuple(sorted(group, key=place.__getitem__)) for group in groups]
    return tuple(sorted(ordered, key=lambda group: [place[name] for name in group]))


def letters(groups: Sequence[Sequence[str]], name: str) -> str:
    """The groups of a variant as letters, `a` for the best: two that share none differ."""
    return "".join(_letter(at) for at, group in enumerate(groups) if name in group)


def _letter(at: int) -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return alphabet[at] if at < len(alphabet) else f"({at + 1})"
