"""Effects of a block by generalised least squares over its slices.

Noise of a shared machine has a memory of about a second: slices that stand close together share it,
so a difference between neighbours tells more than one between strangers. Least squares that know
the correlation weigh them accordingly (nearest-neighbour analysis of field trials: Papadakis 1937,
Wilkinson et al. 1983; here in its likelihood form, Gleeson and Cullis 1987, Biometrics 43:277).

The model of a block, for the logarithm y of a measure in the slice of entry e at time t:

    y = mean(e) + g * covariate + noise,   cov(noise) = s2 * [(1 - w) * exp(-|dt| / tau) + w * I]

an Ornstein-Uhlenbeck process, which is AR(1) for slices at unequal distances, plus white noise.
The two parameters are those of the machine in that hour, and are fitted to all blocks together by
restricted maximum likelihood (Patterson and Thompson 1971). Estimates of effects are unbiased
whatever they are; how far off an effect may be is taken from blocks, never from this model.

The inverse of the exponential part is tridiagonal, so every step is linear in the slices.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.optimize import minimize

type Floats = NDArray[np.float64]

SHORTEST_S, LONGEST_S = 0.05, 30.0
"""Memories that are looked for: below a slice it is white noise, above a minute it is drift."""
_START = (math.log(0.5), 0.0)
"""Where the search begins: half a second, half of the variance white."""
_EVALUATIONS = 40
"""The likelihood is flat at its top; closer than this gains no precision of effects."""
_LEAST_STEP_S = 1e-6
"""Two slices never stand at one moment; a clock's granularity must not make the matrix singular."""

_ROUNDING = 1e-12
"""Of a sum of squares: what is left of it by less is rounding."""


class Series(msgspec.Struct, frozen=True):
    """The slices of one block in the order of time.

    at_s: (n,) middle of each slice, seconds, ascending.
    entry: (n,) index of the entry that had its turn; indices without slices are allowed.
    value: (n,) logarithm of the measure.
    covariate: (n,) or None; centred anywhere.
    """

    at_s: Floats
    entry: NDArray[np.intp]
    value: Floats
    covariate: Floats | None = None


class Memory(msgspec.Struct, frozen=True):
    """The noise's correlation.

    tau_s: time after which the correlation has fallen to 1/e.
    white: share of the variance that has no memory.
    """

    tau_s: float
    white: float


NO_MEMORY = Memory(tau_s=1.0, white=1.0)
"""Every slice for itself: ordinary least squares."""


class Fit(msgspec.Struct, frozen=True):
    """What the blocks of one condition yield for one measure.

    memory: of the noise.
    slope: of the covariate; None without one.
    means: per block, by entry, the adjusted mean of the logarithm.
    residual_sd: standard deviation of one slice around its mean.
    variances: per block, by entry, the variance of that mean, within the block, by the model.
    """

    memory: Memory
    slope: float | None
    means: tuple[dict[int, float], ...]
    residual_sd: float
    variances: tuple[dict[int, float], ...]


class _Solved(msgspec.Struct, frozen=True):
    """One block's normal equations; columns are its entries, then (right sides) value, covariate.

    weighted: X' V^-1 X. right: X' V^-1 [y, z]. square: [y, z]' V^-1 [y, z].
    """

    entries: tuple[int, ...]
    weighted: Floats
    right: Floats
    square: Floats
    log_determinant: float
    freedom: int


def fit(blocks: Sequence[Series], memory: Memory | None = None) -> Fit:
    """Estimate every entry's mean in every block.

    Args:
        blocks: one series each; those without slices give no means.
        memory: the noise's correlation, where it is known; fitted if None.
    """
    filled = [block for block in blocks if block.at_s.size]
    if memory is None:
        memory = fit_memory(filled) if filled else NO_MEMORY
    solved = {id(block): _solve(block, memory) for block in filled}
    slope = _slope(list(solved.values()))
    variance = _variance(list(solved.values()), slope)
    means: list[dict[int, float]] = []
    variances: list[dict[int, float]] = []
    for block in blocks:
        found = solved.get(id(block))
        means.append({} if found is None else _means(found, slope))
        spread = {} if found is None else _diagonal(found)
        variances.append({entry: variance * part for entry, part in spread.items()})
    return Fit(
        memory=memory,
        slope=slope,
        means=tuple(means),
        residual_sd=math.sqrt(variance),
        variances=tuple(variances),
    )


def fit_memory(blocks: Sequence[Series]) -> Memory:
    """The memory under which all blocks together are likeliest (restricted likelihood)."""

    def loss(point: Floats) -> float:
        return -_likelihood(blocks, _memory(point))

    found = minimize(
        loss, np.array(_START), method="Nelder-Mead",
        options={"maxfev": _EVALUATIONS, "initial_simplex": _simplex()},
    )  # fmt: skip
    best = _memory(found.x)
    return best if -found.fun > _likelihood(blocks, NO_MEMORY) else NO_MEMORY


def _memory(point: Floats) -> Memory:
    """From the search's plane: logarithm of tau, and the logit of the white share."""
    tau = min(max(math.exp(float(point[0])), SHORTEST_S), LONGEST_S)
    return Memory(tau_s=tau, white=1 / (1 + math.exp(-float(np.clip(point[1], -6, 6)))))


def _simplex() -> Floats:
    tau, white = _START
    return np.array([(tau, white), (tau + 1.0, white), (tau, white - 1.0)])


