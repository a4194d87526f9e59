import msgspec
import pytest

from harness.records.run import MachineRecord
from tests.toys.runs import make_run


@pytest.mark.parametrize(("scale", "rehearsal"), [(None, False), (0.1, True)])
def test_a_shortened_ramp_is_a_rehearsal(scale: float | None, rehearsal: bool) -> None:
    assert msgspec.structs.replace(make_run(), scale=scale).rehearsal == rehearsal


def test_a_run_over_a_cluster_continues_over_a_cluster() -> None:
    run = make_run()
    machines = (MachineRecord(0, ("application", "database", "load"), {}),)
    assert "--cluster" not in run.continuing
    over = msgspec.structs.replace(run, machines=machines)
    assert over.continuing == f"{run.continuing} --cluster ADDRESS"


def test_the_sets_of_machines_are_named_once_and_a_single_one_needs_no_name() -> None:
    def over(*names: str | None) -> list[str]:
        machines = tuple(MachineRecord(n, ("load",), {}, name) for n, name in enumerate(names))
        return msgspec.structs.replace(make_run(), machines=machines).machine_sets

    assert over() == over(None, None) == []
    assert over("b", "b", "a") == ["b", "a"]
