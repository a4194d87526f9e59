"""How small a difference a run finds, in words."""

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.variants import Comparison, SliceNoise
from harness.inputs.conditions import condition_title
from harness.report.words import numbers
from harness.report.words.sentences import listed


def tells_apart(analysis: Analysis) -> str:
    """The smallest difference that is called under each ranked condition, from the best condition
    to the worst; empty without any.
    """
    sizes = [result.first.detectable for result in analysis.conditions if result.first.ranking]
    known = [size for size in sizes if size is not None]
    if not known:
        return ""
    some = f" under {len(known)} of {len(sizes)} conditions" if len(known) < len(sizes) else ""
    least, most = (numbers.at_most(size) for size in (min(known), max(known)))
    short = least.removesuffix(" %") if most.endswith(" %") else least
    span = most if least == most else f"{short} to {most}"
    return f"finds differences of {span}{some}"


def power_lines(analysis: Analysis) -> list[str]:
    """A line for each condition: how small a difference it finds, and the noise of its slices."""
    return [_line(result) for result in analysis.conditions]


def _line(result: ConditionResult) -> str:
    comparison = result.first
    text = f"{condition_title(result.condition)}: {_size(comparison)}"
    return text if comparison.noise is None else f"{text} {_slices(comparison.noise)}"


def _size(comparison: Comparison) -> str:
    if comparison.unsaid is not None:
        return f"no verdict, because {comparison.unsaid}."
    if comparison.detectable is None:
        return "hardly any difference would be called."
    return f"finds differences of {numbers.at_most(comparison.detectable)}."


def outlier_note(comparison: Comparison) -> str:
    """Which blocks weigh less, and why; empty without any."""
    blocks = comparison.outliers
    if not blocks:
        return ""
    several = f"Blocks {listed([str(block) for block in blocks])} weigh"
    named = f"Block {blocks[0]} weighs" if len(blocks) == 1 else several
    return (
        f"{named} less in verdicts by {comparison.measure.heading}: all variants were out of line "
        "there."
    )


def _slices(noise: SliceNoise) -> str:
    probe = (
        ""
        if noise.probe_slope is None
        else f" after correction by the speed probe (slope {noise.probe_slope:.2f})"
    )
    return (
        f"A slice varies by ±{noise.slice_sd:.1%}{probe}. It shares {1 - noise.white:.0%} of that "
        f"with slices within about {noise.tau_s:.1f} s.{_levels(noise)}"
    )


def _levels(noise: SliceNoise) -> str:
    if noise.within_sd is None or noise.between_sd is None:
        return ""
    starts = (
        f", and by ±{noise.between_sd:.1%} because each start differs"
        if noise.between_sd
        else "; an effect of starts cannot be separated from that"
    )
    sets = "" if noise.sets_sd is None else f" From set to set of machines: ±{noise.sets_sd:.1%}."
    return f" A block's ratio varies by ±{noise.within_sd:.1%} because of its slices{starts}.{sets}"
