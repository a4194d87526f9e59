"""Named effects: the contrasts that a study declares, and every pair that differs in one factor."""

import math
from collections.abc import Sequence
from itertools import combinations

import msgspec

from harness.analysis.intervals import Interval
from harness.analysis.measures import Measure
from harness.analysis.pieces import Piece
from harness.analysis.ties import ALPHA, exceedance_p, holm
from harness.factors import differences, factors_of
from harness.records import Run
from harness.study import Condition, Contrast


class Effect(msgspec.Struct, frozen=True):
    """One contrast under one condition, as ratios.

    factor: of a derived contrast, the one factor in which its two variants differ; None of a
        declared one.
    cpu: of server CPU per request. throughput: None where it says nothing about the variants.
    called: whether the ratio of CPU differs from 1 by more than two identical servers do, beyond
        doubt, after adjustment for all contrasts of the study; None without a noise floor.
    """

    contrast: Contrast
    factor: str | None
    cpu: Interval
    throughput: Interval | None
    called: bool | None


def effects(run: Run, pieces: Sequence[Piece]) -> dict[Condition, tuple[Effect, ...]]:
    """All contrasts under all conditions that have their variants."""
    found: dict[tuple[Condition, str], Effect] = {}
    p_values: dict[tuple[Condition, str], float] = {}
    for piece in pieces:
        floor = piece.floor(Measure.CPU)
        for contrast, factor in _contrasts(run, piece):
            cpu = piece.combination(Measure.CPU, contrast.weights)
            if cpu is None:
                continue
            key = piece.condition, contrast.name
            found[key] = Effect(contrast, factor, cpu.exp(), _throughput(piece, contrast), None)
            if floor is not None:
                # Two differences of identical servers, subtracted, vary by the root of two more.
                wide = floor if contrast.against is None else floor * math.sqrt(2)
                p_values[key] = exceedance_p(cpu, wide)
    for key, p in holm(p_values).items():
        found[key] = msgspec.structs.replace(found[key], called=p <= ALPHA)
    return {
        piece.condition: tuple(e for (c, _), e in found.items() if c == piece.condition)
        for piece in pieces
    }


def _throughput(piece: Piece, contrast: Contrast) -> Interval | None:
    if piece.unsaid(Measure.THROUGHPUT) is not None:
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
            found.append((Contrast(f"{of} / {to}", title, of, to), factor))
    return found
