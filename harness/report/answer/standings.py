"""Where the stacks that most readers know stand: the second sentence of a ranking's headline."""

from collections.abc import Mapping

from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.analysis.variants import Comparison
from harness.inputs.factors import FRAMEWORK, VIEWS, factors_of, vocabulary
from harness.records.run import Run, VariantRecord
from harness.report.words import numbers

KNOWN = ("django", "fastapi", "flask")
"""The frameworks that a reader looks for first: the three most used ones in the Python Developers
Survey of the Python Software Foundation and JetBrains, 2023 and 2024."""
_API = "api"
_TAKES = {
    Measure.CPU: "takes {ratio} times the CPU of {baseline}",
    Measure.THROUGHPUT: "answers {ratio} times as many requests as {baseline}",
    Measure.P99: "has {ratio} times the 99th percentile of {baseline}",
    Measure.SUSTAINED: "sustains {ratio} times the rate of {baseline}",
}
_MOST_NAMES = 3
"""Stacks that are named beside the best and the baseline."""
_LEAST_NAMES = 2
"""Of them; fewer are told by the gap between the best and the baseline."""
_MOST_WORDS = 20
"""Of a sentence of a headline. The name of a variant is one word."""


def standing(run: Run, comparison: Comparison, where: str, baseline: str) -> str:
    """The best and the known stacks by their ratios to the baseline, as in the picture.

    Args:
        run: knows the frameworks.
        comparison: of one condition, with a ranking.
        where: the condition in a few words.
        baseline: of the run.

    Returns:
        A sentence; empty with fewer than two known stacks beside the best and the baseline, and
        where the baseline has no figure.
    """
    shown = [name for name in comparison.ranking if name in comparison.ratios]
    best = comparison.ranking[0]
    known = [name for name in known_stacks(run.variants, shown, baseline) if name != best]
    most = min(len(known), _MOST_NAMES) if len(known) >= _LEAST_NAMES else 0
    for count in range(most, 0, -1):
        named = {best, *known[:count]}
        sentence = _sentence(comparison, [n for n in shown if n in named], where, baseline)
        if len(sentence.split()) <= _MOST_WORDS:
            return sentence
    return ""


def known_stacks(
    variants: Mapping[str, VariantRecord], ranking: list[str], baseline: str
) -> list[str]:
    """The best of each kind of known stack, those with plain views first.

    A kind is a framework with sync or async views and an API layer. The baseline stands for its
    own.
    """
    usual = vocabulary().usual[_API]
    seen = {_kind(baseline, variants[baseline])}
    plain, layered = [], []
    for name in ranking:
        framework, views, api = kind = _kind(name, variants[name])
        if framework in KNOWN and kind not in seen:
            seen.add(kind)
            (plain if api == usual else layered).append(name)
    return plain + layered


def _kind(name: str, variant: VariantRecord) -> tuple[str, str, str]:
    factors = factors_of(name, variant)
    return factors[FRAMEWORK], factors.get(VIEWS, ""), factors[_API]


def _sentence(comparison: Comparison, named: list[str], where: str, baseline: str) -> str:
    first, *others = named
    takes = _TAKES[comparison.measure].format(ratio=_ratio(comparison, first), baseline=baseline)
    rest = [f"{name} {_ratio(comparison, name)}" for name in others]
    return f"On {where} {', '.join([f'{first} {takes}', *rest])}."


def _ratio(comparison: Comparison, name: str) -> str:
    """The ratio, with its verdict unless it differs from 1."""
    text = numbers.times(comparison.ratios[name].mean)
    decision = comparison.decisions.get(name)
    if decision is None or decision.verdict is Verdict.DIFFERS:
        return text
    return f"{text} ({decision.verdict.value})"
