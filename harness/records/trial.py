"""What is kept: the run, and its trials with every slice. Raw values, never recomputed."""

from typing import Annotated, Final, Literal

import msgspec

from harness.inputs.manifests import Cores
from harness.inputs.published_tables import Published
from harness.inputs.study import Condition, Study
from harness.records.observations import (
    BesideRecord,
    RampRecord,
    RoundTrips,
    Statements,
    Try,
    Waits,
)
from harness.records.verification import Audit, Verification

DUPLICATE = "#duplicate"
"""Appended to the baseline's name for the hidden A/A entry."""
SCHEMA: Final = 1
"""Raised when a file of an older version can no longer be read as it is."""


Natural = Annotated[int, msgspec.Meta(ge=0)]
"""Of what was counted or timed by one clock. CPU times have no such bound: those of processes that
have ended come in ticks of 10 ms, and a short difference may fall below nought."""


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

    orders: per round, the indices of the entries that are measured, as they come.
    """

    block: int
    condition: Condition
    orders: tuple[tuple[int, ...], ...]

    @property
    def turns(self) -> int:
        """Slices or windows in all."""
        return sum(len(order) for order in self.orders)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that will be done, in order.

    starts: per block, the order in which the servers are started, as indices of entries.
    """

    entries: tuple[Entry, ...]
    starts: tuple[tuple[int, ...], ...]
    phases: tuple[Phase, ...]
    expected_s: float


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

    @property
    def complete(self) -> bool:
        """Whether it went to its end."""
        return self.problem is None


class ImplementationRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which packages were measured."""

    title: str
    lock_digest: str
    packages: dict[str, str]


class VariantRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a variant was, as its manifest said when it was measured."""

    title: str
    framework: str
    server: str
    factors: dict[str, str]
    tags: tuple[str, ...]


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study as it was executed.

    command: what was asked of the command line.
    plan: every round's order as it was drawn; a resumed run follows it.
    contract_digest, code_digest: of what defines the work, and of all that carries it out.
    excluded: variants that were not measured, with the reason.
    audits: what each variant takes per request; empty in runs from before there were any.
    generator_ceiling_per_s: requests per second that the generator reaches here at most.
    published: the table that the study replicates, as it was read.
    locust: the load generator's packages, where Locust loads.
    """

    schema: Literal[1]
    id: str
    command: str
    study_name: str
    study: Study
    plan: Plan
    started_at: str
    bridgetoll: str
    commit: str | None
    contract: str
    contract_digest: str
    code_digest: str
    machine: dict[str, str | int]
    cores: Cores
    database: dict[str, str]
    embedded_database: bool
    implementations: dict[str, ImplementationRecord]
    variants: dict[str, VariantRecord]
    verifications: tuple[Verification, ...]
    excluded: dict[str, str]
    generator_ceiling_per_s: float | None = None
    audits: tuple[Audit, ...] = ()
    published: Published | None = None
    locust: ImplementationRecord | None = None

    @property
    def measured(self) -> list[str]:
        """Variants that passed their checks, in the order of tables and colours."""
        return [name for name in self.study.everyone if name not in self.excluded]

    @property
    def rehearsal(self) -> bool:
        """Whether Locust's ramp was shortened: then it shows that all works, and no figure."""
        return "--scale" in self.command.split()
