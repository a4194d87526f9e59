"""Groups of variants, for tables and charts with more of them than a reader can follow."""

import math
from collections import Counter
from collections.abc import Mapping

from harness.inputs.factors import FRAMEWORK, VIEWS, Factored, factors_of, vocabulary

MOST = 24
"""Variants that are shown singly, as one of each framework; more are grouped."""
_LEAST, _MOST = 2, 8
"""Groups that a factor may make."""


def leading_factor(variants: Mapping[str, Factored]) -> str | None:
    """The factor by which variants are grouped; None if no factor makes two to eight groups.

    It is the framework. Of too many frameworks, or of one, it is whether views are sync or async;
    or else the factor with the most even groups: that of the largest entropy (Shannon 1948).
    """
    values: dict[str, Counter[str]] = {}
    for name, variant in variants.items():
        for factor, value in factors_of(name, variant).items():
            values.setdefault(factor, Counter())[value] += 1
    useful = {f: counts for f, counts in values.items() if _LEAST <= len(counts) <= _MOST}
    for factor in (FRAMEWORK, VIEWS):
        if factor in useful:
            return factor
    return max(useful, key=lambda factor: _entropy(useful[factor]), default=None)


def _entropy(counts: Counter[str]) -> float:
    total = counts.total()
    return -sum(n / total * math.log(n / total) for n in counts.values())


def groups_of(variants: Mapping[str, Factored]) -> dict[str, str]:
    """Each variant's group, by a title for people; all are in one if no factor makes groups."""
    factor = leading_factor(variants)
    if factor is None:
        return dict.fromkeys(variants, "all")
    groups = {name: factors_of(name, v).get(factor, "other") for name, v in variants.items()}
    if factor != FRAMEWORK:
        return {name: _title(factor, value) for name, value in groups.items()}
    titles = {groups[name]: variant.framework for name, variant in reversed(list(variants.items()))}
    return {name: titles[group] for name, group in groups.items()}


def _title(factor: str, value: str) -> str:
    """A noun phrase of the vocabulary, or else the factor with its value."""
    title = vocabulary().title(factor, value)
    return f"{factor.replace('_', ' ')} {value}" if title == value else title
