"""Where the stacks that most readers know stand: the second sentence of a ranking's headline."""

from collections.abc import Mapping
from typing import NamedTuple

from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.analysis.variants import Comparison
from harness.inputs.factors import FRAMEWORK, VIEWS, factors_of, vocabulary
from harness.records.run import Run, VariantRecord
from harness.report.words import numbers
from harness.report.words.sentences import brief_enough

KNOWN = ("django", "fastapi", "flask")
"""The frameworks that a reader looks for first: the three most used ones in the Python Developers
Survey of the Python Software Foundation and JetBrains, 2023 and 2024."""
_API = "api"
_TAKES = {
    Measure.CPU: "takes {ratio} times the CPU of {baseline}",
    Measure.THROUGHPUT: "answers {ratio} times the requests of {baseline}",
    Measure.P99: "has {ratio} times the 99th percentile of {baseline}",
    Measure.SUSTAINED: "sustains {ratio} times the rate of {baseline}",
}
_MOST_NAMES = 3
"""Stacks that are named beside the best and the baseline."""


def standing(run: Run, comparison: Comparison, where: str, baseline: str) -> str:
    """The best and the known stacks by their ratios to the baseline, as in the picture.

    The best is left out if it is not shown to differ from the baseline.

    Args:
        run: knows the frameworks.
        comparison: of one condition, with a ranking.
        where: the condition in a few words.
        baseline: of the run.

    Returns:
        A sentence; empty without a known stack beside the best and the baseline, and where the
        baseline has no figure.
    """
    shown = [name for name in comparison.ranking if name in comparison.ratios]
    best = comparison.ranking[0]
    known = [name for name in known_stacks(run.variants, shown, baseline) if name != best]
    ahead = {best} if best in shown and _differs(comparison, best) else set()
    for count in range(min(len(known), _MOST_NAMES), 0, -1):
        named = {*ahead, *known[:count]}
        sentence = _sentence(comparison, [n for n in shown if n in named], where, baseline)
        if brief_enough(sentence):
            return sentence
    return ""


def known_stacks(
    variants: Mapping[str, VariantRecord], ranking: list[str], baseline: str
) -> list[str]:
    """The best of each kind of known stack, those with plain views first, then by their API layer.

    A kind is a framework with sync or async views and an API layer. The baseline stands for its
    own.
    """
    layers = list(vocabulary().factors[_API].values)  # the plain views are the first
    seen = {_kind(baseline, variants[baseline])}
    found: list[str] = []
    for name in ranking:
        kind = _kind(name, variants[name])
        if kind.framework in KNOWN and kind not in seen:
            seen.add(kind)
            found.append(name)
    return sorted(found, key=lambda name: layers.index(_kind(name, variants[name]).api))


class _Kind(NamedTuple):
    framework: str
    views: str
    api: str


def _kind(name: str, variant: VariantRecord) -> _Kind:
    factors = factors_of(name, variant)
    return _Kind(factors[FRAMEWORK], factors.get(VIEWS, ""), factors[_API])


def _sentence(comparison: Comparison, named: list[str], where: str, baseline: str) -> str:
    first, *others = named
    ratios = {name: numbers.times(comparison.ratios[name].mean) for name in named}
    takes = _TAKES[comparison.measure].format(ratio=ratios[first], baseline=baseline)
    told = [f"{first} {takes}", *(f"{name} {ratios[name]}" for name in others)]
    judged = [
        f"{text}{_unless_it_differs(comparison, n)}" for text, n in zip(told, named, strict=True)
    ]
    return f"On {where} {', '.join(judged)}."


def _unless_it_differs(comparison: Comparison, name: str) -> str:
    return "" if _differs(comparison, name) else f" ({comparison.decisions[name].verdict.value})"


def _differs(comparison: Comparison, name: str) -> bool:
    """Whether its ratio to the baseline is shown to differ from 1, or is not judged."""
    decision = comparison.decisions.get(name)
    return decision is None or decision.verdict is Verdict.DIFFERS
