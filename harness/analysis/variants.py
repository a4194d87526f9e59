"""One measure of one condition, over all variants: estimates, ratios, ranking and noise."""

import math
from collections.abc import Mapping

import msgspec

from harness.analysis.condition import Piece
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval, block_interval, detectable
from harness.analysis.stats.ties import noise_floor, tie_groups

_BOUNDLESS = math.log(1e6)
"""A difference that few blocks would not call if it were a millionfold is not worth a number."""


class Noise(msgspec.Struct, frozen=True):
    """Of slices around their mean, after fitting; see `gls`.

    slice_sd: of the logarithm of one slice, what the probe explains taken out.
    tau_s, white: how long it remembers, and the share that does not.
    probe_slope: by how many percent the measure changes when the probe's time changes by one.
    within_sd, between_sd: of one block's ratio to the baseline, from its slices and from its
        starts; None with one block. Rounds narrow the one, only blocks the other.
    """

    slice_sd: float
    tau_s: float
    white: float
    probe_slope: float | None
    within_sd: float | None
    between_sd: float | None


class Comparison(
    msgspec.Struct,
    frozen=True,
    rename={"noise_floor": "noise_floor_share", "detectable": "detectable_share"},
):
    """One measure of one condition, over all variants.

    estimates: absolute values by variant, with intervals over blocks.
    ratios: to the baseline, by variant; the duplicate's is the A/A ratio.
    points: each block's value, by variant.
    noise_floor: as a ratio minus one; None where the A/A pair gives none.
    ranking: variants from best to worst; empty where nothing may be said.
    groups: those among them that were not told apart; they overlap. See `ties.tie_groups`.
    unsaid: why nothing may be said, or None.
    detectable: the smallest true difference, as a ratio minus one, that this run would have called
        in four of five runs, for the least precise ratio to the baseline, after adjustment for all
        comparisons; None without intervals, or where hardly anything would be.
    noise: how the machine's noise was dealt with; None where trials are taken whole.
    """

    measure: Measure
    estimates: dict[str, Interval]
    ratios: dict[str, Interval]
    points: dict[str, dict[int, float]]
    noise_floor: float | None
    ranking: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    unsaid: str | None
    detectable: float | None
    noise: Noise | None


def compare_variants(
    measure: Measure,
    piece: Piece,
    differs: Mapping[frozenset[str], bool] | None,
    comparisons: int,
) -> Comparison:
    """By one measure, over all variants of a condition.

    Args:
        measure: by which.
        piece: of the condition.
        differs: of each pair, whether it differs beyond doubt; None where nothing may be said.
        comparisons: how many were adjusted for together.
    """
    points = {entry: piece.points(measure, entry) for entry in piece.blocks}
    effects = {
        entry: interval
        for entry in piece.blocks
        if entry != piece.baseline
        and (interval := piece.effect(measure, entry, piece.baseline)) is not None
    }
    floor = noise_floor(effects.get(piece.duplicate))
    estimates = _estimates(points)
    ranked = sorted(
        (entry for entry in estimates if entry != piece.duplicate),
        key=lambda entry: _place(entry, piece.baseline, effects, estimates),
        reverse=not measure.lower_is_better,
    )
    return Comparison(
        measure=measure,
        estimates=estimates,
        ratios={entry: interval.exp() for entry, interval in effects.items()},
        points=points,
        noise_floor=None if floor is None else math.expm1(floor),
        ranking=() if differs is None else tuple(ranked),
        groups=() if differs is None else tie_groups(ranked, differs),
        unsaid=piece.unsaid(measure),
        detectable=_detectable(effects, floor, max(comparisons, 1)),
        noise=_noise(piece, measure),
    )


def _place(
    entry: str, baseline: str, effects: Mapping[str, Interval], estimates: Mapping[str, Interval]
) -> float:
    """By the ratio to the baseline, taken within blocks: absolute values are those of the blocks in
    which a variant happens to have a good trial, and blocks differ by more than variants do."""
    if entry == baseline:
        return 0.0
    if entry in effects:
        return effects[entry].mean
    known = estimates.get(baseline)
    return math.log(estimates[entry].mean / (1.0 if known is None else known.mean))


def _detectable(
    effects: Mapping[str, Interval], floor: float | None, comparisons: int
) -> float | None:
    if floor is None:
        return None
    told = (detectable(effect, floor, comparisons) for effect in effects.values())
    found = [each for each in told if each is not None]
    if not found or max(found) > _BOUNDLESS:
        return None
    return math.expm1(max(found))


def _noise(piece: Piece, measure: Measure) -> Noise | None:
    fitted = piece.fit(measure)
    if fitted is None or not fitted.residual_sd:  # a slice each: nothing is left to tell it by
        return None
    parts = piece.components(measure)
    return Noise(
        within_sd=None if parts is None else math.sqrt(parts.within),
        between_sd=None if parts is None else math.sqrt(parts.between),
        slice_sd=fitted.residual_sd,
        tau_s=fitted.memory.tau_s,
        white=fitted.memory.white,
        probe_slope=fitted.slope,
    )


def _estimates(points: Mapping[str, Mapping[int, float]]) -> dict[str, Interval]:
    """Geometric means over blocks, so that their quotients are ratios of the same kind."""
    return {
        entry: interval.exp()
        for entry, values in points.items()
        if (interval := block_interval([math.log(v) for v in values.values() if v > 0])) is not None
    }
