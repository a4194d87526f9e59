"""Named effects: the contrasts that a study declares, and every pair that differs in one factor.

Declared contrasts, the steps of waterfalls and the interactions of squares are the hypotheses of a
study: one family of tests of "no effect", adjusted together (Holm 1979). The pairs that are derived
from factors are a second family, for exploring, so that they do not reduce the power of the first.
"""

from collections.abc import Sequence
from itertools import combinations

import msgspec

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.ties import holm
from harness.inputs.factors import brought, differences, factors_of
from harness.inputs.study import Condition, Contrast
from harness.records.run import Run


class Effect(msgspec.Struct, frozen=True):
    """One contrast under one condition, as ratios.

    factor: of a derived contrast, the one factor in which its two variants differ; None of a
        declared one.
    cpu: of server CPU per request. throughput: None if something else limited its variants.
    called: whether the ratio of CPU differs from 1, after adjustment within its family; None with
        one block.
    """

    contrast: Contrast
    factor: str | None
    cpu: Interval
    throughput: Interval | None
    called: bool | None


class Hypothesis(msgspec.Struct, frozen=True):
    """A declared test. p: of no effect, before adjustment; None with one block."""

    condition: Condition
    name: str
    p: float | None


def effects(
    run: Run, conditions: Sequence[MeasuredCondition], others: Sequence[Hypothesis]
) -> tuple[dict[Condition, tuple[Effect, ...]], dict[tuple[Condition, str], bool]]:
    """Estimate and test all contrasts under all conditions that have their variants.

    Args:
        run: its study and variants.
        conditions: that it measured.
        others: further members of the declared family.

    Returns:
        Effects by condition. And whether each of the others is called, by condition and name,
        without those that have no p value.
    """
    estimated: dict[tuple[Condition, str], Effect] = {}
    declared = {(t.condition, t.name): t.p for t in others if t.p is not None}
    derived: dict[tuple[Condition, str], float] = {}
    for measured in conditions:
        for contrast, factor in _contrasts(run, measured):
            cpu = measured.contrast(Measure.CPU, contrast.weights)
            if cpu is None:
                continue
            key = measured.condition, contrast.name
            throughput = _throughput(measured, contrast)
            estimated[key] = Effect(contrast, factor, cpu.interval().exp(), throughput, None)
            if cpu.se is not None:
                family = declared if factor is None else derived
                family[key] = cpu.p
    looks = {measured.condition: measured.looks for measured in conditions}
    called = {
        key: p <= looks[key[0]].level(len(family))
        for family in (declared, derived)
        for key, p in holm(family).items()
    }
    for key, effect in estimated.items():
        estimated[key] = msgspec.structs.replace(effect, called=called.get(key))
    by_condition = {
        measured.condition: tuple(e for (c, _), e in estimated.items() if c == measured.condition)
        for measured in conditions
    }
    return by_condition, {key: call for key, call in called.items() if key not in estimated}


def _throughput(measured: MeasuredCondition, contrast: Contrast) -> Interval | None:
    if measured.why_unranked(Measure.THROUGHPUT, contrast.variants) is not None:
        return None
    ratio = measured.contrast(Measure.THROUGHPUT, contrast.weights)
    return None if ratio is None else ratio.interval().exp()


def _contrasts(run: Run, measured: MeasuredCondition) -> list[tuple[Contrast, str | None]]:
    """Declared contrasts with None, then derived ones with their factor; no pair is in both."""
    present = [name for name in run.study.everyone if name in measured.trials]
    declared = [c for c in run.study.contrasts if c.variants.issubset(present)]
    taken = {frozenset((c.of, c.to)) for c in declared if c.against is None}
    factors = {name: factors_of(name, run.variants[name]) for name in present}
    contrasts: list[tuple[Contrast, str | None]] = [(contrast, None) for contrast in declared]
    for of, to in combinations(present, 2):
        changed = differences(factors[of], factors[to])
        if len(changed) == 1 and frozenset((of, to)) not in taken:
            ((factor, (one, other)),) = changed.items()
            title = f"{factor}: {one} / {other}"
            if along := brought(factors[of], factors[to]):
                title += f" (with {', '.join(f'{f} {v}' for f, v in along.items())})"
            contrasts.append((Contrast(f"{of} / {to}", title, of, to), factor))
    return contrasts
