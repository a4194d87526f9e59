"""Sets of machines of a cluster: who belongs to which, and whether all are equal."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from harness.base.errors import UsageError, plain
from harness.inputs.study import Study
from harness.records.run import MACHINE_STRIDE, Cores, MachineRecord
from harness.runner.places.roles import ROLES

PREFIX = "set_"
"""Begins the name of the resource by which a worker names its set."""
_NEARLY = 0.02
"""Of the memory: the kernels of two equal machines keep a little more or less for themselves."""
_DOCS = "docs/machines.md"


class Measuring(Protocol):
    """A set as `Cluster` has it."""

    @property
    def name(self) -> str | None:
        """The name; None where there is one set without."""

    @property
    def machines(self) -> tuple[MachineRecord, ...]:
        """The set's machines."""

    @property
    def cores(self) -> Cores:
        """The processors of each role."""


def find_sets(
    offers: Mapping[str, Sequence[str]], cluster: str
) -> dict[str | None, dict[str, Sequence[str]]]:
    """Sort workers into sets, by the resource `set_NAME` of each.

    Args:
        offers: by worker's address, the names of its resources.
        cluster: the scheduler's address, for the remedy.

    Returns:
        By the set's name, in alphabetical order, the offers of its workers. Where no worker names a
        set, all are in one without a name.

    Raises:
        UsageError: a worker with a role names two sets, or none where others do.
    """
    named = {
        worker: [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
        for worker, names in offers.items()
    }
    if not any(named.values()):
        return {None: dict(offers)}
    found: dict[str | None, dict[str, Sequence[str]]] = {}
    for worker, names in sorted(named.items(), key=lambda item: (item[1], item[0])):
        roles = [role for role in ROLES if role in offers[worker]]
        if not roles:
            continue
        if len(names) == 1:
            found.setdefault(names[0], {})[worker] = offers[worker]
            continue
        resources = " ".join([*(f"{role}=1" for role in roles), f"{PREFIX}NAME=1"])
        wrong = (
            f"names {len(names)} sets of machines ({', '.join(map(plain, names))})"
            if names
            else "names no set of machines, as others do"
        )
        raise UsageError(
            f"The worker {worker} {wrong}; start it with `dask worker {plain(cluster)} "
            f'--resources "{resources}"`.'
        )
    return found


def check_sets(study: Study, names: Collection[str | None], database_url: str | None) -> None:
    """Refuse what several sets cannot do.

    Raises:
        UsageError: they would share one database, or Locust loads.
    """
    if len(names) < 2:
        return
    if database_url is not None:
        raise UsageError(
            f"{len(names)} sets of machines cannot share the database of --database-url, because "
            "each block fills its table anew; leave it out, and add a worker with `database=1` to "
            "each set."
        )
    if study.ramped:
        others = ", ".join(sorted(map(str, names))[1:])
        raise UsageError(
            f"Locust's ramps use one set of machines; stop the workers of the others ({others})."
        )


def refuse_unequal(sets: Sequence[Measuring]) -> None:
    """Sets that share a study's blocks must be equal: else a block's set decides its figures.

    Raises:
        UsageError: naming the first set that differs from the first, and in what.
    """
    for other in sets[1:]:
        if clauses := unlike(sets[0], other):
            raise UsageError(
                f"The set of machines {other.name} is not equal to {sets[0].name}: "
                f"{'; '.join(clauses)}; stop the workers of one of them, or make them equal "
                f"({_DOCS})."
            )


def unlike(first: Measuring, other: Measuring) -> list[str]:
    """How two sets differ that should be equal: clauses."""
    ours, theirs = ([m.roles for m in own.machines] for own in (first, other))
    if ours != theirs:
        return [f"its machines offer {_shown(theirs)}, and those of {first.name} {_shown(ours)}"]
    clauses = [
        f"the machine of the {' and the '.join(there.roles)} has {name.replace('_', ' ')} "
        f"{there.described.get(name, 'unknown')}, not {here.described.get(name, 'unknown')}"
        for here, there in zip(first.machines, other.machines, strict=True)
        for name in dict.fromkeys((*here.described, *there.described))
        if not _same(name, here.described.get(name), there.described.get(name))
    ]
    if not clauses and _own(first.cores) != _own(other.cores):
        clauses.append("its roles have other cores")
    return clauses


def told_shared(sets: Sequence[Measuring]) -> str | None:
    """A clause that two sets are on one machine; None if each has its own."""
    owners: dict[int, list[str]] = {}
    for own in sets:
        for number in dict.fromkeys(machine.number for machine in own.machines):
            owners.setdefault(number, []).append(str(own.name))
    shared = next((names for names in owners.values() if len(names) > 1), None)
    if shared is None:
        return None
    return (
        f"the sets of machines {', '.join(shared)} share a machine, so they disturb each other; "
        "give each its own"
    )


def _shown(roles: Sequence[tuple[str, ...]]) -> str:
    return ", ".join("+".join(own) for own in roles)


def _same(name: str, ours: str | int | None, theirs: str | int | None) -> bool:
    if name == "memory_mib" and isinstance(ours, int) and isinstance(theirs, int):
        return abs(ours - theirs) <= _NEARLY * max(ours, theirs)
    return ours == theirs


def _own(cores: Cores) -> list[list[int]]:
    """By role, the numbers that processors have on their machine."""
    return [
        [cpu % MACHINE_STRIDE for cpu in cpus]
        for cpus in (cores.application, cores.database, cores.load)
    ]
