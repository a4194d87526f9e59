"""The check with two identical servers (A/A) in words."""

from collections.abc import Sequence

from harness.analysis.analyse import Analysis
from harness.analysis.twins import TwinCheck
from harness.inputs.conditions import condition_title
from harness.report.words import numbers


def agreement(analysis: Analysis) -> str:
    """One sentence on the conditions in which they agree; empty if there are none."""
    agreeing = [check for check in analysis.twins if check.agree]
    if not agreeing:
        return ""
    return f"{_THEY} agree{_where(len(agreeing), len(analysis.twins))} ({_ratios(agreeing)})."


def _where(count: int, of: int) -> str:
    if count < of:
        return f" under {count} of {of} conditions"
    if of == 1:
        return ""
    return " under both conditions" if of == 2 else f" under all {of} conditions"


_THEY = "The two identical servers"


def cautions(analysis: Analysis) -> list[str]:
    """For each condition in which they differ: where, by how much, and what that means."""
    return [_caution(check) for check in analysis.twins if not check.agree]


def _caution(check: TwinCheck) -> str:
    off = max(check.ratio.mean, 1 / check.ratio.mean) - 1
    return (
        f"{_THEY} differ under {condition_title(check.condition)}: {check.measure.heading} has the "
        f"ratio {numbers.ratio(check.ratio)}. Something besides the variants acts there. Do not "
        f"trust differences of up to {numbers.at_most(off)} under this condition."
    )


def calibration(analysis: Analysis) -> str:
    """In how many conditions the interval of the A/A ratio has 1 in it; empty without any."""
    count = len(analysis.twins)
    if not count:
        return ""
    holding = sum(check.holds_one for check in analysis.twins)
    return (
        f"Here {holding} of {count} such interval{'' if count == 1 else 's'} contain"
        f"{'s' if holding == 1 else ''} 1."
    )


def _ratios(checks: Sequence[TwinCheck]) -> str:
    """One ratio with its interval, or the range of several."""
    if len(checks) == 1:
        return f"ratio {numbers.ratio(checks[0].ratio)}"
    least, *_, most = sorted(numbers.times(check.ratio.mean) for check in checks)
    return f"ratios {least} to {most}" if least != most else f"ratios {least}"
