import msgspec
import pytest

from harness.base.errors import UsageError
from harness.inputs.settings import LoadSettings
from harness.records.run import MACHINE_STRIDE, Cores, MachineRecord
from harness.runner.places.sets import (
    check_sets,
    find_sets,
    refuse_unequal,
    told_shared,
    unlike,
)
from tests.toys.runs import make_study

HERE = "tcp://10.0.0.1:8786"
A, B, C, D = (f"tcp://10.0.0.{number}:40000" for number in (2, 3, 4, 5))


def test_workers_that_name_no_set_are_one_set_without_a_name() -> None:
    offers = {A: ["application"], B: ["database", "load"]}
    assert find_sets(offers, HERE) == {None: offers}


def test_workers_are_sorted_by_the_set_that_they_name() -> None:
    offers = {
        A: ["application", "load", "set_b"],
        B: ["database", "set_b"],
        C: ["application", "database", "load", "set_a"],
        D: ["GPU"],
    }
    found = find_sets(offers, HERE)
    assert list(found) == ["a", "b"]
    assert {name: list(own) for name, own in found.items()} == {"a": [C], "b": [A, B]}


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        (["database", "load"], ["names no set", "database=1 load=1 set_NAME=1"]),
        (["load", "set_a", "set_c"], ["names 2 sets", "a, c", "load=1 set_NAME=1"]),
    ],
)
def test_a_worker_in_no_set_or_in_two_is_refused_with_the_command(
    names: list[str], facts: list[str]
) -> None:
    with pytest.raises(UsageError) as refused:
        find_sets({A: ["application", "set_a"], B: names}, HERE)
    for fact in (B, f"dask worker {HERE}", *facts):
        assert fact in str(refused.value)


def test_several_sets_share_no_database_and_climb_no_ramp() -> None:
    study = make_study()
    check_sets(study, ["a", "b"], None)
    check_sets(study, ["a"], "postgresql://10.0.0.9/x")
    with pytest.raises(UsageError, match="--database-url"):
        check_sets(study, ["a", "b"], "postgresql://10.0.0.9/x")
    ramped = msgspec.structs.replace(study, load=LoadSettings(engine="locust"))
    with pytest.raises(UsageError, match=r"one set of machines; .*\(b\)"):
        check_sets(ramped, ["b", "a"], None)


FACTS: dict[str, str | int] = {
    "processor": "EPYC", "processors": 4, "kernel": "Linux 6.8.1", "memory_mib": 16_000,
}  # fmt: skip


class ToySet:
    """A set of two machines: one for the application, one for the rest."""

    def __init__(self, name: str, number: int = 0, **changes: str | int) -> None:
        self.name: str | None = name
        self.machines = (
            MachineRecord(number, ("application",), FACTS, name),
            MachineRecord(number + 1, ("database", "load"), FACTS | changes, name),
        )
        first, second = (MACHINE_STRIDE * n for n in (number, number + 1))
        self.cores = Cores((first,), (second + 1, second + 2), (second + 3,))


def test_equal_sets_are_accepted_whatever_their_numbers() -> None:
    sets = [ToySet("a"), ToySet("b", 2), ToySet("c", 4, memory_mib=15_900)]
    refuse_unequal(sets)
    assert told_shared(sets) is None


def test_an_unequal_set_is_refused_by_name_with_what_differs() -> None:
    with pytest.raises(UsageError) as refused:
        refuse_unequal([ToySet("a"), ToySet("b", 2, processor="Xeon", kernel="Linux 6.9.0")])
    for fact in ("set of machines b", "equal to a", "database and the load",
                 "processor Xeon, not EPYC", "kernel Linux 6.9.0, not Linux 6.8.1"):  # fmt: skip
        assert fact in str(refused.value)


@pytest.mark.parametrize("memory_mib", [8_000, 15_000])
def test_much_less_memory_is_no_equal_machine(memory_mib: int) -> None:
    (clause,) = unlike(ToySet("a"), ToySet("b", memory_mib=memory_mib))
    assert f"memory mib {memory_mib}, not 16000" in clause


def test_sets_whose_machines_share_roles_otherwise_are_not_equal() -> None:
    other = ToySet("b")
    first, second = other.machines
    other.machines = (
        msgspec.structs.replace(first, roles=("application", "database")),
        msgspec.structs.replace(second, roles=("load",)),
    )
    (clause,) = unlike(ToySet("a"), other)
    assert "application+database, load" in clause
    assert "application, database+load" in clause


def test_sets_whose_roles_have_other_cores_are_not_equal() -> None:
    other = ToySet("b", 2)
    other.cores = msgspec.structs.replace(other.cores, load=(3 * MACHINE_STRIDE + 9,))
    assert unlike(ToySet("a"), other) == ["its roles have other cores"]


def test_sets_on_one_machine_are_told() -> None:
    told = told_shared([ToySet("a"), ToySet("b", 1), ToySet("c", 7)])
    assert told is not None
    assert "a, b share a machine" in told
