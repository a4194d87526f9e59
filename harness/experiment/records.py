"""What is kept: the run, and its trials with every slice. Raw values, never recomputed."""

from typing import Final, Literal

import msgspec

from harness.audit.findings import Verification
from harness.experiment.plan import Plan
from harness.model import Cores
from harness.study import Condition, Study

SCHEMA: Final = 1
"""Raised when a file of an older version can no longer be read as it is."""


class SliceRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One slice. Times in nanoseconds; CPU times are of the slice alone.

    round, position: which round, and the place in its order.
    start_ns: first send, on the machine's monotonic clock.
    elapsed_ns: first send to last response.
    correct: responses that were complete and correct.
    database_cpu_ns: None where the database's processes cannot be watched.
    machine_busy_ns, steal_ns: of all processors, kept by the kernel in ticks of 10 ms.
    latency_p50_ns, latency_p99_ns: without the first and last N responses; None if none is left.
    """

    round: int
    position: int
    start_ns: int
    elapsed_ns: int
    correct: int
    errors: dict[str, int]
    reconnects: int
    server_cpu_ns: int
    database_cpu_ns: int | None
    generator_cpu_ns: int
    machine_busy_ns: int
    steal_ns: int
    latency_p50_ns: int | None
    latency_p99_ns: int | None


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one block yielded for one entry under one condition.

    latency_hdr: an HDR histogram of nanoseconds in its standard base64 encoding.
    error_samples: what was seen of the first few errors.
    rss_peak_kib, threads, processes: of the server's process tree when the phase ended.
    idle_cpu_share: CPU that the server used while others had their turn, in shares of a core.
    problem: why the trial is incomplete, or None.
    """

    schema: Literal[1]
    run: str
    block: int
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

    plan: every round's order as it was drawn; a resumed run follows it.
    excluded: variants that were not measured, with the reason.
    """

    schema: Literal[1]
    id: str
    study_name: str
    study: Study
    plan: Plan
    started_at: str
    bridgetoll: str
    commit: str | None
    contract: str
    contract_digest: str
    machine: dict[str, str | int]
    cores: Cores
    database: dict[str, str]
    embedded_database: bool
    implementations: dict[str, ImplementationRecord]
    variants: dict[str, VariantRecord]
    verifications: tuple[Verification, ...]
    excluded: dict[str, str]
