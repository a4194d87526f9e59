"""Kinds of studies by the question that they answer: the report's first screen follows from it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Literal

import msgspec

from harness.inputs.study import Condition, Latency, Study

LEAST_STEPS = 3
"""A curve has so many values of its axis, or more: two are a comparison."""


class StudyKind(StrEnum):
    """What the first screen of a report answers."""

    RANKING = "ranking"
    """Which stack is ahead, by how much, and which are tied?"""
    CAUSAL = "causal"
    """What does a difference come from?"""
    SWEEP = "sweep"
    """From which load, rate or latency on does which stack win?"""
    REPLICATION = "replication"
    """Does a published experiment repeat?"""
    AB = "ab"
    """Is a variant faster, slower or the same with a change?"""


class Axis(StrEnum):
    """What grows from condition to condition of a sweep."""

    CONNECTIONS = "connections"
    RATE = "rate"
    SHARE = "share"
    ROWS = "rows"
    DATABASE_MS = "database_ms"
    CLIENT_MS = "client_ms"
    WORKERS = "workers"


class Sweep(msgspec.Struct, frozen=True):
    """Conditions that differ in one quantity, by which they ascend.

    points: the quantity with its condition, ascending.
    """

    axis: Axis
    points: tuple[tuple[float, Condition], ...]

    @property
    def endpoint(self) -> str:
        """What all of them request."""
        return self.points[0][1].endpoint

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """By their quantity, ascending."""
        return tuple(condition for _, condition in self.points)


def kind_of(study: Study) -> StudyKind:
    """The kind of a study, by its design.

    A ramp of users replicates. The baseline against setups of itself is an A/B. Declared contrasts
    and squares ask for causes. Sweeps that hold half of the conditions make a sweep. Anything else
    ranks.
    """
    if study.ramped:
        return StudyKind.REPLICATION
    others = [study.setups.get(name) for name in study.everyone if name != study.baseline]
    if others and all(s is not None and s.variant == study.baseline for s in others):
        return StudyKind.AB
    if study.contrasts or study.squares:
        return StudyKind.CAUSAL
    swept = {condition for sweep in sweeps_of(study) for condition in sweep.conditions}
    if swept and 2 * len(swept) >= len(study.conditions):
        return StudyKind.SWEEP
    return StudyKind.RANKING


def sweeps_of(study: Study) -> tuple[Sweep, ...]:
    """Every set of three or more conditions that differ in one quantity, in the study's order.

    Window lengths and groups of variants may differ within one. A condition belongs to one sweep at
    most: to that of the first axis which has one for it.
    """
    found: list[Sweep] = []
    taken: set[Condition] = set()
    for axis, quantity in _QUANTITIES.items():
        alike: dict[Condition, dict[float, Condition]] = {}
        for condition in study.conditions:
            if condition not in taken and (value := quantity(condition)) is not None:
                alike.setdefault(_without(axis, condition), {}).setdefault(value, condition)
        for members in alike.values():
            if len(members) >= LEAST_STEPS:
                sweep = Sweep(axis, tuple(sorted(members.items(), key=lambda item: item[0])))
                found.append(sweep)
                taken.update(sweep.conditions)
    order = {condition: at for at, condition in enumerate(study.conditions)}
    return tuple(sorted(found, key=lambda sweep: min(order[c] for c in sweep.conditions)))


def _added_ms(leg: Literal["database", "client"]) -> Callable[[Condition], float | None]:
    """Round trips added on a leg; None in an open loop, whose rate is its axis."""

    def added(condition: Condition) -> float | None:
        if condition.open_loop:
            return None
        return 0.0 if condition.latency is None else condition.latency.legs[leg]

    return added


_QUANTITIES: dict[Axis, Callable[[Condition], float | None]] = {
    Axis.RATE: lambda condition: condition.rate,
    Axis.SHARE: lambda condition: condition.share,
    Axis.CONNECTIONS: lambda c: None if c.open_loop else float(c.connections),
    Axis.ROWS: lambda condition: float(condition.rows),
    Axis.DATABASE_MS: _added_ms("database"),
    Axis.CLIENT_MS: _added_ms("client"),
    Axis.WORKERS: lambda c: None if c.workers is None else float(c.workers),
}


def _without(axis: Axis, condition: Condition) -> Condition:
    """The condition without the quantity of an axis, and without what may differ along it."""
    latency = Latency() if condition.latency is None else condition.latency
    alike = msgspec.structs.replace(
        condition, group=None, window_s=None, windows=1, latency=latency
    )
    match axis:
        case Axis.DATABASE_MS | Axis.CLIENT_MS:
            rest = msgspec.structs.replace(latency, **{axis.value: 0.0})
            return msgspec.structs.replace(alike, latency=rest)
        case Axis.CONNECTIONS:
            return msgspec.structs.replace(alike, connections=1)
        case Axis.ROWS:
            return msgspec.structs.replace(alike, rows=0)
        case Axis.RATE | Axis.SHARE | Axis.WORKERS:
            return msgspec.structs.replace(alike, **{axis.value: None})
