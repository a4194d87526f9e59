"""From a study to what happens when: pure, and the same for the same seed."""

import random

import msgspec

from harness.study import Condition, Study

DUPLICATE = "#duplicate"
"""Appended to the baseline's name for the hidden A/A entry."""
_START_S = 1.2
"""Seconds per server at the start of a block, on one core; measured, for the estimate only."""
_STOP_S = 0.6
_PHASE_S = 1.0
_SLICE_OVERHEAD_S = 0.03
"""Drain, counters and messages around a slice."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One server of a block: a variant, or the hidden duplicate of the baseline."""

    name: str
    variant: str

    @property
    def duplicate(self) -> bool:
        """Whether it is the A/A entry."""
        return self.name != self.variant


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition in one block: the smallest piece that is run, kept and resumed.

    orders: one permutation of the entries' indices per round.
    """

    block: int
    condition: Condition
    orders: tuple[tuple[int, ...], ...]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that will be done, in order."""

    entries: tuple[Entry, ...]
    phases: tuple[Phase, ...]
    expected_s: float


def make_plan(study: Study) -> Plan:
    """Lay out blocks, conditions and seeded random rounds.

    The order of conditions within a block is drawn too, so that no condition always comes first on
    fresh servers.
    """
    entries = (
        *(Entry(name=name, variant=name) for name in study.variants),
        Entry(name=study.baseline + DUPLICATE, variant=study.baseline),
    )
    phases: list[Phase] = []
    for block in range(1, study.blocks + 1):
        conditions = list(study.conditions)
        random.Random(f"{study.seed}/{block}").shuffle(conditions)
        phases += [_phase(study, block, condition, len(entries)) for condition in conditions]
    return Plan(entries=entries, phases=tuple(phases), expected_s=_expected_s(study, len(entries)))


def _phase(study: Study, block: int, condition: Condition, entries: int) -> Phase:
    draw = random.Random(f"{study.seed}/{block}/{condition.name}")
    orders = [tuple(draw.sample(range(entries), entries)) for _ in range(study.load.rounds)]
    return Phase(block=block, condition=condition, orders=tuple(orders))


def _expected_s(study: Study, entries: int) -> float:
    load = study.load
    trial = load.warmup_s + load.rounds * (load.slice_s + _SLICE_OVERHEAD_S)
    phase = _PHASE_S + entries * trial
    return study.blocks * (entries * (_START_S + _STOP_S) + len(study.conditions) * phase)
