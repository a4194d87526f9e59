"""What changes from one variant to another, in words: what the second has instead or beside."""

from collections.abc import Mapping
from itertools import pairwise

from harness.analysis.causes.waterfalls import Fall
from harness.inputs.factors import FRAMEWORK, differences, factors_of, vocabulary
from harness.records.run import Run


def change(run: Run, before: str, after: str) -> str:
    """What the variant `after` has and `before` has not, as a noun phrase.

    Args:
        run: with both variants.
        before, after: names of variants that differ in a factor at least.
    """
    one, other = (factors_of(name, run.variants[name]) for name in (before, after))
    titles = {FRAMEWORK: {_folder(n): run.variants[n].framework for n in (before, after)}}
    changed = differences(one, other)
    told = [
        told_of_framework(old, new, titles[FRAMEWORK])
        if factor == FRAMEWORK
        else told_of_factor(factor, old, new)
        for factor, (old, new) in changed.items()
    ]
    return " and ".join(told) or f"{after} instead of {before}"


def step_names(run: Run, fall: Fall) -> list[str]:
    """What each step of a waterfall adds."""
    variants = [fall.first, *(step.variant for step in fall.steps)]
    return [change(run, before, after) for before, after in pairwise(variants)]


def told_of_framework(old: str, new: str, titles: Mapping[str, str]) -> str:
    """Another framework, as a noun phrase.

    Args:
        old, new: values of the factor.
        titles: of frameworks, by value; a value without one stands for itself.
    """
    return f"{titles.get(new, new)} instead of {titles.get(old, old)}"


def told_of_factor(factor: str, old: str, new: str) -> str:
    """Another value of a factor, as a noun phrase; see `told_of_framework` for that one."""
    return vocabulary().change(factor, old, new)


def data_layer(value: str) -> str:
    """A value of the factor `data` by the name of its library."""
    return vocabulary().title("data", value)


def _folder(name: str) -> str:
    return name.partition("/")[0]
