"""What a machine of a cluster is told, and what it tells of itself."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from harness.inputs.study import Study
from harness.records.run import MACHINE_STRIDE, Cores

Role = Literal["application", "database", "load"]
ROLES: tuple[Role, ...] = ("application", "database", "load")


class MachineFacts(msgspec.Struct, frozen=True):
    """What a machine tells before anything is measured.

    kernel: its boot, the same for containers of one host.
    described: as `Run.machine`. cores: processors, hardware threads of one core together.
    digests: of all that must be the same on every machine, by its name for readers.
    """

    kernel: str
    described: dict[str, str | int]
    cores: list[tuple[int, ...]]
    digests: dict[str, str]


class Duty(msgspec.Struct, frozen=True):
    """What a machine is to do.

    study: of the run. roles: of this machine. host: its address, on which all that it starts
        listens.
    cores: of its roles, by its own numbers. counted: those whose busy time this place reads;
        places that share a kernel would count a processor twice.
    """

    study: Study
    roles: tuple[Role, ...]
    host: str
    cores: dict[Role, tuple[int, ...]]
    counted: tuple[int, ...]


def cores_of(
    role: Role, cores: list[tuple[int, ...]], *, workers: int, generators: int
) -> tuple[int, ...]:
    """Processors for one role on a machine of its own.

    Servers get the first core of each worker, and one core stays free for the place itself and for
    interrupts, where there are two. PostgreSQL gets all but the first core, the generator the last.
    """
    if len(cores) == 1:
        return cores[0][:1]
    if role == "application":
        return tuple(core[0] for core in cores[: max(1, min(workers, len(cores) - 1))])
    if role == "database":
        return tuple(cpu for core in cores[1:] for cpu in core)
    return tuple(core[0] for core in cores[-max(1, min(generators, len(cores) - 1)) :])


def numbered(parts: Sequence[tuple[int, Mapping[Role, tuple[int, ...]]]]) -> Cores:
    """The cores of a run: no number stands for processors of two machines.

    Args:
        parts: of each machine its number, and the processors of its roles.
    """
    told: dict[Role, dict[int, None]] = {role: {} for role in ROLES}  # a set, in order
    for number, cores in parts:
        for role, cpus in cores.items():
            told[role] |= dict.fromkeys(MACHINE_STRIDE * number + cpu for cpu in cpus)
    # A PostgreSQL of the user's is not watched.
    database = told["database"] or told["load"]
    return Cores(
        application=tuple(told["application"]), database=tuple(database), load=tuple(told["load"])
    )
