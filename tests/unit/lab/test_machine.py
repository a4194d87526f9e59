import os
import platform
import socket

import pytest

from harness.errors import UsageError
from harness.lab.machine import describe, propose_cores
from harness.model import Cores


@pytest.mark.parametrize(
    ("available", "application", "database", "load", "co_located"),
    [
        ({3}, (3,), (3,), (3,), True),
        ({0, 1}, (0,), (1,), (1,), True),
        ({0, 2, 4}, (0,), (2,), (4,), False),
        ({0, 1, 2, 3, 4}, (0,), (1, 2, 3), (4,), False),
    ],
)
def test_the_application_is_alone_as_soon_as_there_are_two_cores(
    available: set[int],
    application: tuple[int, ...],
    database: tuple[int, ...],
    load: tuple[int, ...],
    co_located: bool,
) -> None:
    cores = propose_cores(available)
    assert cores == Cores(application=application, database=database, load=load)
    assert cores.co_located is co_located


def test_only_cores_that_this_process_may_use_are_proposed() -> None:
    cores = propose_cores()
    used = {*cores.application, *cores.database, *cores.load}
    assert used == os.sched_getaffinity(0)


def test_no_core_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"No processor is available"):
        propose_cores(set())


def test_description_names_the_machine_and_not_the_host() -> None:
    told = describe()
    assert told["python"] == f"CPython {platform.python_version()}"
    assert isinstance(told["memory_mib"], int)
    assert told["memory_mib"] > 100
    assert told["processors"] == len(os.sched_getaffinity(0))
    assert told["processor"]
    assert socket.gethostname() not in map(str, told.values())
