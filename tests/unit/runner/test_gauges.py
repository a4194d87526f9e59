import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from harness.lab.clocks import TreeClock
from harness.runner.gauges import Gauges

BURN_S = 0.2
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
    before = gauges.read(clock)
    burners[who].burn()
    used = gauges.read(clock) - before
    seen = [used.server_ns, used.database_ns, used.generator_ns]
    assert seen[who] == pytest.approx(BURN_S * 1e9, rel=0.1)
    assert all(value is not None and value < 0.01e9 for i, value in enumerate(seen) if i != who)
    assert used.machine_busy_ns >= 0.8 * BURN_S * 1e9
    assert used.steal_ns >= 0
    assert used.at_ns >= BURN_S * 1e9
    assert used.harness_ns < 0.1e9


def test_a_database_elsewhere_has_no_cpu_time() -> None:
    gauges, clock = Gauges(None, [os.getpid()], CPUS), TreeClock(os.getpid())
    assert (gauges.read(clock) - gauges.read(clock)).database_ns is None
