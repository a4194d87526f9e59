"""The plan of a run: pure, and the same for the same study and seed.

Every entry follows every other about equally often. A server's turn depends on the one before it: a
core's caches, its clock speed, the database's buffers. A Williams design (Williams 1949, Australian
Journal of Scientific Research 2:149) is a Latin square in whose rows every ordered pair of
neighbours stands equally often: once in a square for an even number of entries, twice in a square
and its mirror image for an odd one.
"""

import random

from harness.base.errors import UsageError
from harness.inputs.study import Condition, Study
from harness.records.plan import (
    DUPLICATE,
    Entry,
    Phase,
    Plan,
)

_START_S = 0.6
"""Seconds per server at the start of a block, on one core: measured, and only for the estimate."""
_STOP_S = 0.05
_PHASE_S = 0.3
_SLICE_OVERHEAD_S = 0.03
"""Drain, counters and messages around a slice."""
_CELL_S = 10.0
"""Seconds around the ramp of one of Locust's cells: rows, a fresh server, Locust's own start."""
CAPACITY_ROUNDS, CAPACITY_SLICE_S = 4, 0.25
"""Closed-loop slices from which an open loop's rate is taken, where it is a share of capacity."""
_ROWS_PER_S = 200_000
"""Rows that PostgreSQL makes, vacuums and analyses in a second: measured, for the estimate."""
MOST_TRIALS, MOST_TURNS = 10_000, 500_000
"""Of a run. Its report shows every trial and `run.json` every turn; four times the largest study
that is kept here, and the report of that takes a minute."""
LONGEST_S = 14 * 86_400
_TRIES = 9
"""Rates that a search tries on average: some to bracket, some to bisect, two to confirm."""


def make_plan(study: Study) -> Plan:
    """Lay out blocks, conditions and rounds in seeded, balanced order.

    The order of conditions within a block is drawn too, so that no condition always comes first on
    fresh servers.

    Raises:
        UsageError: the run would be too large or too long; with the number to lower.
    """
    _check_size(study)
    entries = tuple(Entry(name=name, variant=name) for name in study.everyone)
    if not study.ramped:
        entries += (Entry(name=study.baseline + DUPLICATE, variant=study.baseline),)
    phases: list[Phase] = []
    for block in range(1, study.blocks + 1):
        conditions = list(study.conditions)
        random.Random(f"{study.seed}/{block}").shuffle(conditions)
        crews = list(dict.fromkeys(condition.workers for condition in conditions))
        conditions.sort(key=lambda condition: crews.index(condition.workers))  # share their servers
        phases += [_phase(study, block, condition, entries) for condition in conditions]
    return Plan(
        entries=entries,
        starts=tuple(_starts(study, block, len(entries)) for block in range(1, study.blocks + 1)),
        phases=tuple(phases),
        expected_s=study.blocks * block_s(study),
    )


def _check_size(study: Study) -> None:
    """Refuse what nobody waits for, before it is laid out."""
    in_block = [(c, _measured(study, c), _turns(study, c)) for c in study.conditions]
    trials = study.blocks * sum(entries for _, entries, _ in in_block)
    turns = study.blocks * sum(entries * turns for _, entries, turns in in_block)
    seconds = study.blocks * block_s(study)
    largest, _, _ = max(in_block, key=lambda item: item[1] * item[2])
    inner = "windows" if largest.window_s is not None else "load.rounds"
    longest = max(study.conditions, key=lambda c: _measured(study, c) * _trial_s(study, c))
    for size, most, what, others in (
        (trials, MOST_TRIALS, f"{trials:,} trials", "fewer variants or conditions"),
        (turns, MOST_TURNS, f"{turns:,} slices and windows", f"fewer `{inner}`"),
        (
            seconds, LONGEST_S, f"{seconds / 3600:,.0f} hours",
            f"less time under {longest.name}, which takes the most",
        ),
    ):  # fmt: skip
        if size > most:
            allowed = f"{most / 3600:,.0f} hours" if most == LONGEST_S else f"{most:,}"
            fitting = int(study.blocks * most / size)
            remedy = f"set `blocks` to {fitting} at most" if fitting else f"plan {others}"
            raise UsageError(
                f"{study.blocks:,} block{'s of this study take' if study.blocks > 1 else ' takes'} "
                f"{what}, and at most {allowed} are allowed in a run; {remedy}."
            )


