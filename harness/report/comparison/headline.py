"""The answer of two runs in at most two sentences, made from their comparison alone."""

import math
from collections.abc import Sequence

from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict
from harness.inputs.conditions import brief
from harness.report.words import decisions, numbers
from harness.report.words.comparison import NOTHING_SHARED, count_pairs, noun, verdict_word
from harness.report.words.sentences import brief_enough, capital

_CHANGED = (RunVerdict.SLOWER, RunVerdict.FASTER)


def headline(comparison: RunComparison) -> list[str]:
    """Which pairs became slower or faster and the one that did most; or that none is shown to.

    Sentences have at most 20 words, where a variant's name and a number are a word each.
    """
    judged = comparison.comparable
    if not comparison.pairs:
        return _nothing_shared(comparison)
    if not judged:
        return _without_verdict(comparison)
    changed = [pair for pair in judged if pair.verdict in _CHANGED]
    return _changed(comparison, changed) if changed else _unchanged(comparison, judged)


def where(pair: ComparedVariant, comparison: RunComparison) -> str:
    """The condition of a pair in a few words."""
    return brief(pair.condition, [reference.condition for reference in comparison.references])


def size(pair: ComparedVariant) -> float:
    """How far a pair's ratio is from 1, as a logarithm; below 0 if it has none."""
    return -1.0 if pair.ratio_b_to_a is None else abs(math.log(pair.ratio_b_to_a.mean))


def _changed(comparison: RunComparison, changed: Sequence[ComparedVariant]) -> list[str]:
    """The counts; then the largest change for the worse, or else for the better."""
    judged = comparison.comparable
    kinds = [kind for kind in _CHANGED if any(pair.verdict is kind for pair in changed)]
    first, *second = (_count(comparison, kind) for kind in kinds)
    undecided = sum(pair.verdict is RunVerdict.UNDECIDED for pair in judged)
    lead, number = first
    among = f"in {_of(number, len(judged))}"
    if len(judged) == 1:
        among = f"for {changed[0].variant} on {where(changed[0], comparison)}"
    parts = [f"B is {lead} than A {among}"]
    parts += [f"{word} in {count}" for word, count in second]
    text = ", and ".join(parts)
    if undecided:
        text += f"; {undecided} {'is' if undecided == 1 else 'are'} undecided"
    return [f"{text}.", _most(comparison, [p for p in changed if p.verdict is kinds[0]], changed)]


def _count(comparison: RunComparison, kind: RunVerdict) -> tuple[str, int]:
    number = sum(pair.verdict is kind for pair in comparison.comparable)
    return verdict_word(kind, comparison.measure), number


def _of(number: int, total: int) -> str:
    if number == total:
        return "both pairs" if total == 2 else f"all {total} pairs"
    return f"{number} of {count_pairs(total)}"


def _most(
    comparison: RunComparison,
    candidates: Sequence[ComparedVariant],
    changed: Sequence[ComparedVariant],
) -> str:
    """The largest change; or, if no reference tells it from the machine's, that."""
    unrelated = [pair for pair in changed if not pair.reference and comparison.speed]
    if unrelated:
        them = "This" if len(unrelated) == len(changed) else f"{len(unrelated)} of these"
        return f"{them} may be the machine's doing: no unchanged variant shows its speed."
    pair = max(candidates, key=size)
    times = f"{_ratio(pair)} times the {noun(comparison.measure)}"
    if len(comparison.comparable) == 1:
        return f"It has {times}."
    what = "worst" if pair.verdict is RunVerdict.SLOWER else "largest gain"
    return f"The {what} is {pair.variant} on {where(pair, comparison)}: {times}."


def _ratio(pair: ComparedVariant) -> str:
    return numbers.MISSING if pair.ratio_b_to_a is None else numbers.times(pair.ratio_b_to_a.mean)


def _unchanged(comparison: RunComparison, judged: Sequence[ComparedVariant]) -> list[str]:
    """How many are the same, how many undecided, and what that rules out."""
    undecided = [pair for pair in judged if pair.verdict is RunVerdict.UNDECIDED]
    same = decisions.same(comparison.margin)
    total = len(judged)
    if not undecided:
        where_ = f"in {_of(total, total)}" if total > 1 else f"for {judged[0].variant}"
        return [f"A and B are {same} {where_}."]
    bounds = [pair.at_most for pair in undecided if pair.at_most is not None]
    bound = f"at most {numbers.at_most(max(bounds))}" if bounds else ""
    if len(undecided) == total:
        text = f"No change is shown: {_all_undecided(total)}."
        return [text, *([f"Any change is {bound}."] if bound else [])]
    rest = total - len(undecided)
    text = (
        f"No change is shown: {_of(rest, total)} {'is' if rest == 1 else 'are'} {same}, and "
        f"{len(undecided)} {'is' if len(undecided) == 1 else 'are'} undecided."
    )
    return [text, *([f"An undecided change is {bound}."] if bound else [])]


def _all_undecided(total: int) -> str:
    return "the only pair is undecided" if total == 1 else f"{_of(total, total)} are undecided"


def _nothing_shared(comparison: RunComparison) -> list[str]:
    empty = [
        run
        for run, places in (("A", comparison.only_in_a), ("B", comparison.only_in_b))
        if not places
    ]
    if not empty:
        return [NOTHING_SHARED]
    runs = f"Run {empty[0]} has" if len(empty) == 1 else "Both runs have"
    return [f"{runs} no trial, so there is nothing to compare."]


def _without_verdict(comparison: RunComparison) -> list[str]:
    """Estimates alone, as of a single block; or nothing at all."""
    known = [pair for pair in comparison.pairs if pair.ratio_b_to_a is not None]
    if not known:
        return _nothing_compared(comparison)
    pair = max(known, key=size)
    return [
        "Too few blocks: there are estimates, and no verdict.",
        f"By estimate, the largest change is {pair.variant} on {where(pair, comparison)}: "
        f"{_ratio(pair)} times the {noun(comparison.measure)}.",
    ]


def _nothing_compared(comparison: RunComparison) -> list[str]:
    """With the reason, if it is one and short."""
    one = len(comparison.pairs) == 1
    text = "The only pair" if one else f"None of {count_pairs(len(comparison.pairs))}"
    reasons = {pair.reason for pair in comparison.pairs if pair.reason is not None}
    why = reasons.pop() if len(reasons) == 1 else ""
    told = f"{capital(why)}."
    return [
        f"{text} {'cannot' if one else 'can'} be compared.",
        *([told] if why and brief_enough(told) else []),
    ]
