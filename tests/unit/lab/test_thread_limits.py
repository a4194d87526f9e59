import threading
from pathlib import Path

import pytest

from harness.lab.thread_limits import ThreadLimit, read_thread_limits


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine's settings, and a container's."""
    for name, text in (
        ("sys/kernel/threads-max", "20000\n"), ("sys/kernel/pid_max", "32768\n"),
        ("sys/vm/max_map_count", "65530\n"), ("loadavg", "0.1 0.2 0.3 3/768 4711\n"),
        ("group/pids.max", "5000\n"), ("group/pids.current", "40\n"), ("free/pids.max", "max\n"),
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def limits_of(machine: Path) -> dict[str, ThreadLimit]:
    groups = [machine / "group", machine / "free"]
    found = read_thread_limits(machine / "sys", machine / "loadavg", groups)
    return {limit.name: limit for limit in found}


def test_what_is_used_already_is_not_allowed_again(machine: Path) -> None:
    limits = limits_of(machine)
    assert limits["kernel.threads-max"].allowed == 20_000 - 768
    assert limits["kernel.pid_max"].allowed == 32_768 - 768
    assert limits["pids.max"].allowed == 5_000 - 40


def test_a_thread_takes_three_mappings_of_its_process(machine: Path) -> None:
    mappings = limits_of(machine)["vm.max_map_count"]
    assert mappings.process
    assert mappings.allowed == (65_530 - mappings.used) // 3


def test_the_command_raises_the_limit_so_far_that_the_threads_fit(machine: Path) -> None:
    limits = limits_of(machine)
    assert limits["kernel.pid_max"].raised_for(40_000) == "sudo sysctl -w kernel.pid_max=40768"
    assert limits["vm.max_map_count"].raised_for(50_000).endswith("vm.max_map_count=154000")
    assert limits["pids.max"].raised_for(6_000).startswith("echo 6040 | sudo tee ")


def test_limits_that_are_not_visible_are_none(tmp_path: Path) -> None:
    names = {limit.name for limit in read_thread_limits(tmp_path, tmp_path / "none", [])}
    assert names <= {"ulimit -u"}


def test_a_real_thread_takes_at_most_three_mappings() -> None:
    """The figure by which threads are refused, on this kernel and C library."""

    def mappings() -> int:
        return len(Path("/proc/self/maps").read_text().splitlines())

    done, count = threading.Event(), 40
    before = mappings()
    threads = [threading.Thread(target=done.wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    grown = mappings() - before
    done.set()
    for thread in threads:
        thread.join()
    assert count <= grown <= 3 * count + 8
