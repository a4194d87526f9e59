import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from harness.lab.clocks import TreeClock
from harness.runner.gauges import Gauges, Reading

BURN_S = 0.05
LOOKS = 8
"""A neighbour's time counts as a process's own now and then: of several looks the least is right,
and none is too low. Ticks of processors may be too few."""
CPUS = frozenset(os.sched_getaffinity(0))
PROGRAM = f"""
import sys, time
for line in sys.stdin:
    end = time.process_time() + {BURN_S}
    while time.process_time() < end:
        pass
    print("done", flush=True)
"""


class Burner:
    """A process that uses a known amount of CPU time when it is asked."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def burn(self) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()
        assert self._popen.stdout.readline() == "done\n"
        time.sleep(0.005)  # it goes back to waiting

    def stop(self) -> None:
        self._popen.communicate()


@pytest.fixture
def burners() -> Iterator[tuple[Burner, Burner, Burner]]:
    made = Burner(), Burner(), Burner()
    yield made
    for burner in made:
        burner.stop()


@pytest.mark.parametrize("who", [0, 1, 2], ids=["server", "database", "generator"])
def test_cpu_time_is_charged_to_the_role_that_used_it(
    burners: tuple[Burner, Burner, Burner], who: int
) -> None:
    server, database, generator = burners
    gauges, clock = Gauges(database.pid, [generator.pid], CPUS), TreeClock(server.pid)
    server.burn()  # past the start of the interpreters
    database.burn()
    generator.burn()
    looks: list[Reading] = []
    for _ in range(LOOKS):
        before = gauges.read(clock)
        burners[who].burn()
        looks.append(gauges.read(clock) - before)
    least = [min(used) for used in zip(*map(of_roles, looks), strict=True)]
    assert BURN_S * 1e9 <= least[who] < 1.2 * BURN_S * 1e9
    assert all(used < 0.2 * BURN_S * 1e9 for role, used in enumerate(least) if role != who)
    assert min(used.harness_ns for used in looks) < 0.5 * BURN_S * 1e9
    assert max(used.machine_busy_ns for used in looks) >= 0.8 * BURN_S * 1e9
    assert all(used.steal_ns >= 0 for used in looks)
    assert all(used.at_ns >= BURN_S * 1e9 for used in looks)


def of_roles(used: Reading) -> tuple[int, int, int]:
    assert used.database_ns is not None
    return used.server_ns, used.database_ns, used.generator_ns


def test_a_database_elsewhere_has_no_cpu_time() -> None:
    gauges, clock = Gauges(None, [os.getpid()], CPUS), TreeClock(os.getpid())
    assert (gauges.read(clock) - gauges.read(clock)).database_ns is None
