"""One measuring process per machine: real processes, under names of their own."""

import os
import signal
import threading
import uuid

import pytest

from harness.base.processes import how_to_stop
from harness.lab.measuring import BESIDE, MachineInUse, measuring
from tests.toys.holders import machine_holder


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a socket that nothing else on this machine uses."""
    monkeypatch.delenv(BESIDE)
    return f"bridgetoll-tests-{uuid.uuid4()}"


def test_a_second_process_is_refused_with_the_first_ones_id_and_command(name: str) -> None:
    with (
        machine_holder(name) as first,
        pytest.raises(MachineInUse) as refused,
        measuring(name=name),
    ):
        pass
    told = str(refused.value)
    assert f"process {first.pid} (`bridgetoll run quick`)" in told
    assert f"`{how_to_stop(first.pid)}`" in told
    assert "--wait" in told
    assert "\n" not in told


def test_it_is_free_once_the_first_has_been_killed(name: str) -> None:
    with machine_holder(name) as first:
        first.kill()
        first.wait()
        with measuring(name=name), pytest.raises(MachineInUse), measuring(name=name):
            pass
    with measuring(name=name):
        pass


def test_a_process_that_waits_is_told_once_and_goes_on_after_the_first(name: str) -> None:
    told: list[MachineInUse] = []
    with machine_holder(name) as first:

        def waiting(used: MachineInUse) -> None:
            told.append(used)
            threading.Timer(0.2, first.kill).start()

        with measuring(waiting, name):
            pass
    assert [used.pid for used in told] == [first.pid]


def test_of_two_that_wait_one_goes_on_and_the_other_waits_for_it(name: str) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def measure() -> None:
        nonlocal inside, most
        with measuring(lambda _: None, name):
            with guard:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.05)
            with guard:
                inside -= 1

    with machine_holder(name) as first:
        threads = [threading.Thread(target=measure) for _ in range(4)]
        for thread in threads:
            thread.start()
        first.kill()
        for thread in threads:
            thread.join()
    assert most == 1


def test_ctrl_c_ends_the_waiting(name: str) -> None:
    def interrupt(_: MachineInUse) -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with machine_holder(name), pytest.raises(KeyboardInterrupt), measuring(interrupt, name):
            pass
    finally:
        signal.signal(signal.SIGINT, before)


def test_measuring_beside_another_can_be_allowed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BESIDE, "1")
    with machine_holder(name), measuring(name=name):
        pass
    monkeypatch.setenv(BESIDE, "0")
    with machine_holder(name), pytest.raises(MachineInUse), measuring(name=name):
        pass
