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
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded
from scipy.optimize import minimize
from scipy.sparse import csr_array

from harness.analysis.noise.correlation import (
    NO_MEMORY,
    Floats,
    Memory,
    factor_of,
    inverse_times,
    steps_of,
)

SHORTEST_S, LONGEST_S = 0.05, 30.0
"""Memories that are looked for: below a slice it is white noise, above a minute it is drift."""
_START = (math.log(0.5), 0.0)
"""Where the search begins: half a second, half of the variance white."""
_EVALUATIONS = 40
"""The likelihood is flat at its top; closer than this gains no precision of effects."""
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


class _Stack(msgspec.Struct, frozen=True):
    """All blocks one below the other: n slices of b blocks, e entries.

    Between two blocks lies a gap without end, which no memory crosses, so that one covariance
    matrix of all has those of the blocks along its diagonal.

    steps: (n - 1,) seconds from each slice to the next.
    sides: (n, r) value, and covariate where every block has one.
    columns: (n, e + r) a column per entry that is 1 in its slices, and the sides.
    sums: (b * e, n) adds up the slices of an entry in a block.
    present: (b, e) whether the entry has any there.
    """

    entries: tuple[int, ...]
    steps: Floats
    sides: Floats
    columns: Floats
    sums: Any
    present: NDArray[np.bool_]

    @property
    def freedom(self) -> int:
        return len(self.sides) - int(self.present.sum())


class _Solved(msgspec.Struct, frozen=True):
    """The normal equations of every block; an entry that is not in a block stands for itself.

    weighted: (b, e, e) X' V^-1 X. right: (b, e, r) X' V^-1 [y, z].
    square: (r, r) [y, z]' V^-1 [y, z] of all blocks together.
    unexplained: (r, r) what the entries' means leave of it.
    """

    weighted: Floats
    right: Floats
    square: Floats
    unexplained: Floats
    log_determinant: float


def fit(blocks: Sequence[Series], memory: Memory | None = None) -> Fit:
    """Estimate every entry's mean in every block.

    Args:
        blocks: one series each; those without slices give no means.
        memory: the noise's correlation, where it is known; fitted if None.
    """
    filled = [number for number, block in enumerate(blocks) if block.at_s.size]
    if not filled:
        nothing: tuple[dict[int, float], ...] = tuple({} for _ in blocks)
        return Fit(NO_MEMORY if memory is None else memory, None, nothing, 0.0, nothing)
    stack = _stacked([blocks[number] for number in filled])
    if memory is None:
        memory = _likeliest(stack)
    solved = _solve(stack, memory)
    slope = _slope(stack, solved)
    variance = _variance(stack, solved, slope)
    found = np.linalg.solve(solved.weighted, solved.right @ _weights(slope)[:, None])[:, :, 0]
    spread = variance * np.diagonal(np.linalg.inv(solved.weighted), axis1=1, axis2=2)
    return Fit(
        memory=memory,
        slope=slope,
        means=_by_block(stack, found, filled, len(blocks)),
        residual_sd=math.sqrt(variance),
        variances=_by_block(stack, spread, filled, len(blocks)),
    )


def _by_block(
    stack: _Stack, values: Floats, filled: Sequence[int], blocks: int
) -> tuple[dict[int, float], ...]:
    """Of every block, by the entries that it has."""
    found: list[dict[int, float]] = [{} for _ in range(blocks)]
    for number, present, row in zip(filled, stack.present, values.tolist(), strict=True):
        told = zip(stack.entries, present, row, strict=True)
        found[number] = {entry: value for entry, there, value in told if there}
    return tuple(found)


def fit_memory(blocks: Sequence[Series]) -> Memory:
    """The memory under which all blocks together are likeliest (restricted likelihood)."""
    return _likeliest(_stacked(blocks))


def _likeliest(stack: _Stack) -> Memory:
    def loss(point: Floats) -> float:
        return -_likelihood(stack, _memory(point))

    found = minimize(
        loss, np.array(_START), method="Nelder-Mead",
        options={"maxfev": _EVALUATIONS, "initial_simplex": _simplex()},
    )  # fmt: skip
    best = _memory(found.x)
    return best if -found.fun > _likelihood(stack, NO_MEMORY) else NO_MEMORY


