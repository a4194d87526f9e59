"""Where the variance of an effect comes from, and so where more time would be spent best."""

from collections.abc import Sequence

import msgspec
import numpy as np


class Components(msgspec.Struct, frozen=True):
    """Variances of one block's effect, on the logarithmic scale.

    within: from the slices; halves when the rounds double.
    between: from block to block (a start is itself a draw); only more blocks help.
    sets: from one set of machines to another; only more sets help. None where one set measured, or
        where no set measured two blocks.
    """

    within: float
    between: float
    sets: float | None = None


def components(
    effects: Sequence[float], within: Sequence[float], sets: Sequence[str | None] = ()
) -> Components | None:
    """Split the variance of effects over blocks; None with fewer than two.

    Blocks are nested in sets of machines: mean squares of an analysis of variance, with unequal
    numbers of blocks (Searle 1971, Linear Models, section 11.3).

    Args:
        effects: one per block.
        within: the variance of each, by its slices.
        sets: which set of machines measured each; empty for one.
    """
    if len(effects) < 2:
        return None
    inside = float(np.mean(within))
    by_set: dict[str | None, list[float]] = {}
    for name, effect in zip(sets or [None] * len(effects), effects, strict=True):
        by_set.setdefault(name, []).append(effect)
    free = len(effects) - len(by_set)
    if len(by_set) < 2 or not free:
        between = max(0.0, float(np.var(effects, ddof=1)) - inside)
        return Components(within=inside, between=between)
    counts = np.array([len(own) for own in by_set.values()], np.float64)
    means = np.array([np.mean(own) for own in by_set.values()])
    of_blocks = sum(float(np.var(own)) * len(own) for own in by_set.values()) / free
    of_sets = float((counts * (means - np.mean(effects)) ** 2).sum()) / (len(by_set) - 1)
    typical = float(counts.sum() - (counts**2).sum() / counts.sum()) / (len(by_set) - 1)
    return Components(
        within=inside,
        between=max(0.0, of_blocks - inside),
        sets=max(0.0, of_sets - of_blocks) / typical,
    )


def mean_components(found: Sequence[Components]) -> Components | None:
    """Averages of the variances over several effects."""
    if not found:
        return None
    of_sets = [parts.sets for parts in found if parts.sets is not None]
    return Components(
        within=float(np.mean([parts.within for parts in found])),
        between=float(np.mean([parts.between for parts in found])),
        sets=float(np.mean(of_sets)) if of_sets else None,
    )
