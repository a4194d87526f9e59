"""What is kept: the run, and its trials with every slice. Raw values, never recomputed."""

from typing import Final, Literal

import msgspec

from harness.model import Cores
from harness.study import Condition, Study

DUPLICATE = "#duplicate"
"""Appended to the baseline's name for the hidden A/A entry."""
SCHEMA: Final = 1
"""Raised when a file of an older version can no longer be read as it is."""


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
    """Everything that will be done, in order.

    starts: per block, the order in which the servers are started, as indices of entries.
    """

    entries: tuple[Entry, ...]
    starts: tuple[tuple[int, ...], ...]
    phases: tuple[Phase, ...]
    expected_s: float


class Outcome(msgspec.Struct, frozen=True):
    """One check on one variant: `problem` is None where it passed."""

    check: str
    problem: str | None

    @property
    def passed(self) -> bool:
        """Whether the variant does what the contract says."""
        return self.problem is None


class Verification(msgspec.Struct, frozen=True):
    """All checks on one variant."""

    variant: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(outcome.passed for outcome in self.outcomes)

    @property
    def problems(self) -> list[str]:
        """The failures, each as one line."""
        return [f"{o.check}: {o.problem}" for o in self.outcomes if o.problem is not None]


class SliceRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One slice. Times in nanoseconds; CPU times are of the slice alone.

    round, position: which round, and the place in its order.
    start_ns: first send, on the machine's monotonic clock.
    elapsed_ns: first send to last response.
    window_ns: from one reading of the clocks to the other; a little more than elapsed_ns.
    correct: responses that were complete and correct.
    database_cpu_ns: None where the database's processes cannot be watched.
    machine_busy_ns, steal_ns: of the run's processors, kept by the kernel in ticks of 10 ms.
    latency_p50_ns, latency_p99_ns: without the first and last N responses; None if none is left.
    """

    round: int
    position: int
    start_ns: int
    elapsed_ns: int
    window_ns: int
    correct: int
    errors: dict[str, int]
    reconnects: int
    server_cpu_ns: int
    database_cpu_ns: int | None
    generator_cpu_ns: int
    harness_cpu_ns: int
    machine_busy_ns: int
    steal_ns: int
    latency_p50_ns: int | None
    latency_p99_ns: int | None


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one block yielded for one entry under one condition.

    attempt: 1, or more where the phase was repeated on resuming; the last one counts.
    latency_hdr: an HDR histogram of nanoseconds in its standard base64 encoding.
    error_samples: what was seen of the first few errors.
    rss_peak_kib: highest resident size since the server's start, all its processes together.
    threads, processes: of the server's process tree when the phase ended.
    idle_cpu_share: CPU that the server used while others had their turn, in shares of a core.
    problem: why the trial is incomplete, or None.
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