def _measured(study: Study, condition: Condition) -> int:
    """Entries under a condition."""
    return len(study.everyone) if study.ramped else len(study.measured(condition)) + 1


def _turns(study: Study, condition: Condition) -> int:
    """Of each entry under a condition."""
    if study.ramped:
        return 1
    return study.rounds(condition) if condition.window_s is None else condition.windows


def _starts(study: Study, block: int, entries: int) -> tuple[int, ...]:
    """The order of starts in a block, drawn: the first server may get the better memory."""
    return tuple(random.Random(f"{study.seed}/{block}/starts").sample(range(entries), entries))


def _phase(study: Study, block: int, condition: Condition, entries: tuple[Entry, ...]) -> Phase:
    draw = random.Random(f"{study.seed}/{block}/{condition.name}")
    if study.ramped:
        order = draw.sample(range(len(entries)), len(entries))
        return Phase(block=block, condition=condition, orders=(tuple(order),))
    measured = study.measured(condition)
    chosen = [at for at, entry in enumerate(entries) if entry.variant in measured]
    orders = balanced_orders(len(chosen), _turns(study, condition), draw)
    return Phase(
        block=block,
        condition=condition,
        orders=tuple(tuple(chosen[index] for index in order) for order in orders),
    )


def block_s(study: Study) -> float:
    """Estimate how long a block takes, in seconds."""
    starts = [c.workers for c in study.conditions] if study.fresh == "condition" else study.crews
    phases = sum(phase_s(study, condition) for condition in study.conditions)
    return sum(starts_s(study, workers) for workers in starts) + phases


def starts_s(study: Study, workers: int | None = None) -> float:
    """Estimate how long the servers of a block take to start and to stop, in seconds.

    Locust's cells have no common servers.

    workers: of each server; what the study gives to all if None.
    """
    many = study.server.workers if workers is None else workers
    return 0.0 if study.ramped else (len(study.everyone) + 1) * (_START_S * many + _STOP_S)


def phase_s(study: Study, condition: Condition) -> float:
    """Estimate how long one condition takes in a block, in seconds."""
    trials = _measured(study, condition) * _trial_s(study, condition)
    return trials if study.ramped else _PHASE_S + condition.rows / _ROWS_PER_S + trials


def _trial_s(study: Study, condition: Condition) -> float:
    load = study.load
    if study.ramped:
        return load.ramp.length_s(condition.connections) + _CELL_S + condition.rows / _ROWS_PER_S
    if condition.window_s is None:
        return load.warmup_s + study.rounds(condition) * (load.slice_s + _SLICE_OVERHEAD_S)
    tries = _TRIES if condition.objective else 1
    windows = condition.windows * tries * (condition.window_s + load.warmup_s)
    needs_capacity = condition.share is not None or condition.objective is not None
    capacity = CAPACITY_ROUNDS * (CAPACITY_SLICE_S + _SLICE_OVERHEAD_S) if needs_capacity else 0.0
    return load.warmup_s + capacity + windows


def balanced_orders(entries: int, rounds: int, draw: random.Random) -> tuple[tuple[int, ...], ...]:
    """One permutation of the entries' indices per round.

    Squares follow each other as far as the rounds go. Names and rows of each square are drawn: with
    fewer rounds than rows the orders are a random part of a balanced whole.
    """
    orders: list[tuple[int, ...]] = []
    while len(orders) < rounds:
        names = draw.sample(range(entries), entries)
        rows = [tuple(names[index] for index in row) for row in _williams(entries)]
        orders += draw.sample(rows, len(rows))
    return tuple(orders[:rounds])


def _williams(entries: int) -> list[list[int]]:
    """A Williams square, followed by its mirror image if the number of entries is odd."""
    first = [0]
    low, high = 1, entries - 1
    while low <= high:  # 0, 1, n-1, 2, n-2, ...: all neighbours' distances are different
        first.append(low)
        if low < high:
            first.append(high)
        low, high = low + 1, high - 1
    square = [[(index + shift) % entries for index in first] for shift in range(entries)]
    return square if entries % 2 == 0 else [*square, *(row[::-1] for row in square)]
