"""How often two identical servers seemed to differ, over runs, in words."""

from typing import Any

from harness.analysis.stats.intervals import Interval
from harness.analysis.twins import RunTwins, TwinCheck, TwinTally
from harness.inputs.conditions import condition_title
from harness.report.words import numbers

HOW = (
    "Every run starts its baseline twice, so the true ratio of the two is 1. Its 95 % interval "
    "should contain 1 in 95 of 100 conditions."
)
"""What is counted, and why."""
INDEPENDENT = (
    "The usual range is binomial. It treats the conditions of one run as independent, "
    "although they may share server starts."
)
"""What the range assumes."""


def result(tally: TwinTally) -> str:
    """How many intervals contained 1, and whether that is usual."""
    if tally.usual_least is None or tally.usual_most is None:
        return "No run has two identical servers with figures in two blocks."
    text = (
        f"The interval contained 1 in {tally.held} of {tally.checks} "
        f"condition{'' if tally.checks == 1 else 's'} ({100 * tally.expected:.0f} % expected; "
        f"between {tally.usual_least} and {tally.usual_most} would be usual)."
    )
    if tally.held < tally.usual_least:
        text += " That is too seldom: intervals are too narrow, or something favours one server."
    if tally.held > tally.usual_most:
        text += " That is more often than usual: intervals may be too wide."
    return text


def failures(tally: TwinTally) -> list[str]:
    """Which runs' checks failed, with the condition and the ratio; or one sentence that none did.

    Empty without a check.
    """
    if not tally.checks:
        return []
    checked = sum(bool(run.checks) for run in tally.runs)
    if not tally.failed:
        where = f"in none of {checked} runs" if checked > 1 else "under no condition"
        return [f"The two servers differ {where} after adjustment within the run (Holm)."]
    return [
        f"The check of {run.run} failed after adjustment within the run (Holm): "
        f"{condition_title(check.condition)}, ratio {ratio(check.ratio)}."
        for run in tally.failed
        for check in run.failed
    ]


def left_out(tally: TwinTally) -> list[str]:
    """A sentence for each reason why runs or conditions do not count."""
    reasons: dict[str, list[str]] = {}
    for run in tally.runs:
        if run.without is not None:
            reasons.setdefault(run.without, []).append(run.run)
    sentences = [f"Not counted, because {why}: {', '.join(ids)}." for why, ids in reasons.items()]
    short = [run for run in tally.runs if run.unchecked]
    if short:
        sentences.append(
            "Not counted, because the two do not both have figures in two blocks: "
            + ", ".join(f"{_conditions(run)} of {run.run}" for run in short)
            + "."
        )
    return sentences


def row(check: TwinCheck) -> dict[str, Any]:
    """One condition as texts: what was measured, the ratio, and whether it contains 1."""
    return {
        "condition": condition_title(check.condition),
        "measure": check.measure.heading,
        "ratio": ratio(check.ratio),
        "holds": "yes" if check.holds_one else "no",
        "blocks": check.ratio.blocks,
    }


def ratio(interval: Interval) -> str:
    """A ratio near 1, with a decimal more than others have."""
    bounds = (interval.mean, interval.low, interval.high)
    mean, low, high = (numbers.MISSING if v is None else f"{v:.3f}" for v in bounds)
    return f"{mean} [{low}, {high}]"


def _conditions(run: RunTwins) -> str:
    count = len(run.unchecked)
    return f"{count} condition{'' if count == 1 else 's'}"
