"""Where the variance of an effect comes from, and so where more time would be spent best."""

import math
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

    def best_rounds(self, rounds: int, block_s: float, round_s: float) -> int:
        """Rounds per block that give the narrowest interval for a given time.

        Kalibera and Jones 2013 (Rigorous benchmarking in reasonable time, ISMM), equation 3: the
        square root of the ratio of costs times the ratio of variances, the cheaper level's over
        the dearer one's.

        Args:
            rounds: with which `within` was found.
            block_s: seconds that a block costs before its first round.
            round_s: seconds that a round costs.
        """
        if self.between <= 0:
            return 10 * rounds  # as many as one likes; a limit for the reader's sake
        one_round = self.within * rounds
        best = math.sqrt(block_s / round_s * one_round / self.between)
        return max(1, min(10 * rounds, round(best)))


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
