"""From a study to what happens when: pure, and the same for the same seed."""

import random

from harness.records import DUPLICATE, Entry, Phase, Plan
from harness.study import Condition, Study

_START_S = 1.2
"""Seconds per server at the start of a block, on one core; measured, for the estimate only."""
_STOP_S = 0.6
_PHASE_S = 1.0
_SLICE_OVERHEAD_S = 0.03
"""Drain, counters and messages around a slice."""


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
    return Plan(
        entries=entries,
        starts=tuple(_starts(study, block, len(entries)) for block in range(1, study.blocks + 1)),
        phases=tuple(phases),
        expected_s=_expected_s(study, len(entries)),
    )


def _starts(study: Study, block: int, entries: int) -> tuple[int, ...]:
    """Who is started first may get the better memory; so that is drawn too."""
    return tuple(random.Random(f"{study.seed}/{block}/starts").sample(range(entries), entries))


def _phase(study: Study, block: int, condition: Condition, entries: int) -> Phase:
    draw = random.Random(f"{study.seed}/{block}/{condition.name}")
    orders = [tuple(draw.sample(range(entries), entries)) for _ in range(study.load.rounds)]
    return Phase(block=block, condition=condition, orders=tuple(orders))


def _expected_s(study: Study, entries: int) -> float:
    load = study.load
    trial = load.warmup_s + load.rounds * (load.slice_s + _SLICE_OVERHEAD_S)
    phase = _PHASE_S + entries * trial
    return study.blocks * (entries * (_START_S + _STOP_S) + len(study.conditions) * phase)
