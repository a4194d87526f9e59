"""Requests that only wait: what each of them takes, how many a variant holds, and how it breaks.

N connections that each have one request under way, and a request that waits for W, can be answered
N / W times a second at most. What is missing to that ideal, and the latency beyond W, is the
server's doing.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec

from harness.analysis.condition import MeasuredCondition
from harness.analysis.labels.errors import errors_of
from harness.analysis.labels.labels import Label
from harness.analysis.measures import Measure, trial_value
from harness.analysis.missing import Absence
from harness.analysis.stats.interval import Interval
from harness.analysis.stats.intervals import block_interval
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Resource, Trial

KEEPS_UP = 0.9
"""Of the ideal rate: a variant that answers so much keeps up with its requests."""
_WAITS = "io_wait"


class Breakage(StrEnum):
    """How a variant breaks, in a word or two."""

    THREADS = "no further thread"
    MEMORY = "out of memory"
    FILES = "no further open file"
    KILLED = "killed"
    DIED = "died"
    WORKERS = "its worker ended"
    TIMEOUTS = "timeouts"
    REFUSED = "no connection"
    CLOSED = "closed connections"
    ERRORS = "wrong answers"
    SILENT = "no answer in the window"


_EXHAUSTED: dict[Resource, Breakage] = {
    "threads": Breakage.THREADS,
    "memory": Breakage.MEMORY,
    "files": Breakage.FILES,
}
_BY_ERROR = {
    "timeout": Breakage.TIMEOUTS,
    "connect": Breakage.REFUSED,
    "closed": Breakage.CLOSED,
}


class WaitingCell(msgspec.Struct, frozen=True):
    """One entry at one number of requests under way. Intervals are over blocks.

    ideal_share: answers per second, of what the waiting allows; 0 where none came.
    excess_p50_ms, excess_p99_ms: latency beyond the waiting.
    memory_kib, threads: per request under way, beyond the server at rest.
    cpu_us: of the server, per answer.
    drain_s: from the end of the load until no request was under way any more.
    unopened, retried: connections of the worst trial that did not stand, or that the kernel had to
        try again.
    unanswered: requests without an answer in time, of all trials.
    broken: how it broke; empty if it did not.
    Failed trials count in all but the latencies: those that came would flatter it.
    """

    entry: str
    ideal_share: Interval | None
    excess_p50_ms: Interval | None
    excess_p99_ms: Interval | None
    memory_kib: Interval | None
    threads: Interval | None
    cpu_us: Interval | None
    drain_s: Interval | None
    unopened: int
    retried: int
    unanswered: int
    broken: tuple[Breakage, ...]


class WaitingLevel(msgspec.Struct, frozen=True):
    """All entries at one number of requests under way."""

    condition: Condition
    cells: tuple[WaitingCell, ...]

    def cell(self, entry: str) -> WaitingCell | None:
        """Of an entry; None if it was not measured."""
        return next((cell for cell in self.cells if cell.entry == entry), None)


class Reach(msgspec.Struct, frozen=True):
    """How many waiting requests a variant holds, by the measured numbers.

    keeps_up_to: the most at which it answers nine tenths of the ideal, at all lower ones too; None
        if it does at none.
    falls_behind_at: the next one; None if it keeps up at all.
    holds: the most at which it has figures before it breaks; None if it breaks at the first.
    breaks_at, how: where it has none for the first time, and why; None and empty if it never does.
    """

    entry: str
    keeps_up_to: int | None
    falls_behind_at: int | None
    holds: int | None
    breaks_at: int | None
    how: tuple[Breakage, ...]


class Waiting(msgspec.Struct, frozen=True):
    """What a study of waiting requests shows beyond its comparisons.

    wait_ms: for how long each request waits.
    """

    wait_ms: int
    levels: tuple[WaitingLevel, ...]
    reaches: tuple[Reach, ...]


def waiting_of(run: Run, conditions: Sequence[MeasuredCondition]) -> Waiting | None:
    """What the conditions with waiting requests in windows of a closed loop show.

    None without any, and in runs from before the size of servers was kept.
    """
    wait_ms = run.study.server.wait_ms
    fitting = [c for c in conditions if wait_ms and _fits(c.condition) and _has_sizes(c)]
    if not fitting:
        return None
    ordered = sorted(fitting, key=lambda measured: measured.condition.connections)
    levels = tuple(
        WaitingLevel(
            measured.condition,
            tuple(_cell(measured, entry, wait_ms) for entry in measured.variants),
        )
        for measured in ordered
    )
    entries = dict.fromkeys(cell.entry for level in levels for cell in level.cells)
    return Waiting(wait_ms, levels, tuple(_reach(entry, levels) for entry in entries))


def _fits(condition: Condition) -> bool:
    closed = condition.window_s is not None and not condition.open_loop
    return condition.endpoint == _WAITS and closed and condition.beside is None


def _has_sizes(measured: MeasuredCondition) -> bool:
    trials = (trial for by_block in measured.trials.values() for trial in by_block.values())
    return any(piece.window and piece.window.at_rest for t in trials for piece in t.slices)


def _cell(measured: MeasuredCondition, entry: str, wait_ms: int) -> WaitingCell:
    condition = measured.condition
    trials = list(measured.trials[entry].values())
    good = list(measured.good(entry).values())
    windows = [s.window for t in trials for s in t.slices if s.window is not None]
    openings = [window.opening for window in windows if window.opening is not None]
    ideal_per_s = condition.connections / wait_ms * 1e3
    return WaitingCell(
        entry=entry,
        ideal_share=_over(trials, lambda trial: _answered_per_s(trial), 1 / ideal_per_s),
        excess_p50_ms=_over(good, lambda t: _excess_ms(t, Measure.P50, wait_ms)),
        excess_p99_ms=_over(good, lambda t: _excess_ms(t, Measure.P99, wait_ms)),
        memory_kib=_over(trials, lambda trial: _grown(trial, "rss_kib"), 1 / condition.connections),
        threads=_over(trials, lambda trial: _grown(trial, "threads"), 1 / condition.connections),
        cpu_us=_over(trials, lambda trial: trial_value(Measure.CPU, trial)),
        drain_s=_over(trials, _drain_s),
        unopened=max((o.refused + o.unanswered + o.failed for o in openings), default=0),
        retried=max((opening.slow for opening in openings), default=0),
        unanswered=errors_of(trials).get("timeout", 0),
        broken=_broken(measured, entry),
    )


def _over(
    trials: Iterable[Trial], value: Callable[[Trial], float | None], factor: float = 1.0
) -> Interval | None:
    """The mean of a value over trials, each of a block, with its interval."""
    known = [v * factor for trial in trials if (v := value(trial)) is not None]
    return block_interval(known)


def _answered_per_s(trial: Trial) -> float | None:
    """None only where nothing was sent: no answer is a result."""
    elapsed_ns = sum(piece.elapsed_ns for piece in trial.slices)
    return sum(s.correct for s in trial.slices) / elapsed_ns * 1e9 if elapsed_ns else None


def _excess_ms(trial: Trial, measure: Measure, wait_ms: int) -> float | None:
    latency_ms = trial_value(measure, trial)
    return None if latency_ms is None else latency_ms - wait_ms


def _grown(trial: Trial, what: str) -> float | None:
    """From rest to the end of the load, as a mean over its windows."""
    grown = [
        float(getattr(s.window.at_close, what) - getattr(s.window.at_rest, what))
        for s in trial.slices
        if s.window is not None and s.window.at_rest and s.window.at_close
    ]
    return sum(grown) / len(grown) if grown else None


def _drain_s(trial: Trial) -> float | None:
    drains = [s.window.drain_ns for s in trial.slices if s.window is not None]
    known = [drain / 1e9 for drain in drains if drain is not None]
    return sum(known) / len(known) if known else None


def _broken(measured: MeasuredCondition, entry: str) -> tuple[Breakage, ...]:
    """How it broke under a condition; empty where it has figures."""
    missing = next((item for item in measured.missing if item.entry == entry), None)
    if missing is None or missing.absence is not Absence.FAILED:
        return ()
    trials = list(measured.trials[entry].values())
    labels = {f.label for findings in measured.findings[entry] for f in findings}
    return breakages(trials, labels)


def breakages(trials: Sequence[Trial], labels: Iterable[Label] = ()) -> tuple[Breakage, ...]:
    """How trials that failed broke, by what they have kept; the deepest cause first.

    Args:
        trials: that failed.
        labels: of them.
    """
    found = [_EXHAUSTED[resource] for trial in trials for resource in trial.exhausted]
    problems = [trial.problem or "" for trial in trials]
    if any("SIGKILL" in problem for problem in problems):
        found.append(Breakage.KILLED)
    elif any("the server died" in problem for problem in problems):
        found.append(Breakage.DIED)
    elif Label.WORKERS_CHANGED in labels:
        found.append(Breakage.WORKERS)
    errors = errors_of(trials)  # the most frequent first
    found += [_BY_ERROR.get(kind, Breakage.ERRORS) for kind, count in errors.items() if count]
    return tuple(dict.fromkeys(found)) or (Breakage.SILENT,)


def _reach(entry: str, levels: Sequence[WaitingLevel]) -> Reach:
    keeps_up_to = falls_behind_at = holds = breaks_at = None
    how: tuple[Breakage, ...] = ()
    for level in levels:
        cell, count = level.cell(entry), level.condition.connections
        if cell is None:
            continue
        share = None if cell.ideal_share is None else cell.ideal_share.mean
        behind = bool(cell.broken) or share is None or share < KEEPS_UP
        if falls_behind_at is None and behind:
            falls_behind_at = count
        elif falls_behind_at is None:
            keeps_up_to = count
        if breaks_at is None and cell.broken:
            breaks_at, how = count, cell.broken
        elif breaks_at is None:
            holds = count
    return Reach(entry, keeps_up_to, falls_behind_at, holds, breaks_at, how)
