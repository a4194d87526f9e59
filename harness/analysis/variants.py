"""Compare all variants by one measure under one condition: estimates, ratios, verdicts, noise."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.blocks import BlockModel
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.ties import tie_groups
from harness.analysis.stats.verdicts import Decision, to_baseline
from harness.inputs.kinds import origins_of

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
    sets_sd: likewise, from one set of machines to another; only more sets narrow it. None where one
        set measured all blocks.
    """

    slice_sd: float
    tau_s: float
    white: float
    probe_slope: float | None
    within_sd: float | None
    between_sd: float | None
    sets_sd: float | None = None


class AgainstOrigin(msgspec.Struct, frozen=True):
    """A setup against the variant that it changes.

    decision: None if the measure must not rank.
    """

    origin: str
    ratio: Interval
    decision: Decision | None


class Comparison(msgspec.Struct, frozen=True, rename={"detectable": "detectable_share"}):
    """One measure of one condition, over all variants.

    estimates: absolute values by variant, with intervals over blocks.
    ratios: to the baseline, by variant, each with its own 95 % interval; the duplicate's is the A/A
        ratio.
    decisions: verdicts on these ratios as one family (Dunnett), by variant; empty if the measure
        must not rank.
    points: each block's value, by variant.
    ranking: variants from best to worst; empty if the measure must not rank them.
    groups: variants that are tied, with all pairs as one family (Tukey); groups overlap. See
        `ties.tie_groups`.
    unsaid: why the measure must not rank them, or None.
    detectable: the smallest true difference, as a ratio minus one, that four of five such runs
        would call, for a ratio to the baseline of average precision, with all pairs as its
        family (see `Pairs.detectable`); None without intervals, or if hardly any would be called.
    outliers: blocks that weigh less, because all variants were out of line there.
    noise: of the slices; None for measures of whole trials.
    to_best: verdicts on the ratios to the first of the ranking, by variant, with all pairs as one
        family (Tukey).
    to_origin: by setup, its ratio to the variant that it changes, where the run has both. Verdicts
        on ratios to the baseline are those of `decisions`; on others, with all pairs as one family
        (Tukey).
    """

    measure: Measure
    estimates: dict[str, Interval]
    ratios: dict[str, Interval]
    decisions: dict[str, Decision]
    points: dict[str, dict[int, float]]
    ranking: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    unsaid: str | None
    detectable: float | None
    outliers: tuple[int, ...]
    noise: SliceNoise | None
    to_best: dict[str, Decision] = {}
    to_origin: dict[str, AgainstOrigin] = {}

    @property
    def ordered(self) -> list[str]:
        """Entries from best to worst; in the order of their values if nothing is ranked."""
        if self.ranking:
            return list(self.ranking)
        sign = 1 if self.measure.lower_is_better else -1
        return sorted(self.estimates, key=lambda name: sign * self.estimates[name].mean)


def compare_variants(measure: Measure, measured: MeasuredCondition) -> Comparison:
    """Compare all variants of a condition by one measure."""
    points = {entry: measured.points(measure, entry) for entry in measured.trials}
    effects = {
        entry: interval.interval()
        for entry in measured.trials
        if entry != measured.baseline
        and (interval := measured.effect(measure, entry, measured.baseline)) is not None
    }
    estimates = estimates_of(points, measured.sets)
    unsaid = measured.why_unranked(measure)
    ranks = unsaid is None and measure in ranked(measured.condition)
    order = sorted(
        (entry for entry in estimates if entry != measured.duplicate),
        key=_places(measured, measure, estimates).__getitem__,
        reverse=not measure.lower_is_better,
    )
    pairs, model = measured.pairs(measure), measured.model(measure)
    decisions = _decisions(measured, measure) if ranks else {}
    return Comparison(
        measure=measure,
        estimates=estimates,
        ratios={entry: interval.exp() for entry, interval in effects.items()},
        decisions=decisions,
        points=points,
        ranking=tuple(order) if ranks else (),
        groups=tie_groups(order, pairs.told_apart()) if ranks else (),
        unsaid=unsaid,
        detectable=_share(pairs.detectable(measured.baseline)),
        outliers=tuple(model.outliers),
        noise=_noise(measured, measure),
        to_best=_to_best(pairs, order) if ranks else {},
        to_origin=_to_origin(measured, measure, decisions, pairs if ranks else None),
    )


