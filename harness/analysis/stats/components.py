"""Where the variance of an effect comes from, and so where more time would be spent best."""

from collections.abc import Sequence

import msgspec
import numpy as np


class Components(msgspec.Struct, frozen=True):
    """Variances of one block's effect, on the logarithmic scale.

    within: from the slices; halves when the rounds double.
    between: from block to block (a start is itself a draw); only more blocks help.
    """

    within: float
    between: float


def components(effects: Sequence[float], within: Sequence[float]) -> Components | None:
    """Split the variance of effects over blocks; None with fewer than two.

    Args:
        effects: one per block.
        within: the variance of each, by its slices.
    """
    if len(effects) < 2:
        return None
    inside = float(np.mean(within))
    return Components(within=inside, between=max(0.0, float(np.var(effects, ddof=1)) - inside))


def mean_components(found: Sequence[Components]) -> Components | None:
    """Averages of both variances over several effects."""
    if not found:
        return None
    return Components(
        within=float(np.mean([parts.within for parts in found])),
        between=float(np.mean([parts.between for parts in found])),
    )
