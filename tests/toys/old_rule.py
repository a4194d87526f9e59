"""The rule by which a run called differences before the model of blocks: the peer of that model.

A difference was called where it exceeded the noise floor beyond doubt, after Holm's adjustment for
all comparisons. The floor was the upper 95 % bound of what the two identical servers of the same
run differ by. Calibration shows both rules side by side on the same data.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.analysis.stats.intervals import Interval, block_interval, t_interval
from harness.analysis.stats.ties import ALPHA, holm

type Pair = tuple[int, int]
type Floats = NDArray[np.float64]


class OldRule:
    """What it says of the entries of a run.

    Args:
        means: per block, by entry, the logarithm of its cost.
        entries: how many there are.
        twins: the two that are identical; the second takes part in no comparison.
    """

    def __init__(
        self, means: Sequence[Mapping[int, float]], entries: int, twins: Pair = (0, 1)
    ) -> None:
        self._means = means
        self._pairs = [*combinations([e for e in range(entries) if e != twins[1]], 2)]
        found = [t_interval(self._differences(pair)) for pair in self._pairs]
        self._mean = np.array([0.0 if one is None else one.mean for one in found])
        self._se = np.array([np.inf if one is None else one.se for one in found], dtype=np.float64)
        self._freedom = np.array([1 if one is None else one.blocks - 1 for one in found])
        floor = noise_floor(self.interval(twins))
        assert floor is not None
        self.floor = floor

    def interval(self, pair: Pair) -> Interval:
        """The logarithm of the second's ratio to the first, with its 95 % interval."""
        found = block_interval(self._differences(pair))
        assert found is not None
        return found

    def called(self, added: Mapping[int, float] | None = None) -> frozenset[Pair]:
        """The pairs that are told apart.

        Args:
            added: by entry, what it costs more than in these data, as a logarithm.
        """
        more = {} if added is None else added
        moved = [more.get(other, 0.0) - more.get(one, 0.0) for one, other in self._pairs]
        p_values = exceedance_p(self._mean + moved, self._se, self._freedom, self.floor)
        adjusted = holm(dict(zip(self._pairs, p_values.tolist(), strict=True)))
        return frozenset(pair for pair, p in adjusted.items() if p <= ALPHA)

    def _differences(self, pair: Pair) -> list[float]:
        one, other = pair
        return [m[other] - m[one] for m in self._means if one in m and other in m]


def noise_floor(twins: Interval) -> float | None:
    """The upper 95 % bound of |log ratio| of the identical servers; None with one block."""
    if twins.low is None or twins.high is None:
        return None
    return max(abs(twins.low), abs(twins.high))


def exceedance_p(
    mean: Floats, se: Floats, freedom: NDArray[np.integer], floor: float
) -> NDArray[np.float64]:
    """P values of the hypotheses that a true |effect| is at most the floor.

    The interval-null t test (Hodges and Lehmann 1954): the largest probability, over all effects
    within the floor, of a mean as far out as the one seen.

    Args:
        mean, se: logarithms, with their standard errors.
        freedom: degrees of freedom of these.
        floor: what identical variants may differ by.
    """
    near = special.stdtr(freedom, (floor - np.abs(mean)) / se)
    far = special.stdtr(freedom, -(np.abs(mean) + floor) / se)
    p: Floats = np.minimum(1.0, near + far)
    return p