def _memory(point: Floats) -> Memory:
    """From the search's plane: logarithm of tau, and the logit of the white share."""
    tau = min(max(math.exp(float(point[0])), SHORTEST_S), LONGEST_S)
    return Memory(tau_s=tau, white=1 / (1 + math.exp(-float(np.clip(point[1], -6, 6)))))


def _simplex() -> Floats:
    tau, white = _START
    return np.array([(tau, white), (tau + 1.0, white), (tau, white - 1.0)])


def _likelihood(stack: _Stack, memory: Memory) -> float:
    """Restricted log likelihood, the variance profiled out, up to a constant."""
    solved = _solve(stack, memory)
    variance = _variance(stack, solved, _slope(stack, solved))
    if stack.freedom <= 0 or variance <= 0:
        return -math.inf
    determinants = solved.log_determinant + float(np.linalg.slogdet(solved.weighted)[1].sum())
    return -0.5 * (stack.freedom * math.log(variance) + determinants)


def _stacked(blocks: Sequence[Series]) -> _Stack:
    """Of blocks that have slices."""
    entries, column = np.unique(np.concatenate([b.entry for b in blocks]), return_inverse=True)
    sizes = [block.at_s.size for block in blocks]
    row = np.repeat(np.arange(len(blocks)), sizes) * len(entries) + column
    one = np.ones(len(row))
    sums = csr_array((one, (row, np.arange(len(row)))), (len(blocks) * len(entries), len(row)))
    steps = steps_of(np.concatenate([block.at_s for block in blocks]))
    steps[np.cumsum(sizes)[:-1] - 1] = np.inf
    sides = [np.concatenate([block.value for block in blocks])]
    probed = [block.covariate for block in blocks if block.covariate is not None]
    if len(probed) == len(blocks):
        sides.append(np.concatenate(probed))
    return _Stack(
        entries=tuple(int(entry) for entry in entries),
        steps=steps,
        sides=np.column_stack(sides),
        columns=np.column_stack((np.eye(len(entries))[column], *sides)),
        sums=sums,
        present=(sums @ one > 0).reshape(len(blocks), len(entries)),
    )


def _solve(stack: _Stack, memory: Memory) -> _Solved:
    inverse, log_determinant = inverse_times(stack.steps, stack.columns, memory)
    blocks, count = stack.present.shape
    normal = (stack.sums @ inverse).reshape(blocks, count, -1)
    weighted, right = normal[:, :, :count].copy(), normal[:, :, count:]
    block, entry = np.nonzero(~stack.present)
    weighted[block, entry, entry] = 1.0
    explained = np.swapaxes(right, 1, 2) @ np.linalg.solve(weighted, right)
    square = stack.sides.T @ inverse[:, count:]
    return _Solved(weighted, right, square, square - explained.sum(axis=0), log_determinant)


def _slope(stack: _Stack, solved: _Solved) -> float | None:
    """Of the covariate, from all blocks, within entries: a variant's own effect is not in it."""
    if stack.sides.shape[1] < 2:
        return None
    least = _ROUNDING * float(solved.square[1, 1])  # a covariate that never varies
    left = solved.unexplained
    return float(left[0, 1] / left[1, 1]) if left[1, 1] > least else 0.0


def _variance(stack: _Stack, solved: _Solved, slope: float | None) -> float:
    freedom = stack.freedom - (slope is not None)
    if freedom <= 0:
        return 0.0
    weights = _weights(slope)
    return max(float(weights @ solved.unexplained @ weights), 0.0) / freedom


def _weights(slope: float | None) -> Floats:
    """Of value and covariate."""
    return np.array([1.0] if slope is None else [1.0, -slope])


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
    factor, _, _, _ = factor_of(steps_of(block.at_s), memory)
    return explained + (1 - memory.white) * cho_solve_banded((factor, True), residual)
