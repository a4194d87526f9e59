"""Labels for what befell a trial: which events spoil it, and which are a server's own habit.

An event from outside (a stopped process, a CPU quota, a sleeping machine) makes the figures those
of something else. Such a trial does not count, and its phase is measured again.

A stall or a change of workers may also be the server's own doing: long pauses for garbage, a lock,
`--max-requests`. To leave such trials out would flatter that server, because only its trials
without pauses would count. An accident seldom meets the same variant again, and a habit does. So
what befalls most trials of a variant is labelled and counts.
"""

from collections.abc import Iterable, Mapping, Sequence

from harness.analysis.labels.labels import Finding, Label
from harness.inputs.study import Condition
from harness.records.trial import Event, EventKind, Trial

type Habits = Mapping[tuple[Condition, str], frozenset[EventKind]]
"""By condition and variant: the kinds of events that are its own doing."""

_LABELS: dict[EventKind, Label] = {
    "probe-lost": Label.PROBE_LOST,
    "workers-changed": Label.WORKERS_CHANGED,
    "database-restarted": Label.DATABASE_RESTARTED,
    "stalled": Label.STALLED,
    "stopped": Label.STOPPED,
    "generator-paused": Label.LOAD_PAUSED,
    "harness-paused": Label.LOAD_PAUSED,
    "throttled": Label.THROTTLED,
    "clock-jumped": Label.CLOCK_JUMPED,
    "suspended": Label.SUSPENDED,
}
_AS_HABIT: dict[EventKind, Label] = {
    "stalled": Label.PAUSING,
    "workers-changed": Label.RECYCLING,
}
"""Kinds that may be a server's own doing."""
_HARMLESS: frozenset[EventKind] = frozenset({"probe-lost", "clock-jumped"})
"""Without the probe an interval is wider, and no figure is wrong. Durations come from the monotonic
clock, which nobody can set."""
_EXPLAINS: frozenset[EventKind] = frozenset(_LABELS) - _HARMLESS - {"stalled"}
"""A stall in the same turn is due to these."""
_OFTEN_IN_TRIAL = 3
"""Turns of one trial with the same event: three accidents to one server in a minute are none."""
_LEAST, _SHARE = 2, 2 / 3
"""Trials with the event, and the share of all that must be exceeded: with two blocks, two accidents
and their repetitions are two of four."""


def spoils(events: Iterable[Event]) -> bool:
    """Whether one of these makes the figures of its turn useless; of a habit nothing is known."""
    return any(event.kind not in _HARMLESS for event in events)


def habits(trials: Sequence[Trial]) -> Habits:
    """What befalls most trials of a variant under a condition, or a single trial again and again.

    Args:
        trials: all of a run that are known, repeated attempts included.
    """
    groups: dict[tuple[Condition, str], list[Trial]] = {}
    for trial in trials:
        if trial.slices:
            groups.setdefault((trial.condition, trial.variant), []).append(trial)
    return {
        key: frozenset(kind for kind in _AS_HABIT if _is_habit(kind, group))
        for key, group in groups.items()
        if any(trial.events for trial in group)
    }


def _is_habit(kind: EventKind, trials: Sequence[Trial]) -> bool:
    """The twins of one phase are one observation: an accident may strike both at once."""
    turns = [(trial.block, trial.attempt, len(_turns_of(kind, trial))) for trial in trials]
    phases = {(block, attempt) for block, attempt, _ in turns}
    marked = {(block, attempt) for block, attempt, count in turns if count}
    often = len(marked) >= _LEAST and len(marked) > _SHARE * len(phases)
    return often or max(count for *_, count in turns) >= _OFTEN_IN_TRIAL


def _turns_of(kind: EventKind, trial: Trial) -> set[tuple[int | None, int | None]]:
    """The turns in which it happened without a cause from outside."""
    explained = {_place(e) for e in trial.events if e.kind in _EXPLAINS - {kind}}
    return {_place(e) for e in trial.events if e.kind == kind} - explained


def _place(event: Event) -> tuple[int | None, int | None]:
    return event.round, event.position


def event_findings(trial: Trial, own: frozenset[EventKind]) -> list[Finding]:
    """A finding for each event that was not mended by measuring its window again.

    Args:
        trial: with its events.
        own: the kinds that are a habit of its variant under its condition.
    """
    outside = {_place(e) for e in trial.events if e.kind in _EXPLAINS - own}
    # Requests that time out tell that the server has more to do than it can: it stalls by itself.
    if any("timeout" in piece.failures for piece in trial.slices):
        own = own | {"stalled"}
    return [
        Finding(_label(event, own, explained=_place(event) in outside), event.detail)
        for event in trial.events
        if not event.repeated
    ]


def _label(event: Event, own: frozenset[EventKind], *, explained: bool) -> Label:
    """A habit's label only where nothing from outside explains the event.

    A server that replaces its workers by itself stalls while they start, which is a part of it.
    """
    if not explained and event.kind in own:
        return _AS_HABIT[event.kind]
    if not explained and event.kind == "stalled" and "workers-changed" in own:
        return Label.RECYCLING
    return _LABELS[event.kind]
