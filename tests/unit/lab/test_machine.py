import os
import platform
import socket

import pytest

from harness.errors import UsageError
from harness.lab.machine import describe, pinned, propose_cores, share_out
from harness.model import Cores


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
