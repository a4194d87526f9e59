"""Machines in words."""

import msgspec

from harness.report.words.machines import hardware, machine_title
from tests.toys.runs import make_run

FACTS: dict[str, str | int] = {"kernel": "Linux 6", "processor": "AMD EPYC", "processors": 2}


def test_a_machine_is_told_by_its_processor_and_cores() -> None:
    run = msgspec.structs.replace(make_run(), machine=FACTS)
    assert machine_title(run) == "AMD EPYC, 2 cores"
    alone = msgspec.structs.replace(run, machine=FACTS | {"processors": 1})
    assert machine_title(alone) == "AMD EPYC, 1 core"


def test_a_machine_that_says_neither_is_told_by_what_it_says() -> None:
    run = msgspec.structs.replace(make_run(), machine={"kernel": "Linux 6"})
    assert machine_title(run) == "kernel Linux 6"


def test_an_update_leaves_the_machine_the_same_and_another_core_does_not() -> None:
    run = msgspec.structs.replace(make_run(), machine=FACTS)
    updated = msgspec.structs.replace(run, machine=FACTS | {"kernel": "Linux 7", "python": "4"})
    larger = msgspec.structs.replace(run, machine=FACTS | {"processors": 4})
    assert hardware(updated.machine) == hardware(run.machine)
    assert hardware(larger.machine) != hardware(run.machine)
