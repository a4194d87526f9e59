"""Slices made up in memory, with the noise of a shared machine: all of it known."""

import random
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.analysis.noise.fit import (
    Floats,
    Memory,
    Series,
)
from harness.runner.plan import balanced_orders

SLICE_S, GAP_S = 0.1, 0.015


class Noise(msgspec.Struct, frozen=True):
    """What disturbs a slice. Standard deviations are of the logarithm.

    speed_sd, tau_s: the core's speed, an Ornstein-Uhlenbeck process: what slices share.
    slice_sd: of each slice alone.
    drift: of the machine over a block, from begin to end, as a line and as a slow wave.
    burst_share: of slices that a neighbour makes slower by half.
    probe_sd: of the probe's own reading in a slice; None without a probe.

    start_sd: of a server's start, the same for all its slices in a block.
    start_tail: degrees of freedom of the starts' t distribution, which has that standard deviation;
        None for normal ones.
    start_memory: correlation of a server's start with its start in the block before.
    noisy: entries, and how many times larger their own standard deviations are.
    bad_block: how many times larger those of all entries are in one drawn block.
    bad_trial: what one drawn trial costs more, as a logarithm.
    missing: drawn trials that have no slices.
    """

    speed_sd: float = 0.15
    tau_s: float = 0.5
    slice_sd: float = 0.05
    drift: float = 0.2
    burst_share: float = 0.02
    probe_sd: float | None = None
    start_sd: float = 0.02
    start_tail: float | None = None
    start_memory: float = 0.0
    noisy: tuple[tuple[int, ...], float] | None = None
    bad_block: float = 1.0
    bad_trial: float = 0.0
    missing: int = 0


class Starts(msgspec.Struct, frozen=True):
    """The trials of a run: (blocks, entries) each.

    error: what a trial's slices cost more, all alike, as a logarithm.
    scale: how many times larger the standard deviation of each slice alone is.
    present: whether the trial has slices.
    """

    error: Floats
    scale: Floats
    present: NDArray[np.bool_]


def simulate(
    effects: Sequence[float], blocks: int, rounds: int, noise: Noise, seed: int
) -> list[Series]:
    """One series per block.

    Args:
        effects: by entry, the logarithm of what its slices cost.
        blocks, rounds: of the design.
        noise: what disturbs it.
        seed: of everything.
    """
    draw = np.random.default_rng(seed)
    starts = draw_starts(blocks, len(effects), noise, draw)
    levels = np.asarray(effects) + starts.error
    return [
        _block(levels[block], starts.scale[block], starts.present[block], rounds, noise, draw)
        for block in range(blocks)
    ]


def draw_starts(blocks: int, entries: int, noise: Noise, draw: np.random.Generator) -> Starts:
    """Draw a run's trials."""
    size = (blocks, entries)
    scale = np.ones(size)
    if noise.noisy is not None:
        noisy, factor = noise.noisy
        scale[:, noisy] = factor
    scale[draw.integers(blocks)] *= noise.bad_block
    if noise.start_tail is None:
        error = draw.normal(size=size)
    else:
        unit = np.sqrt(noise.start_tail / (noise.start_tail - 2))
        error = draw.standard_t(noise.start_tail, size) / unit
    kept = noise.start_memory
    for block in range(1, blocks):
        error[block] = kept * error[block - 1] + np.sqrt(1 - kept**2) * error[block]
    error = noise.start_sd * scale * error
    error[draw.integers(blocks), draw.integers(entries)] += noise.bad_trial
    lost = draw.permutation(blocks * entries) < noise.missing
    return Starts(error, scale, ~lost.reshape(size))


def _block(
    level: Floats,
    scale: Floats,
    present: NDArray[np.bool_],
    rounds: int,
    noise: Noise,
    draw: np.random.Generator,
) -> Series:
    orders = balanced_orders(level.size, rounds, random.Random(int(draw.integers(2**32))))
    entry = np.array([index for order in orders for index in order], dtype=np.intp)
    at_s = np.arange(entry.size) * (SLICE_S + GAP_S) + draw.uniform(0, 0.005, entry.size)
    speed = _speed(at_s, noise, draw)
    value = level[entry] + speed + draw.normal(0, noise.slice_sd, entry.size) * scale[entry]
    probe = None
    if noise.probe_sd is not None:
        probe = speed + draw.normal(0, noise.probe_sd, entry.size)
    there = present[entry]
    return Series(
        at_s=at_s[there],
        entry=entry[there],
        value=value[there],
        covariate=None if probe is None else probe[there],
    )


def _speed(
    at_s: NDArray[np.float64], noise: Noise, draw: np.random.Generator
) -> NDArray[np.float64]:
    """What the machine does, whoever has the turn; the logarithm of time per work."""
    kept = np.exp(-np.diff(at_s) / noise.tau_s)
    speed = np.empty(at_s.size)
    speed[0] = draw.normal()
    for index, share in enumerate(kept, start=1):
        speed[index] = share * speed[index - 1] + np.sqrt(1 - share**2) * draw.normal()
    phase = at_s / at_s[-1]
    wave = np.sin(2 * np.pi * (phase + draw.uniform())) / 2
    bursts = (draw.uniform(size=at_s.size) < noise.burst_share) * np.log(1.5)
    total: NDArray[np.float64] = (
        noise.speed_sd * speed + noise.drift * (draw.normal() * phase + wave) + bursts
    )
    return total


def covariance(at_s: Floats, memory: Memory) -> Floats:
    """The matrix of the noise at these moments, written out."""
    away = np.abs(at_s[:, None] - at_s[None, :])
    kept: Floats = (1 - memory.white) * np.exp(-away / memory.tau_s)
    return kept + memory.white * np.eye(at_s.size)
