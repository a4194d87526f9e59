import os
import platform
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import UsageError
from harness.lab.machine import describe, pinned, propose_cores, share_out
from harness.records.run import Cores


@pytest.mark.parametrize(
    ("physical", "workers", "application", "database", "load", "co_located"),
    [
        ([(3,)], 1, (3,), (3,), (3,), True),
        ([(0, 1)], 1, (0,), (1,), (1,), True),  # one core with two hardware threads
        ([(0,), (1,)], 1, (0,), (1,), (1,), True),
        ([(0,), (2,), (4,)], 1, (0,), (2,), (4,), False),
        ([(0,), (1,), (2,), (3,), (4,)], 1, (0,), (1, 2, 3), (4,), False),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], 1, (0,), (1, 5, 2, 6), (3,), False),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], 2, (0, 1), (2, 6), (3,), False),
        ([(0,), (1,), (2,)], 8, (0,), (1,), (2,), False),
    ],
)
def test_the_application_is_alone_as_soon_as_there_are_two_cores(
    physical: list[tuple[int, ...]],
    workers: int,
    application: tuple[int, ...],
    database: tuple[int, ...],
    load: tuple[int, ...],
    co_located: bool,
) -> None:
    cores = share_out(physical, workers)
    assert cores == Cores(application=application, database=database, load=load)
    assert cores.co_located is co_located


def test_only_cores_that_this_process_may_use_are_proposed() -> None:
    assert propose_cores().all <= os.sched_getaffinity(0)


def test_pinned_moves_us_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    last = {max(before)}
    with pinned(last):
        assert os.sched_getaffinity(0) == last
    assert os.sched_getaffinity(0) == before


def test_no_core_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"No processor is available"):
        share_out([])


def test_description_names_the_machine_and_not_the_host() -> None:
    told = describe()
    assert told["python"] == f"CPython {platform.python_version()}"
    assert isinstance(told["memory_mib"], int)
    assert told["memory_mib"] > 100
    assert told["processors"] == len(os.sched_getaffinity(0))
    assert told["processor"]
    assert socket.gethostname() not in map(str, told.values())


@pytest.mark.parametrize(
    ("physical", "workers", "generators", "application", "database", "load"),
    [
        ([(0,), (1,)], 1, 4, (0,), (1,), (1,)),  # too few to share out more
        ([(0,), (1,), (2,)], 1, 4, (0,), (1,), (2,)),
        ([(0,), (1,), (2,), (3,)], 1, 2, (0,), (1,), (2, 3)),
        ([(0,), (1,), (2,), (3,)], 1, 9, (0,), (1,), (2, 3)),  # one is left for the database
        ([(0,), (1,), (2,), (3,), (4,), (5,)], 2, 2, (0, 1), (2, 3), (4, 5)),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], 1, 2, (0,), (1, 5), (2, 3)),
    ],
)
def test_generators_get_a_core_each_as_long_as_the_database_keeps_one(
    physical: list[tuple[int, ...]],
    workers: int,
    generators: int,
    application: tuple[int, ...],
    database: tuple[int, ...],
    load: tuple[int, ...],
) -> None:
    cores = share_out(physical, workers, generators)
    assert cores == Cores(application=application, database=database, load=load)


@given(
    count=st.integers(3, 40), workers=st.integers(1, 50), generators=st.integers(1, 50)
)  # fmt: skip
def test_from_three_cores_on_no_two_roles_share_one_and_none_is_left_over(
    count: int, workers: int, generators: int
) -> None:
    cores = share_out([(cpu,) for cpu in range(count)], workers, generators)
    assert not cores.co_located
    assert cores.all == set(range(count))
    assert 1 <= len(cores.application) <= workers
    assert 1 <= len(cores.load) <= generators
    assert cores.database
