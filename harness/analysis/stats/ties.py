"""Holm's adjustment of p values, and which variants are tied."""

from collections.abc import Hashable, Mapping, Sequence

ALPHA = 0.05
"""The chance of even one false call in a family of tests."""


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
