"""Effects of a block by generalised least squares over its slices, with shared noise subtracted.

Noise of a shared machine has a memory of about a second. Slices that stand close together share it,
so the difference of two neighbours is more precise than that of two distant slices. Least squares
that know the correlation weigh slices accordingly (nearest-neighbour analysis of field trials:
Papadakis 1937, Wilkinson et al. 1983; here in its likelihood form, Gleeson and Cullis 1987,
Biometrics 43:277).

The model of a block, for the logarithm y of a measure in the slice of entry e at time t:

    y = mean(e) + g * covariate + noise,   cov(noise) = s2 * [(1 - w) * exp(-|dt| / tau) + w * I]

The noise is an Ornstein-Uhlenbeck process, which is AR(1) for slices at unequal distances, plus
white noise. Its two parameters belong to the machine in that hour. They are fitted to all blocks
together by restricted maximum likelihood (Patterson and Thompson 1971). Estimates of effects are
unbiased whatever the parameters are. Intervals come from the spread of blocks, never from this
model.

`costs` is the entry point. A server's own cost is uneven: one slice in ten may hold a full garbage
collection that costs as much as a hundred requests. The mean of logarithms would count it wrongly,
and neighbours would attribute it to the machine. So least squares only find the shared noise, from
values whose outliers are cut back. Each slice is cleared of that noise, and a cost is then what a
long run would give: the sum over all slices divided by the sum of their requests.

The inverse of the exponential part of the covariance is tridiagonal, so every step is linear in the
number of slices.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import scipy
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


SHORTEST_S, LONGEST_S = 0.05, 30.0
"""Range of tau: a memory below a slice is white noise, and one above a minute is drift."""
_START = (math.log(0.5), 0.0)
"""Where the search begins: half a second, half of the variance white."""
_EVALUATIONS = 40
"""Of the likelihood, which is flat at its top: more of them do not make effects more precise."""
_ROUNDING = 1e-12
"""Of a sum of squares: a smaller remainder is rounding error."""
_LEAST_STEP_S = 1e-6
"""Two slices never start at the same moment. With a coarse clock the matrix would be singular."""
_CUT = 3.0
"""Standard deviations beyond which a residual is the entry's own event, not noise (Huber 1964)."""
_NORMAL = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


class Memory(msgspec.Struct, frozen=True):
    """The noise's correlation.

    tau_s: time after which the correlation has fallen to 1/e.
    white: share of the variance that has no memory.
    """

    tau_s: float
    white: float


NO_MEMORY = Memory(tau_s=1.0, white=1.0)
"""Slices are independent: ordinary least squares."""


class Series(msgspec.Struct, frozen=True):
    """The slices of one block in the order of time.

    at_s: (n,) middle of each slice, seconds, ascending.
    entry: (n,) index of the entry that was loaded; indices without slices are allowed.
    value: (n,) logarithm of the measure.
    covariate: (n,) or None; centred anywhere.
    """

    at_s: Floats
    entry: NDArray[np.intp]
    value: Floats
    covariate: Floats | None = None


class Fit(msgspec.Struct, frozen=True):
    """The estimates of one measure from the blocks of one condition.

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
    """All blocks stacked: n slices of b blocks, e entries.

    The step between two blocks is infinite, so no memory crosses it. The covariance matrix of the
    stack then has those of the blocks along its diagonal.

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
    """The normal equations of every block; an entry without slices in a block has a 1 there.

    weighted: (b, e, e) X' V^-1 X. right: (b, e, r) X' V^-1 [y, z].
    square: (r, r) [y, z]' V^-1 [y, z] of all blocks together.
    unexplained: (r, r) its part that the entries' means do not explain.
    """

    weighted: Floats
    right: Floats
    square: Floats
    unexplained: Floats
    log_determinant: float


def costs(
    blocks: Sequence[Series], requests: Sequence[Floats], memory: Memory | None = None
) -> Fit:
    """Estimate the logarithm of every entry's cost per request in every block.

    Args:
        blocks: one series each, of the logarithm of cost per request.
        requests: likewise, (n,) how many each slice had.
        memory: of the noise, where it is known; fitted if None.

    Returns:
        The fit of the calmed values, with the costs in the place of its means.
    """
    rough = fit(blocks, memory)
    calmed = [
        _calmed(block, means, rough) for block, means in zip(blocks, rough.means, strict=True)
    ]
    smooth = fit(calmed, memory)
    cleared = [
        _sums(block, calm, counts, means, smooth)
        for block, calm, counts, means in zip(blocks, calmed, requests, smooth.means, strict=True)
    ]
    return msgspec.structs.replace(smooth, means=tuple(cleared))


def _calmed(block: Series, means: dict[int, float], rough: Fit) -> Series:
    """Cut outlying residuals back to the largest that noise explains."""
    if block.value.size == 0:
        return block
    expected = np.array([means[int(entry)] for entry in block.entry])
    if block.covariate is not None and rough.slope is not None:
        expected = expected + rough.slope * block.covariate
    residual = block.value - expected
    middle = float(np.median(residual))
    limit = _CUT * _NORMAL * float(np.median(np.abs(residual - middle)))
    cut = np.clip(residual, middle - limit, middle + limit)
    return msgspec.structs.replace(block, value=expected + cut)