def _likelihood(blocks: Sequence[Series], memory: Memory) -> float:
    """Restricted log likelihood, the variance profiled out, up to a constant."""
    solved = [_solve(block, memory) for block in blocks]
    freedom = sum(s.freedom for s in solved)
    variance = _variance(solved, _slope(solved))
    if freedom <= 0 or variance <= 0:
        return -math.inf
    determinants = sum(s.log_determinant + float(np.linalg.slogdet(s.weighted)[1]) for s in solved)
    return -0.5 * (freedom * math.log(variance) + determinants)


def _solve(block: Series, memory: Memory) -> _Solved:
    entries, columns = np.unique(block.entry, return_inverse=True)
    design = np.eye(len(entries))[columns]
    sides = [block.value] if block.covariate is None else [block.value, block.covariate]
    right = np.column_stack(sides)
    inverse, log_determinant = _inverse_times(block.at_s, np.hstack((design, right)), memory)
    count = len(entries)
    return _Solved(
        entries=tuple(int(e) for e in entries),
        weighted=design.T @ inverse[:, :count],
        right=design.T @ inverse[:, count:],
        square=right.T @ inverse[:, count:],
        log_determinant=log_determinant,
        freedom=len(block.value) - count,
    )


def _inverse_times(at_s: Floats, right: Floats, memory: Memory) -> tuple[Floats, float]:
    """V^-1 right, and log |V|, for V = (1 - w) A + w I with A the exponential correlation.

    With Q = A^-1, which is tridiagonal: V^-1 = Q ((1 - w) I + w Q)^-1.
    """
    factor, diagonal, beside, log_determinant = _factor(at_s, memory)
    solved = cho_solve_banded((factor, True), right)
    product = diagonal[:, None] * solved
    product[:-1] += beside[:, None] * solved[1:]
    product[1:] += beside[:, None] * solved[:-1]
    return product, log_determinant


def _factor(at_s: Floats, memory: Memory) -> tuple[Floats, Floats, Floats, float]:
    """The banded Cholesky factor of (1 - w) I + w Q, the two bands of Q, and log |V|."""
    steps = np.maximum(np.diff(at_s), _LEAST_STEP_S)
    kept = np.exp(-steps / memory.tau_s)
    lost = -np.expm1(-2 * steps / memory.tau_s)  # 1 - kept^2, exact where kept is near 1
    diagonal = np.ones(len(at_s))
    diagonal[:-1] += kept**2 / lost
    diagonal[1:] += kept**2 / lost
    beside = -kept / lost
    bands = np.zeros((2, len(at_s)))
    bands[0] = (1 - memory.white) + memory.white * diagonal
    bands[1, :-1] = memory.white * beside
    factor = cholesky_banded(bands, lower=True)
    return factor, diagonal, beside, float(2 * np.log(factor[0]).sum() + np.log(lost).sum())


def _residual_squares(solved: _Solved) -> Floats:
    """[y, z]' P [y, z]: what the entries' means leave unexplained."""
    explained = solved.right.T @ np.linalg.solve(solved.weighted, solved.right)
    return np.asarray(solved.square - explained)


def _slope(solved: Sequence[_Solved]) -> float | None:
    """Of the covariate, from all blocks, within entries: a variant's own effect is not in it."""
    if not solved or solved[0].right.shape[1] < 2:
        return None
    squares = sum((_residual_squares(s) for s in solved), np.zeros((2, 2)))
    least = _ROUNDING * sum(float(s.square[1, 1]) for s in solved)  # a covariate that never varies
    return float(squares[0, 1] / squares[1, 1]) if squares[1, 1] > least else 0.0


def _variance(solved: Sequence[_Solved], slope: float | None) -> float:
    freedom = sum(s.freedom for s in solved) - (slope is not None)
    if freedom <= 0:
        return 0.0
    weights = np.array([1.0] if slope is None else [1.0, -slope])
    total = sum(float(weights @ _residual_squares(s) @ weights) for s in solved)
    return max(total, 0.0) / freedom


def _means(solved: _Solved, slope: float | None) -> dict[int, float]:
    weights = np.array([1.0] if slope is None else [1.0, -slope])
    found = np.linalg.solve(solved.weighted, solved.right @ weights)
    return dict(zip(solved.entries, found.tolist(), strict=True))


def _diagonal(solved: _Solved) -> dict[int, float]:
    found = np.diag(np.linalg.inv(solved.weighted)).tolist()
    return dict(zip(solved.entries, found, strict=True))


def shared_noise(
    block: Series, means: Mapping[int, float], slope: float | None, memory: Memory
) -> Floats:
    """What the machine did at each slice, beyond the block's average: (n,), a logarithm.

    The covariate's part, and the best linear prediction of the part with memory from all slices of
    the block (Robinson 1991, Statistical Science 6:15): (1 - w) A V^-1 r, for residuals r.
    """
    explained = np.zeros(len(block.value))
    if block.covariate is not None and slope is not None:
        explained = slope * (block.covariate - block.covariate.mean())
    if memory.white >= 1.0:
        return explained
    residual = block.value - np.array([means[int(e)] for e in block.entry])
    if block.covariate is not None and slope is not None:
        residual = residual - slope * block.covariate
    factor, _, _, _ = _factor(block.at_s, memory)
    return explained + (1 - memory.white) * cho_solve_banded((factor, True), residual)
