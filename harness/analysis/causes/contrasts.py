"""Named effects: the contrasts that a study declares, and every pair that differs in one factor.

Declared contrasts, with the waterfalls' steps and the squares' interactions, are what a study set
out to test: one family, adjusted together (Holm 1979). The pairs that are derived from factors are
another, for exploring; they must not cost the first their power.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import msgspec

from harness.analysis.condition import Piece
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.ties import ALPHA, exceedance_p, holm
from harness.inputs.factors import brought, differences, factors_of
from harness.inputs.study import Condition, Contrast
from harness.records.run import Run


class Effect(msgspec.Struct, frozen=True):
    """One contrast under one condition, as ratios.

    factor: of a derived contrast, the one factor in which its two variants differ; None of a
        declared one.
    cpu: of server CPU per request. throughput: None where it says nothing about its variants.
    called: whether the ratio of CPU differs from 1 by more than identical servers do, beyond doubt,
        after adjustment within its family; None without a noise floor.
    """

    contrast: Contrast
    factor: str | None
    cpu: Interval
    throughput: Interval | None
    called: bool | None


class Hypothesis(msgspec.Struct, frozen=True):
    """Something that the study set out to test: an effect, and what identical servers would show.

    effect, bound: on the same scale, whichever it is.
    """

    condition: Condition
    name: str
    effect: Interval
    bound: float | None


def effects(
    run: Run, pieces: Sequence[Piece], others: Sequence[Hypothesis]
) -> tuple[dict[Condition, tuple[Effect, ...]], dict[tuple[Condition, str], bool]]:
    """All contrasts under all conditions that have their variants.

    Args:
        run, pieces: what was measured.
        others: further members of the declared family.

    Returns:
        Effects by condition; and which of the others are called, by condition and name, those
        without a bound left out.
    """
    found: dict[tuple[Condition, str], Effect] = {}
    declared = {(t.condition, t.name): _p(t.effect, t.bound) for t in others if t.bound is not None}
    derived: dict[tuple[Condition, str], float] = {}
    for piece in pieces:
        floor = piece.floor(Measure.CPU)
        for contrast, factor in _contrasts(run, piece):
            cpu = piece.combination(Measure.CPU, contrast.weights)
            if cpu is None:
                continue
            key = piece.condition, contrast.name
            found[key] = Effect(contrast, factor, cpu.exp(), _throughput(piece, contrast), None)
            if floor is not None:
                family = declared if factor is None else derived
                family[key] = _p(cpu, _bound(contrast, floor))
    called = {key: p <= ALPHA for family in (declared, derived) for key, p in holm(family).items()}
    for key, effect in found.items():
        found[key] = msgspec.structs.replace(effect, called=called.get(key))
    by_condition = {
        piece.condition: tuple(e for (c, _), e in found.items() if c == piece.condition)
        for piece in pieces
    }
    return by_condition, {key: told for key, told in called.items() if key not in found}


def _p(effect: Interval, bound: float | None) -> float:
    return 1.0 if bound is None else exceedance_p(effect, bound)


def _bound(contrast: Contrast, floor: float) -> float:
    """Of a weighted sum of logarithms, where two that differ by 1 and -1 have the floor.

    Errors of identical servers are taken to be independent, so they add in squares: the floor
    itself for two variants, the root of two times it for two pairs, of three for pairs that share
    a variant.
    """
    return floor * math.sqrt(sum(weight**2 for weight in contrast.weights.values()) / 2)


def _throughput(piece: Piece, contrast: Contrast) -> Interval | None:
    if piece.unsaid(Measure.THROUGHPUT, contrast.variants) is not None:
        return None
    ratio = piece.combination(Measure.THROUGHPUT, contrast.weights)
    return None if ratio is None else ratio.exp()


def _contrasts(run: Run, piece: Piece) -> list[tuple[Contrast, str | None]]:
    """Declared ones first; a pair that is declared is not derived again."""
    present = [name for name in run.study.everyone if name in piece.blocks]
    declared = [c for c in run.study.contrasts if c.variants.issubset(present)]
    taken = {frozenset((c.of, c.to)) for c in declared if c.against is None}
    factors = {name: factors_of(name, run.variants[name]) for name in present}
    found: list[tuple[Contrast, str | None]] = [(contrast, None) for contrast in declared]
    for of, to in combinations(present, 2):
        changed = differences(factors[of], factors[to])
        if len(changed) == 1 and frozenset((of, to)) not in taken:
            ((factor, (one, other)),) = changed.items()
            title = f"{factor}: {one} / {other}"
            if along := brought(factors[of], factors[to]):
                title += f" (with {', '.join(f'{f} {v}' for f, v in along.items())})"
            found.append((Contrast(f"{of} / {to}", title, of, to), factor))
    return found
