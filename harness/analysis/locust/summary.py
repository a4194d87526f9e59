"""Locust's cells, summed up, and laid beside a table that was published."""

from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.labels.labels import Label
from harness.analysis.labels.rules import ERROR_SHARE
from harness.analysis.locust.cells import Cell, cell_of, last_attempts
from harness.analysis.locust.rates import log_ratio
from harness.analysis.stats.intervals import Interval
from harness.inputs.published_tables import PublishedCell
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial

NOT_THEIRS = frozenset({Label.GENERATOR_BOUND, Label.DATABASE_BOUND, Label.LOAD_CORE_BOUND})
"""Labels of a cell that was limited by something else than its setup."""


class Gain(msgspec.Struct, frozen=True):
    """How many times as many successes per second a setup had as another, at most.

    baseline: that other: the study's, or an earlier setup of the same variant.
    ours: over blocks; without bounds where there is one. published: None where it was not.
    successes, published_successes: likewise, of all successes.
    doubts: what keeps the ratio from being about the two setups, e.g. that not all users came.
    charted: as Locust's charts would have shown the highest rates, which is what was published.
    """

    setup: str
    baseline: str
    condition: Condition
    ours: Interval
    published: float | None
    successes: Interval | None = None
    published_successes: float | None = None
    doubts: tuple[str, ...] = ()
    charted: float | None = None

    @property
    def quotient(self) -> float | None:
        """Ours over the published one, both from charts."""
        if self.charted is None or not self.published:
            return None
        return self.charted / self.published

    @property
    def successes_quotient(self) -> float | None:
        """The same of all successes."""
        if self.successes is None or not self.published_successes:
            return None
        return self.successes.mean / self.published_successes


class Ramps(msgspec.Struct, frozen=True):
    """A run of Locust's cells.

    published: by setup and condition, where the study names a table that has the cell.
    """

    baseline: str
    cells: tuple[Cell, ...]
    gains: tuple[Gain, ...]
    published: tuple[tuple[str, Condition, PublishedCell], ...]

    def cell(self, setup: str, condition: Condition) -> Cell:
        """The one of that setup and condition; it stands there, if only with a problem."""
        return next(c for c in self.cells if c.setup == setup and c.condition == condition)

    def in_print(self, setup: str, condition: Condition) -> PublishedCell | None:
        """What was published of it."""
        found = (p for s, c, p in self.published if s == setup and c == condition)
        return next(found, None)


def summarise(run: Run, trials: Sequence[Trial]) -> Ramps:
    """Sum up the last attempt at each cell."""
    last = last_attempts(trials)
    setups = run.measured
    conditions = run.study.conditions
    in_print = tuple(
        (setup, condition, found)
        for setup in setups
        for condition in conditions
        if (found := _in_print(run, setup, condition)) is not None
    )
    known = {(setup, condition): found for setup, condition, found in in_print}
    cells = {
        (setup, c): cell_of(
            run, setup, c, [t for t in last if (t.entry, t.condition) == (setup, c)]
        )
        for c in conditions
        for setup in setups
    }
    return Ramps(
        baseline=run.study.baseline,
        cells=tuple(cells.values()),
        gains=tuple(
            gain
            for c in conditions
            for setup, to in pairs_of(run, setups)
            if (gain := _gain(cells, setup, to, c, known)) is not None
        ),
        published=in_print,
    )


def pairs_of(run: Run, setups: Sequence[str]) -> list[tuple[str, str]]:
    """Whom to compare: all with the baseline, and setups of one variant with each other.

    Nothing but a setting lies between the latter.
    """
    base = run.study.baseline
    made_of = {name: setup.variant for name, setup in run.study.setups.items()}
    same = [
        (later, earlier)
        for at, later in enumerate(setups)
        for earlier in setups[:at]
        if earlier != base and later in made_of and made_of[later] == made_of.get(earlier)
    ]
    return [(setup, base) for setup in setups if setup != base] + same


def _in_print(run: Run, setup: str, condition: Condition) -> PublishedCell | None:
    """The published experiment delayed both legs by one figure."""
    legs = set(condition.latency.legs.values()) if condition.latency else {0.0}
    if run.published is None or len(legs) > 1:
        return None
    wanted = (setup, condition.endpoint, legs.pop())
    cells = (c for c in run.published.cells if (c.setup, c.endpoint, c.latency_ms) == wanted)
    return next(cells, None)


def _gain(
    cells: Mapping[tuple[str, Condition], Cell],
    setup: str,
    base: str,
    condition: Condition,
    known: Mapping[tuple[str, Condition], PublishedCell],
) -> Gain | None:
    ours, theirs = cells[setup, condition], cells.get((base, condition))
    if theirs is None:
        return None
    effect = log_ratio(ours.highest_by_block, theirs.highest_by_block)
    if effect is None:
        return None
    one, other = known.get((setup, condition)), known.get((base, condition))
    published = total = None
    if one is not None and other is not None:
        published = one.highest_per_s / other.highest_per_s if other.highest_per_s else None
        total = one.successes / other.successes if other.successes else None
    counted = log_ratio(ours.successes_by_block, theirs.successes_by_block)
    return Gain(
        setup,
        base,
        condition,
        effect.exp(),
        published,
        successes=None if counted is None else counted.exp(),
        published_successes=total,
        doubts=tuple(doubt for cell in (ours, theirs) for doubt in _doubts(cell)),
        charted=(
            ours.charted_per_s / theirs.charted_per_s
            if ours.charted_per_s and theirs.charted_per_s
            else None
        ),
    )


def _doubts(cell: Cell) -> list[str]:
    found = [f.detail for f in cell.found if f.label in NOT_THEIRS]
    share = cell.failed_share
    if share is not None and share > ERROR_SHARE:
        found.append(f"{share:.0%} of its requests failed")
    return [f"{cell.setup}: {what}" for what in found]
