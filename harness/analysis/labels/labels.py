"""Labels on trials, each with a remedy: what limited a throughput, or what disturbed it."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class Label(StrEnum):
    """A property of a trial that a reader of its figures must know."""

    INCOMPLETE = "incomplete"
    STARVED = "starved"
    UNLOADED = "unloaded"
    ERRORS = "errors"
    GENERATOR_BOUND = "generator-bound"
    NOISY = "noisy"
    DATABASE_BOUND = "database-bound"
    LOAD_CORE_BOUND = "load-core-bound"
    SERVER_BOUND = "server-bound"
    LATENCY_BOUND = "latency-bound"
    BUSY_WHEN_IDLE = "busy-when-idle"
    RECONNECTING = "reconnecting"
    POOL_BOUND = "pool-bound"
    CROWDED = "more-workers-than-cores"
    OVERLOADED = "overloaded"
    UNSTEADY = "no-steady-state"
    INCONSISTENT = "inconsistent"
    NEVER_MET = "objective-never-met"
    WORKERS_CHANGED = "workers-changed"
    RECYCLING = "recycling"
    DATABASE_RESTARTED = "database-restarted"
    STALLED = "stalled"
    PAUSING = "pausing"
    STOPPED = "stopped"
    LOAD_PAUSED = "load-paused"
    THROTTLED = "throttled"
    SUSPENDED = "suspended"
    LOAD_WORKER_LOST = "load-worker-lost"
    CLOCK_JUMPED = "clock-jumped"
    PROBE_LOST = "probe-lost"


REMEDIES: dict[Label, str] = {
    Label.INCOMPLETE: "mend what is named (logs are in the run's folder), then `run --resume`",
    Label.STARVED: "mend what the errors name; without a correct answer there is no figure",
    Label.UNLOADED: "lengthen the window, or raise the rate, until requests are sent",
    Label.ERRORS: "find the cause in the samples of the trial; failed requests count for nothing",
    Label.GENERATOR_BOUND: "give the generator a core of its own, or load with fewer connections",
    Label.NOISY: "run again when the machine is quiet, or on one that is not shared",
    Label.DATABASE_BOUND: "compare server CPU per request instead, or give PostgreSQL more cores",
    Label.LOAD_CORE_BOUND: "compare server CPU per request instead, or use more cores",
    Label.SERVER_BOUND: "none needed: the server is what limits, as it should be for capacity",
    Label.LATENCY_BOUND: "raise the connections until something is saturated",
    Label.BUSY_WHEN_IDLE: "find out what the server does unasked; it disturbs the others' slices",
    Label.RECONNECTING: "find out why the server closes connections: its figures pay for that",
    Label.POOL_BOUND: "enlarge the pool, or make the statements shorter: requests queue for it",
    Label.CROWDED: "set `workers` to as many as there are cores, or use more cores",
    Label.OVERLOADED: "lower the rate, or allow more connections: not all arrivals were answered",
    Label.UNSTEADY: "warm up for longer, or find what grows: the figure depends on when one looks",
    Label.INCONSISTENT: "trust no figure of the trial before the cause is found",
    Label.NEVER_MET: "loosen the objective, or look at the tries in the trial for what failed it",
    Label.WORKERS_CHANGED: "read the server's log and `dmesg` for what ended the process",
    Label.RECYCLING: "switch off recycling (`--max-requests`): its figures hold the restarts",
    Label.DATABASE_RESTARTED: "read PostgreSQL's log for the backend that crashed or was killed",
    Label.STALLED: "read the server's log for what it waited; leave the machine to the run",
    Label.PAUSING: "profile the server for long pauses: its figures hold them, as its users would",
    Label.STOPPED: "let nothing stop the run's processes (SIGSTOP, Ctrl-Z, a debugger)",
    Label.LOAD_PAUSED: "leave the load's core to the run; stop no process of it",
    Label.THROTTLED: "lift the container's CPU quota, or give it whole cores (`--cpuset-cpus`)",
    Label.SUSPENDED: "keep the machine awake, and its container unfrozen, while a run lasts",
    Label.LOAD_WORKER_LOST: "read its log and `dmesg` for what ended it (often memory), then "
    "`run --resume`",
    Label.CLOCK_JUMPED: "none needed: durations come from a clock that cannot be set",
    Label.PROBE_LOST: "find what ended the probe, if it happens again; intervals are wider",
}

LIMITS = (
    Label.SERVER_BOUND,
    Label.DATABASE_BOUND,
    Label.LOAD_CORE_BOUND,
    Label.GENERATOR_BOUND,
    Label.LATENCY_BOUND,
    Label.POOL_BOUND,
)
"""The labels that say what limited the throughput; the others say what disturbed it."""


SPOILT = frozenset(
    {
        Label.WORKERS_CHANGED,
        Label.DATABASE_RESTARTED,
        Label.STALLED,
        Label.STOPPED,
        Label.LOAD_PAUSED,
        Label.THROTTLED,
        Label.SUSPENDED,
        Label.LOAD_WORKER_LOST,
    }
)
"""Trials that an event from outside spoilt: they do not count, and are measured again."""

FAILED = SPOILT | {
    Label.INCOMPLETE,
    Label.STARVED,
    Label.UNLOADED,
    Label.ERRORS,
    Label.NEVER_MET,
}
"""Trials with one of these stand behind no figure."""


class Finding(msgspec.Struct, frozen=True):
    """A label on a trial, with the figure that gave rise to it.

    advice: the remedy for this figure, where the label alone does not decide it.
    """

    label: Label
    detail: str
    advice: str | None = None

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.label] if self.advice is None else self.advice


class LabelCount(msgspec.Struct, frozen=True):
    """A label, on how many of a variant's trials it stands, and one example."""

    label: Label
    trials: int
    detail: str
    remedy: str


def count_labels(trials: Sequence[tuple[Finding, ...]]) -> tuple[LabelCount, ...]:
    """Count each label that some of the trials bear.

    Args:
        trials: the findings of each.
    """
    examples: dict[Label, Finding] = {}
    for findings in trials:
        for finding in findings:
            examples.setdefault(finding.label, finding)
    return tuple(
        LabelCount(
            label=label,
            trials=sum(any(f.label == label for f in findings) for findings in trials),
            detail=examples[label].detail,
            remedy=examples[label].remedy,
        )
        for label in Label
        if label in examples
    )


def limiting(counts: Sequence[LabelCount], trials: int) -> tuple[LabelCount, ...]:
    """The labels that name what limited most of so many trials."""
    return tuple(c for c in counts if c.label in LIMITS and c.trials * 2 > trials)
