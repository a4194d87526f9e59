"""What is kept of a run beside its trials: the study, the machine, the plan, and the checks."""

from typing import Final, Literal

import msgspec

from harness.inputs.published_tables import Published
from harness.inputs.study import Study
from harness.records.plan import Plan
from harness.records.verification import Audit, Verification

SCHEMA: Final = 1
"""Raised when a file of an older version can no longer be read as it is."""


MACHINE_STRIDE = 10_000
"""In a run over a cluster, processor k of machine number m is written as k + m times this: the
processors of two machines are never the same. No Linux machine has more."""


class Cores(msgspec.Struct, frozen=True):
    """Which processors each role is pinned to; roles that share one are *co-located*.

    Processors of a cluster's machines have numbers of their own; see MACHINE_STRIDE.
    """

    application: tuple[int, ...]
    database: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def all(self) -> frozenset[int]:
        """Every processor that some role may use."""
        return frozenset({*self.application, *self.database, *self.load})

    @property
    def co_located(self) -> bool:
        """Whether two roles share a processor."""
        count = len(self.application) + len(self.database) + len(self.load)
        return len({*self.application, *self.database, *self.load}) < count


class MachineRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine of a cluster, without its name and its address.

    number: from 0; machines that share a kernel, such as containers of one host, share the number.
    roles: application, database, load. described: as `Run.machine`.
    machine_set: the set it belongs to, where a cluster has several; its roles play together.
    """

    number: int
    roles: tuple[str, ...]
    described: dict[str, str | int]
    machine_set: str | None = None


class ImplementationRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which packages and which code were measured.

    code_digest: of the implementation's files and of its servers' command lines. None in runs from
        before it was kept, and of Locust.
    """

    title: str
    lock_digest: str
    packages: dict[str, str]
    code_digest: str | None = None


class VariantRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a variant was, as its manifest said when it was measured.

    implementation: whose packages it had, a key of `Run.implementations`, where that is not the
        folder in its name: a setup may have an environment of its own.
    """

    title: str
    framework: str
    server: str
    factors: dict[str, str]
    tags: tuple[str, ...]
    implementation: str | None = None


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study as it was executed.

    command: what was asked of the command line.
    commit: of the checkout; it ends in `-dirty` where files were measured that are not its.
    untracked: measured files that are not in the commit; see `lab.machine.Checkout`.
    plan: every round's order as it was drawn; a resumed run follows it.
    contract_digest, code_digest: of what defines the work, and of all that carries it out.
    excluded: variants that were not measured, with the reason.
    audits: what each variant takes per request; empty in runs from before there were any.
    generator_ceiling_per_s: requests per second that the generator reaches here at most.
    published: the table that the study replicates, as it was read.
    locust: the load generator's packages, where Locust loads.
    scale: share to which Locust's ramp was shortened; None if it was not.
    machines: those of the roles, where a cluster measured; empty where one machine did. `machine`
        is then the application's. Of several sets of machines, `machine` and `cores` are the first
        set's, and the others are equal.
    reads: when the clocks are read that end a slice, after its last answer. What a server did later
        was counted to nobody.
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
    untracked: tuple[str, ...] = ()
    scale: float | None = None
    machines: tuple[MachineRecord, ...] = ()
    reads: Literal["after 5 ms", "at rest"] = "after 5 ms"

    @property
    def continuing(self) -> str:
        """The command that continues it; a URL holds a password, so the user must know it."""
        named = "" if self.embedded_database else " --database-url URL"
        there = " --cluster ADDRESS" if self.machines else ""
        return f"bridgetoll run --resume {self.id}{named}{there}"

    @property
    def machine_sets(self) -> list[str]:
        """The names of the sets of machines that share its blocks; empty where one measures all."""
        names = (machine.machine_set for machine in self.machines)
        return list(dict.fromkeys(name for name in names if name is not None))

    @property
    def measured(self) -> list[str]:
        """Variants that passed their checks, in the order of tables and colours."""
        return [name for name in self.study.everyone if name not in self.excluded]

    def implementation_of(self, variant: str) -> str:
        """The key of a variant's packages in `implementations`."""
        record = self.variants.get(variant)
        own = None if record is None else record.implementation
        return variant.partition("/")[0] if own is None else own

    @property
    def rehearsal(self) -> bool:
        """Whether Locust's ramp was shortened: then it shows that all works, and no figure."""
        return self.scale is not None