def _to_best(pairs: Pairs, order: Sequence[str]) -> dict[str, Decision]:
    return {
        entry: decision
        for entry in order[1:]
        if (decision := pairs.decision(entry, order[0])) is not None
    }


def _to_origin(
    measured: MeasuredCondition,
    measure: Measure,
    decisions: Mapping[str, Decision],
    pairs: Pairs | None,
) -> dict[str, AgainstOrigin]:
    """Setups against the variants that they change; without pairs, no verdicts."""
    found: dict[str, AgainstOrigin] = {}
    for name, origin in origins_of(measured.run.study).items():
        if name not in measured.trials or origin not in measured.trials:
            continue
        effect = measured.effect(measure, name, origin)
        if effect is None:
            continue
        of_pair = None if pairs is None else pairs.decision(name, origin)
        decision = decisions.get(name) if origin == measured.baseline else of_pair
        found[name] = AgainstOrigin(origin, effect.interval().exp(), decision)
    return found


def _decisions(measured: MeasuredCondition, measure: Measure) -> dict[str, Decision]:
    others = [name for name in measured.variants if name != measured.baseline]
    margin = measured.run.study.margin
    model = measured.model(measure)
    return to_baseline(model, measured.baseline, others, margin, measured.looks)


def _share(logarithm: float | None) -> float | None:
    if logarithm is None or logarithm > _BOUNDLESS:
        return None
    return math.expm1(logarithm)


def _places(
    measured: MeasuredCondition, measure: Measure, estimates: Mapping[str, Interval]
) -> dict[str, float]:
    """By variant, the logarithm by which it ranks: of its ratio to one of them, within blocks.

    Absolute values depend on which blocks have a good trial of the variant, and blocks differ by
    more than variants do. They place only a variant that shares no block with that one.
    """
    variants = [entry for entry in estimates if entry != measured.duplicate]
    if not variants:
        return {}
    means = measured.means(measure)
    reference = measured.baseline
    if reference not in variants:
        reference = max(variants, key=lambda entry: len(means.get(entry, {})))
    places = {reference: 0.0}
    for entry in variants:
        if entry != reference:
            effect = measured.effect(measure, entry, reference)
            apart = math.log(estimates[entry].mean / estimates[reference].mean)
            places[entry] = apart if effect is None else effect.mean
    return places


def _noise(measured: MeasuredCondition, measure: Measure) -> SliceNoise | None:
    fitted = measured.fit(measure)
    if fitted is None or not fitted.residual_sd:  # one slice each leaves no residual
        return None
    parts = measured.components(measure)
    return SliceNoise(
        within_sd=None if parts is None else math.sqrt(parts.within),
        between_sd=None if parts is None else math.sqrt(parts.between),
        sets_sd=None if parts is None or parts.sets is None else math.sqrt(parts.sets),
        slice_sd=fitted.residual_sd,
        tau_s=fitted.memory.tau_s,
        white=fitted.memory.white,
        probe_slope=fitted.slope,
    )


def estimates_of(
    points: Mapping[str, Mapping[int, float]], sets: Mapping[int, str | None]
) -> dict[str, Interval]:
    """Geometric means over blocks, so that their quotients are ratios of the same kind.

    Args:
        points: by entry and block.
        sets: by block, the set of machines that measured it.
    """
    logs = {
        entry: {block: math.log(value) for block, value in values.items() if value > 0}
        for entry, values in points.items()
    }
    return {
        entry: interval.exp()
        for entry, values in logs.items()
        if (interval := _over_blocks(values, sets)) is not None
    }


def _over_blocks(values: Mapping[int, float], sets: Mapping[int, str | None]) -> Interval | None:
    """The mean over blocks; those of one set of machines are alike where sets differ."""
    if len({sets.get(block) for block in values}) < 2:
        return block_interval(list(values.values()))
    estimate = BlockModel({"": values}, sets).estimate(values, 1.0)
    return None if estimate is None else estimate.interval()