def _sums(
    block: Series, calm: Series, requests: Floats, means: dict[int, float], smooth: Fit
) -> dict[int, float]:
    """By entry, the logarithm of cleared cost over requests, for entries that have requests."""
    if block.value.size == 0:
        return {}
    noise = shared_noise(calm, means, smooth.slope, smooth.memory)
    spent = requests * np.exp(block.value - noise)
    totals = {
        entry: (
            float(spent[block.entry == entry].sum()),
            float(requests[block.entry == entry].sum()),
        )
        for entry in means
    }
    return {e: float(np.log(cost / count)) for e, (cost, count) in totals.items() if count > 0}


def shared_noise(
    block: Series, means: Mapping[int, float], slope: float | None, memory: Memory
) -> Floats:
    """The machine's noise in each slice, relative to the block's average: (n,), logarithms.

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
    return explained + (1 - memory.white) * scipy.linalg.cho_solve_banded((factor, True), residual)


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
    means = np.linalg.solve(solved.weighted, solved.right @ _weights(slope)[:, None])[:, :, 0]
    spread = variance * np.diagonal(np.linalg.inv(solved.weighted), axis1=1, axis2=2)
    return Fit(
        memory=memory,
        slope=slope,
        means=_by_block(stack, means, filled, len(blocks)),
        residual_sd=math.sqrt(variance),
        variances=_by_block(stack, spread, filled, len(blocks)),
    )


def _by_block(
    stack: _Stack, values: Floats, filled: Sequence[int], blocks: int
) -> tuple[dict[int, float], ...]:
    """One mapping per block, from the entries that it has to their values."""
    mappings: list[dict[int, float]] = [{} for _ in range(blocks)]
    for number, present, row in zip(filled, stack.present, values.tolist(), strict=True):
        cells = zip(stack.entries, present, row, strict=True)
        mappings[number] = {entry: value for entry, there, value in cells if there}
    return tuple(mappings)


def fit_memory(blocks: Sequence[Series]) -> Memory:
    """The memory with the highest restricted likelihood of all blocks together."""
    return _likeliest(_stacked(blocks))


def _likeliest(stack: _Stack) -> Memory:
    def loss(point: Floats) -> float:
        return -_likelihood(stack, _memory(point))

    optimum = scipy.optimize.minimize(
        loss, np.array(_START), method="Nelder-Mead",
        options={"maxfev": _EVALUATIONS, "initial_simplex": _simplex()},
    )  # fmt: skip
    best = _memory(optimum.x)
    return best if -optimum.fun > _likelihood(stack, NO_MEMORY) else NO_MEMORY


def _memory(point: Floats) -> Memory:
    """The memory at a point of the search: logarithm of tau, and logit of the white share."""
    tau = min(max(math.exp(float(point[0])), SHORTEST_S), LONGEST_S)
    return Memory(tau_s=tau, white=1 / (1 + math.exp(-float(np.clip(point[1], -6, 6)))))


def _simplex() -> Floats:
    tau, white = _START
    return np.array([(tau, white), (tau + 1.0, white), (tau, white - 1.0)])


def _likelihood(stack: _Stack, memory: Memory) -> float:
    """Restricted log likelihood with the variance profiled out, up to a constant.

    Restricted for the entries' means in each block. The probe's slope is profiled out, too: one
    parameter of all blocks, beside hundreds of slices.
    """
    solved = _solve(stack, memory)
    variance = _variance(stack, solved, _slope(stack, solved))
    if stack.freedom <= 0 or variance <= 0:
        return -math.inf
    determinants = solved.log_determinant + float(np.linalg.slogdet(solved.weighted)[1].sum())
    return -0.5 * (stack.freedom * math.log(variance) + determinants)


def _stacked(blocks: Sequence[Series]) -> _Stack:
    """Stack blocks, each of which has slices."""
    entries, column = np.unique(np.concatenate([b.entry for b in blocks]), return_inverse=True)
    sizes = [block.at_s.size for block in blocks]
    row = np.repeat(np.arange(len(blocks)), sizes) * len(entries) + column
    one = np.ones(len(row))
    sums = scipy.sparse.csr_array(
        (one, (row, np.arange(len(row)))), (len(blocks) * len(entries), len(row))
    )
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
    """Slope of the covariate, over all blocks, within entries: free of the variants' effects."""
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
    """Weights of value and covariate."""
    return np.array([1.0] if slope is None else [1.0, -slope])


def steps_of(at_s: Floats) -> Floats:
    """From each slice to the next, seconds, for n slices in the order of time: (n - 1,)."""
    return np.maximum(np.diff(at_s), _LEAST_STEP_S)


def inverse_times(steps: Floats, right: Floats, memory: Memory) -> tuple[Floats, float]:
    """V^-1 right, and log |V|, for V = (1 - w) A + w I with A the exponential correlation.

    With Q = A^-1, which is tridiagonal: V^-1 = Q ((1 - w) I + w Q)^-1.
    """
    factor, diagonal, beside, log_determinant = factor_of(steps, memory)
    solved = scipy.linalg.cho_solve_banded((factor, True), right)
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
    factor = scipy.linalg.cholesky_banded(bands, lower=True)
    return factor, diagonal, beside, float(2 * np.log(factor[0]).sum() + np.log(lost).sum())
