"""Compare all variants by one measure under one condition: estimates, ratios, ranking, noise."""

import math
from collections.abc import Mapping

import msgspec

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval, block_interval, detectable
from harness.analysis.stats.ties import noise_floor, tie_groups

_BOUNDLESS = math.log(1e6)
"""If only a millionfold difference would be called, the number is not worth reporting."""


class SliceNoise(msgspec.Struct, frozen=True):
    """The noise of slices around their mean, as fitted; see `noise.fit`.

    slice_sd: standard deviation of the logarithm of one slice, without what the probe explains.
    tau_s, white: its memory in seconds, and the share of the variance without memory.
    probe_slope: percent by which the measure changes when the probe's time changes by one percent.
    within_sd, between_sd: standard deviation of one block's ratio to the baseline, from its slices
        and from its starts; None with one block. More rounds narrow the first, only more blocks
        the second.
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
    noise_floor: as a ratio minus one; None without an interval of the A/A ratio.
    ranking: variants from best to worst; empty if the measure must not rank them.
    groups: variants that are tied; groups overlap. See `ties.tie_groups`.
    unsaid: why the measure must not rank them, or None.
    detectable: the smallest true difference, as a ratio minus one, that four of five such runs
        would call, for the least precise ratio to the baseline, after adjustment for all
        comparisons; None without intervals, or if hardly any difference would be called.
    noise: of the slices; None for measures of whole trials.
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
    noise: SliceNoise | None


def compare_variants(
    measure: Measure,
    measured: MeasuredCondition,
    differs: Mapping[frozenset[str], bool] | None,
    comparisons: int,
) -> Comparison:
    """Compare all variants of a condition by one measure.

    Args:
        measure: by which.
        measured: the condition.
        differs: for each pair, whether it differs beyond doubt; None if the measure must not rank.
        comparisons: number of pairs that were adjusted for together.
    """
    points = {entry: measured.points(measure, entry) for entry in measured.trials}
    effects = {
        entry: interval
        for entry in measured.trials
        if entry != measured.baseline
        and (interval := measured.effect(measure, entry, measured.baseline)) is not None
    }
    floor = noise_floor(effects.get(measured.duplicate))
    estimates = _estimates(points)
    ranked = sorted(
        (entry for entry in estimates if entry != measured.duplicate),
        key=lambda entry: _place(entry, measured.baseline, effects, estimates),
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
        unsaid=measured.why_unranked(measure),
        detectable=_detectable(effects, floor, max(comparisons, 1)),
        noise=_noise(measured, measure),
    )


def _place(
    entry: str, baseline: str, effects: Mapping[str, Interval], estimates: Mapping[str, Interval]
) -> float:
    """Rank by the ratio to the baseline within blocks, as a logarithm.

    Absolute values depend on which blocks have a good trial of the variant, and blocks differ by
    more than variants do.
    """
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
    sizes = [detectable(effect, floor, comparisons) for effect in effects.values()]
    known = [size for size in sizes if size is not None]
    if not known or max(known) > _BOUNDLESS:
        return None
    return math.expm1(max(known))


def _noise(measured: MeasuredCondition, measure: Measure) -> SliceNoise | None:
    fitted = measured.fit(measure)
    if fitted is None or not fitted.residual_sd:  # one slice each leaves no residual
        return None
    parts = measured.components(measure)
    return SliceNoise(
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
