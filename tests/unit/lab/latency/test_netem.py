"""The commands are recorded; where the kernel has netem, they are carried out too."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from harness.base.errors import UsageError
from harness.lab.latency.netem import NetemInjector, run_tool
from harness.lab.network import Address
from tests.waiting import PATIENCE_S

PROGRAM = """
import socket, threading, time
from harness.lab.network import Address
from harness.lab.latency.netem import NetemInjector, enter_namespace
from harness.base.errors import UsageError
enter_namespace()
try:
    injector = NetemInjector()
except UsageError as error:
    print("refused:", error)
    raise SystemExit
listener = socket.create_server(("127.0.0.1", 0))
def echo():
    connection, _ = listener.accept()
    while data := connection.recv(64):
        connection.sendall(data)
threading.Thread(target=echo, daemon=True).start()
there = Address("127.0.0.1", listener.getsockname()[1])
client = socket.create_connection((there.host, there.port))
injector.through("database", there)
injector.set_round_trip("database", 40)
began = time.perf_counter()
client.sendall(b"x")
client.recv(1)
print("took", time.perf_counter() - began)
"""


class Recorder:
    """Notes what would be run."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str]) -> None:
        self.commands.append(" ".join(command))


def test_it_begins_with_a_loopback_that_is_up_and_a_band_for_each_leg() -> None:
    tool = Recorder()
    NetemInjector(tool)
    assert tool.commands == [
        "ip link set lo up",
        "tc qdisc replace dev lo root handle 1: prio bands 3 priomap " + " ".join(["0"] * 16),
        "tc qdisc replace dev lo parent 1:2 handle 20: netem delay 0us limit 100000",
        "tc qdisc replace dev lo parent 1:3 handle 30: netem delay 0us limit 100000",
    ]


def test_a_target_keeps_its_address_and_its_port_joins_the_leg_once() -> None:
    tool = Recorder()
    injector = NetemInjector(tool)
    tool.commands.clear()
    there = Address("127.0.0.1", 5432)
    assert injector.through("database", there) == there
    assert injector.through("database", there) == there
    beginning = "tc filter add dev lo parent 1: protocol ip prio 1 u32 match ip"
    assert tool.commands == [
        f"{beginning} dport 5432 0xffff flowid 1:2",
        f"{beginning} sport 5432 0xffff flowid 1:2",
    ]


def test_a_round_trip_is_half_in_each_direction() -> None:
    tool = Recorder()
    injector = NetemInjector(tool)
    injector.set_round_trip("client", 100.5)
    assert tool.commands[-1] == (
        "tc qdisc change dev lo parent 1:3 handle 30: netem delay 50250us limit 100000"
    )


def test_a_missing_program_is_told_with_the_relay_as_remedy() -> None:
    with pytest.raises(UsageError, match=r"no-such-tool.*relay"):
        run_tool(["no-such-tool", "x"])


def test_what_the_kernel_refuses_is_told_with_what_it_said() -> None:
    with pytest.raises(UsageError, match=r"This kernel refuses `ls /nowhere`.*nowhere.*relay"):
        run_tool(["ls", "/nowhere"])


def test_in_a_namespace_of_its_own_it_delays_or_says_that_this_kernel_cannot() -> None:
    """For real: a child of its own, because a process that has moved cannot come back."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip
    if "needs a network namespace" in done.stderr:
        pytest.skip("not allowed to make a network namespace")
    assert done.returncode == 0, done.stderr
    verdict, _, rest = done.stdout.partition(" ")
    if verdict == "refused:":
        assert "use the relay" in rest
    else:
        assert float(rest) >= 0.040
