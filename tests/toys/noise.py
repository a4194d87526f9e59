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
    start_sd: of a server's start, the same for all its slices in a block.
    drift: of the machine over a block, from begin to end, as a line and as a slow wave.
    burst_share: of slices that a neighbour makes slower by half.
    probe_sd: of the probe's own reading in a slice; None without a probe.
    """

    speed_sd: float = 0.15
    tau_s: float = 0.5
    slice_sd: float = 0.05
    start_sd: float = 0.02
    drift: float = 0.2
    burst_share: float = 0.02
    probe_sd: float | None = None


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
    return [_block(effects, rounds, noise, draw) for _ in range(blocks)]


def _block(
    effects: Sequence[float], rounds: int, noise: Noise, draw: np.random.Generator
) -> Series:
    orders = balanced_orders(len(effects), rounds, random.Random(int(draw.integers(2**32))))
    entry = np.array([index for order in orders for index in order], dtype=np.intp)
    at_s = np.arange(entry.size) * (SLICE_S + GAP_S) + draw.uniform(0, 0.005, entry.size)
    speed = _speed(at_s, noise, draw)
    starts = draw.normal(0, noise.start_sd, len(effects))
    value = np.asarray(effects)[entry] + starts[entry] + speed
    value = value + draw.normal(0, noise.slice_sd, entry.size)
    probe = None
    if noise.probe_sd is not None:
        probe = speed + draw.normal(0, noise.probe_sd, entry.size)
    return Series(at_s=at_s, entry=entry, value=value, covariate=probe)


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
