"""How the noise of two slices is correlated, and sums that are weighted by that.

An Ornstein-Uhlenbeck process, which is AR(1) for slices at unequal distances, plus white noise. The
inverse of its exponential part is tridiagonal, so every step is linear in the slices.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

type Floats = NDArray[np.float64]

_LEAST_STEP_S = 1e-6
"""Two slices never stand at one moment; a clock's granularity must not make the matrix singular."""


class Memory(msgspec.Struct, frozen=True):
    """The noise's correlation.

    tau_s: time after which the correlation has fallen to 1/e.
    white: share of the variance that has no memory.
    """

    tau_s: float
    white: float


NO_MEMORY = Memory(tau_s=1.0, white=1.0)
"""Every slice for itself: ordinary least squares."""


def steps_of(at_s: Floats) -> Floats:
    """From each slice to the next, seconds, for n slices in the order of time: (n - 1,)."""
    return np.maximum(np.diff(at_s), _LEAST_STEP_S)


def inverse_times(steps: Floats, right: Floats, memory: Memory) -> tuple[Floats, float]:
    """V^-1 right, and log |V|, for V = (1 - w) A + w I with A the exponential correlation.

    With Q = A^-1, which is tridiagonal: V^-1 = Q ((1 - w) I + w Q)^-1.
    """
    factor, diagonal, beside, log_determinant = factor_of(steps, memory)
    solved = cho_solve_banded((factor, True), right)
    product = diagonal[:, None] * solved
    product[:-1] += beside[:, None] * solved[1:]
    product[1:] += beside[:, None] * solved[:-1]
    return product, log_determinant


def factor_of(steps: Floats, memory: Memory) -> tuple[Floats, Floats, Floats, float]:
    """The banded Cholesky factor of (1 - w) I + w Q, the two bands of Q, and log |V|."""
    kept = np.exp(-steps / memory.tau_s)
    lost = -np.expm1(-2 * steps / memory.tau_s)  # 1 - kept^2, exact where kept is near 1
    diagonal = np.ones(len(steps) + 1)
    diagonal[:-1] += kept**2 / lost
    diagonal[1:] += kept**2 / lost
    beside = -kept / lost
    bands = np.zeros((2, len(diagonal)))
    bands[0] = (1 - memory.white) + memory.white * diagonal
    bands[1, :-1] = memory.white * beside
    factor = cholesky_banded(bands, lower=True)
    return factor, diagonal, beside, float(2 * np.log(factor[0]).sum() + np.log(lost).sum())
