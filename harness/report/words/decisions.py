"""Verdicts on single ratios in words: they differ, are the same within a margin, or undecided."""

from harness.analysis.stats.verdicts import Decision, Verdict
from harness.report.words import numbers


def in_full(decision: Decision | None, margin: float) -> str:
    """A verdict as a phrase.

    Args:
        decision: on a ratio; None if it was not judged, which gives an empty text.
        margin: ratios so far from 1 are the same for practice.
    """
    if decision is None:
        return ""
    match decision.verdict:
        case Verdict.DIFFERS:
            return "differs"
        case Verdict.SAME:
            return same(margin)
        case Verdict.UNDECIDED if decision.at_most is None:
            return "undecided, one block"
        case Verdict.UNDECIDED:
            return f"undecided, at most {numbers.at_most(decision.at_most)}"


def beside_ratio(decision: Decision | None, margin: float) -> str:
    """A verdict for a place beside its ratio, where only one that does not differ is told."""
    if decision is None or decision.verdict is Verdict.DIFFERS:
        return ""
    return in_full(decision, margin)


def mark(decision: Decision | None) -> str:
    """As `beside_ratio`, for a narrow column."""
    if decision is None or decision.verdict is Verdict.DIFFERS:
        return ""
    if decision.verdict is Verdict.SAME:
        return "same"
    if decision.at_most is None:
        return "?"
    return "≤ " + numbers.at_most_short(decision.at_most)


def same(margin: float) -> str:
    """The verdict of equality."""
    return f"the same within {numbers.percent(margin)}"
