import pytest

from harness.records.run import MACHINE_STRIDE
from harness.runner.places.roles import cores_of, numbered

EIGHT = [(0, 8), (1, 9), (2, 10), (3, 11)]


@pytest.mark.parametrize(
    ("role", "workers", "generators", "cpus"),
    [
        ("application", 1, 1, (0,)),
        ("application", 9, 1, (0, 1, 2)),
        ("database", 1, 1, (1, 9, 2, 10, 3, 11)),
        ("load", 1, 2, (2, 3)),
    ],
)
def test_a_role_on_a_machine_of_its_own_leaves_one_core_free(
    role: str, workers: int, generators: int, cpus: tuple[int, ...]
) -> None:
    assert cores_of(role, EIGHT, workers=workers, generators=generators) == cpus  # type: ignore[arg-type]


def test_one_core_is_all_that_a_role_can_get() -> None:
    assert cores_of("database", [(4, 5)], workers=1, generators=1) == (4,)


def test_roles_on_different_machines_never_share_a_processor() -> None:
    cores = numbered([(0, {"application": (0,)}), (1, {"database": (0, 1)}), (2, {"load": (0,)})])
    assert not cores.co_located
    assert len(cores.all) == 4
    assert cores.database == (MACHINE_STRIDE, MACHINE_STRIDE + 1)


def test_roles_on_one_kernel_are_co_located_where_they_share_a_processor() -> None:
    assert numbered([(0, {"application": (0,)}), (0, {"database": (1,), "load": (1,)})]).co_located


def test_the_processors_of_all_machines_that_load_are_told() -> None:
    cores = numbered([(0, {"application": (0,)}), (1, {"load": (3,)}), (2, {"load": (2, 3)})])
    assert cores.load == (MACHINE_STRIDE + 3, 2 * MACHINE_STRIDE + 2, 2 * MACHINE_STRIDE + 3)
    assert cores.database == cores.load  # a PostgreSQL of the user's, which is not watched
