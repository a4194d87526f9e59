"""What is kept of each trial: every slice, in raw values that are never recomputed."""

from typing import Annotated, Literal

import msgspec

from harness.inputs.study import Condition

Natural = Annotated[int, msgspec.Meta(ge=0)]
"""Of what was counted or timed by one clock. CPU times have no such bound: those of processes that
have ended come in ticks of 10 ms, and a short difference may fall below nought."""


class BesideRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the second load did in a window: correct responses, errors by kind, latencies."""

    correct: int
    errors: dict[str, int]
    latency_p50_ns: int | None
    latency_p99_ns: int | None


class Waits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the variant's connections to PostgreSQL were seen doing while it had its turn.

    busy: per sample, connections that ran a statement or held a transaction open.
    states: over all samples, connections by state and what they waited for.
    """

    busy: tuple[int, ...]
    states: dict[str, int]


class Statements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PostgreSQL's own account of a trial: statements counted, and the requests that caused them.

    expected: statements per request that the contract names.
    """

    calls: int
    requests: int
    expected: int


class RoundTrips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Idle round trips through a leg, in milliseconds: medians before a phase and after it.

    database: of `SELECT 1`. client: of `/health`, less what it takes on the direct way.
    """

    database_before: float
    database_after: float
    client_before: float
    client_after: float


class RampRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Locust's ramp yielded beyond a window.

    users: the most that were there at once.
    failed_per_second: failed requests in each whole second.
    under_way_at_stop: requests that the end cut off; neither succeeded nor failed.
    warned: Locust itself complained that its processor was too busy.
    max_connections: what PostgreSQL allowed, those kept for superusers included.
    most_connections: of the setup, in any sample; None where PostgreSQL was not asked.
    settled_s: after how long all users were there; None where they never were, and in runs from
        before it was noted.
    came_per_second: users that came in each whole second; empty in runs from before it was noted.
    """

    users: int
    failed_per_second: tuple[int, ...]
    under_way_at_stop: int
    warned: bool
    max_connections: int
    most_connections: int | None = None
    settled_s: float | None = None
    came_per_second: tuple[int, ...] = ()


class Try(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rate of a search: what was offered, what came of it, and whether it met the objective.

    spoilt: an event spoilt its window, so the search asked the same rate again.
    """

    rate_per_s: float
    achieved_per_s: float
    latency_ns: int | None
    errors: float
    met: bool
    confirming: bool
    spoilt: bool = False


class WorkerRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one worker process of a server did in a trial, read from outside of it.

    cpu_ns: its CPU time from the end of the warm-up to the end of the phase.
    rss_peak_kib: its highest resident size since its start.
    connections: that it had accepted and held when the phase ended; with keep-alive, each sends
        all its requests to this process.
    """

    cpu_ns: Natural
    rss_peak_kib: Natural
    connections: Natural


type EventKind = Literal[
    "probe-lost",
    "workers-changed",
    "database-restarted",
    "stalled",
    "stopped",
    "generator-paused",
    "harness-paused",
    "throttled",
    "clock-jumped",
    "suspended",
    "load-worker-lost",
]
"""What may befall a turn that is no part of its load."""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that befell a trial and is no part of the load.

    kind: probe-lost: the speed probe died, was silent, or never started. workers-changed: serving
        processes of the server ended or were started. database-restarted: PostgreSQL lost all its
        connections. stalled: no answer came although requests were under way. stopped: a process
        was stopped by a signal, or by a debugger. generator-paused, harness-paused: the process
        itself did not run. throttled: the CPU quota of a control group was used up. clock-jumped:
        the time of day was set. suspended: the machine slept. load-worker-lost: a worker of Locust
        died, or gave no sign of life.
    round, position: of the turn; None where it belongs to no turn.
    detail: one clause, with its figures.
    seconds: how long it lasted; None where that is unknown.
    repeated: the window that it spoilt was measured again at once.
    """

    kind: EventKind
    round: int | None
    position: int | None
    detail: str
    seconds: float | None = None
    repeated: bool = False


class OpeningRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a window's connections were opened, before its load; see `load.protocol.Opened`.

    opened: those that stood. slow: those of them that the kernel had to try again.
    refused, unanswered, failed: those that did not stand.
    longest_ns, elapsed_ns: the longest that one took, and all of them together.
    overflows: attempts that the kernel dropped meanwhile because a backlog was full; None where it
        does not tell.
    """

    opened: Natural
    slow: Natural
    refused: Natural
    unanswered: Natural
    failed: Natural
    longest_ns: Natural
    elapsed_ns: Natural
    overflows: Natural | None = None


class ServerSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Resident memory and threads of a server's process tree at one moment."""

    rss_kib: Natural
    threads: Natural


type Resource = Literal["threads", "memory", "files"]
"""What a system may refuse to a server."""


class WindowRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a window has beyond a slice.

    before: of its `correct` responses, those to requests that were sent before it opened.
    in_flight: requests under way when it closed, and answered correctly afterwards.
    offered: arrivals that were due within it, the dropped ones included; None in a closed loop.
    dropped: arrivals that found every connection busy.
    latency_mean_ns: of the requests sent, or due, within it.
    lag_p50_ns, lag_p99_ns: by how much the generator sent late; None in a closed loop.
    per_second: correct responses in each whole second.
    p50_per_second_ns: median latency of the requests sent, or due, in each whole second.
    database: by how much the counters of `pg_stat_database` grew; see `lab.postgres.database`.
    beside: of the second load; None without one. CPU times are then of both loads together.
    opening: of the connections that it began with.
    at_rest, at_close: the server before they were opened, and as it closed; all connections of a
        closed loop have a request under way then.
    errors_early: requests that were under way as it opened and then failed, by kind.
    drain_ns: from its closing until no request was under way any more.
    These last five are None, or empty, in runs from before they were kept.
    """

    before: Natural
    in_flight: Natural
    offered: int | None
    dropped: Natural
    latency_mean_ns: int | None
    lag_p50_ns: int | None
    lag_p99_ns: int | None
    per_second: tuple[Natural, ...]
    p50_per_second_ns: tuple[int | None, ...]
    database: dict[str, int]
    beside: BesideRecord | None = None
    opening: OpeningRecord | None = None
    at_rest: ServerSize | None = None
    at_close: ServerSize | None = None
    errors_early: dict[str, Natural] = {}
    drain_ns: Natural | None = None


class SliceRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One slice, or one window. Times in nanoseconds; CPU times are of it alone.

    round, position: which round, and the place in its order.
    start_ns: first send, or the window's opening, on the machine's monotonic clock.
    elapsed_ns: first send to last response; a window's length.
    window_ns: from one reading of the clocks to the other; a little more than elapsed_ns.
    correct: responses that were complete and correct; a window's are those that came within it.
    database_cpu_ns: None where the database's processes cannot be watched.
    machine_busy_ns, steal_ns: of the run's processors, kept by the kernel in ticks of 10 ms.
    latency_p50_ns, latency_p99_ns: in a slice without the first and last N responses; None if none
        is left.
    probe_ns: mean CPU time of the speed probe's piece meanwhile; None without probe.
    relay_cpu_ns: of the process that adds latency; 0 without one.
    run_delay_ns: time that the server's threads were ready and waited for a processor; None where
        the kernel does not tell.
    window: None for a slice.
    """

    round: int
    position: int
    start_ns: int
    elapsed_ns: Natural
    window_ns: Natural
    correct: Natural
    errors: dict[str, Natural]
    reconnects: Natural
    server_cpu_ns: int
    database_cpu_ns: int | None
    generator_cpu_ns: int
    harness_cpu_ns: int
    machine_busy_ns: int
    steal_ns: int
    latency_p50_ns: int | None
    latency_p99_ns: int | None
    probe_ns: int | None = None
    run_delay_ns: int | None = None
    relay_cpu_ns: int = 0
    window: WindowRecord | None = None

    @property
    def failures(self) -> dict[str, int]:
        """Requests that failed, by kind: its own, and those that were under way as it opened."""
        early = {} if self.window is None else self.window.errors_early
        return {
            kind: self.errors.get(kind, 0) + early.get(kind, 0)
            for kind in dict.fromkeys((*self.errors, *early))
        }


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one block yielded for one entry under one condition.

    attempt: 1, or more where the phase was repeated on resuming or because of noise.
    slices: or windows, in the order of time.
    latency_hdr: an HDR histogram of nanoseconds in its standard base64 encoding.
    error_samples: what was seen of the first few errors.
    rss_peak_kib: highest resident size since the server's start, all its processes together.
    threads, processes: of the server's process tree when the phase ended.
    idle_cpu_share: CPU that the server used while others had their turn, in shares of a core.
    problem: why the trial is incomplete, or None.
    lag_hdr: open loop: by how much each request was sent late, as such a histogram.
    waits, statements: None where PostgreSQL was not asked.
    capacity_per_s: correct responses per second in a closed loop just before; None if not needed.
    search: the rates tried, in order; empty where none is searched.
    sustained_per_s: the highest rate that was confirmed to meet the objective; None if none did.
    round_trips: as measured; None where no latency was added.
    ramp: None where our own generator loads.
    events: in the order of time; none in runs from before they were noted.
    errors_before: by kind, of the warm-up and the search for its capacity; none in runs from
        before they were kept.
    workers: busiest first; none of a server that failed, and in runs from before they were kept.
    exhausted: what the server's log says that the system refused it.
    machine_set: the set of machines that measured it, where a cluster has several.
    """

    schema: Literal[1]
    run: str
    block: int
    attempt: int
    condition: Condition
    entry: str
    variant: str
    started_at: str
    slices: tuple[SliceRecord, ...]
    latency_hdr: str | None
    error_samples: tuple[str, ...]
    rss_peak_kib: int | None
    threads: int | None
    processes: int | None
    idle_cpu_share: float | None
    problem: str | None
    lag_hdr: str | None = None
    waits: Waits | None = None
    statements: Statements | None = None
    capacity_per_s: float | None = None
    search: tuple[Try, ...] = ()
    sustained_per_s: float | None = None
    round_trips: RoundTrips | None = None
    ramp: RampRecord | None = None
    events: tuple[Event, ...] = ()
    errors_before: dict[str, Natural] = {}
    workers: tuple[WorkerRecord, ...] = ()
    exhausted: tuple[Resource, ...] = ()
    machine_set: str | None = None

    @property
    def complete(self) -> bool:
        """Whether it went to its end."""
        return self.problem is None


_AGAIN = "~"
"""Stands before the number of a repeated attempt."""


def trial_file(trial: Trial) -> str:
    """The name of a trial's file."""
    return file_name(trial.block, trial.condition, trial.entry, trial.attempt)


def file_name(block: int, condition: Condition, entry: str, attempt: int) -> str:
    """The name that a trial's file would have."""
    return f"{trial_stem(block, condition, entry, attempt)}.json"


def trial_stem(block: int, condition: Condition, entry: str, attempt: int) -> str:
    """The same without its ending: what else is kept of the trial begins so."""
    name = entry.replace("/", ".").replace("#", "_")
    again = "" if attempt == 1 else f"{_AGAIN}{attempt}"
    return f"b{block:02d}-{condition.name}-{name}{again}"


def attempt_of(stem: str) -> int:
    """Which attempt a file is of, by its name without the ending."""
    number = stem.rpartition(_AGAIN)[2]
    return int(number) if number != stem and number.isdigit() else 1


def first_of(stem: str) -> str:
    """The same without the number of the attempt."""
    return stem.partition(_AGAIN)[0]
