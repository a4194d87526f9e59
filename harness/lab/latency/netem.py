"""The injector that lets the kernel do it: netem on the loopback of a network namespace of our own.

The harness moves into a fresh network namespace (unshare(2)), and whatever it starts from then on
is born there: PostgreSQL, servers, generator, all on a loopback that nobody else has. So addresses
stay what they are, and nothing stands in between. A packet between two programs passes the
loopback's egress once, so each direction is delayed by half of the round trip: the ports of a leg
are sent through a band of their own (tc-prio(8), tc-u32(8)) that ends in a netem (tc-netem(8)).
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

from harness.base.errors import UsageError
from harness.lab.latency.injector import Leg
from harness.lab.network import Address

_DEVICE = "lo"
_BANDS: dict[Leg, int] = {"database": 2, "client": 3}
"""Of the prio qdisc; everything else goes through the first."""
_LIMIT = 100_000
"""Packets under way; what exceeds it is dropped, which no loopback should do."""
_WORDS = 300

Tool = Callable[[Sequence[str]], None]
"""Runs a command of the machine's."""


def run_tool(command: Sequence[str]) -> None:
    """Run `ip` or `tc`.

    Raises:
        UsageError: it is missing, or the kernel refused, with what it said.
    """
    if shutil.which(command[0]) is None:
        raise UsageError(
            f"The program {command[0]} is missing, which netem needs; install iproute2, or use "
            'the relay (`[network] injector = "relay"`).'
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:_WORDS]
        raise UsageError(
            f"This kernel refuses `{' '.join(command)}` ({said}); use the relay "
            '(`[network] injector = "relay"`), which works everywhere.'
        )


class NetemInjector:
    """Delays on a loopback of our own.

    Args:
        tool: runs the commands.
    """

    pids: tuple[int, ...] = ()
    """The kernel does it."""
    delays_harness = True
    """Legs are told by port, whoever comes."""

    def __init__(self, tool: Tool = run_tool) -> None:
        self._tool = tool
        self._known: set[tuple[Leg, int]] = set()
        self._priority = 1
        tool(["ip", "link", "set", _DEVICE, "up"])
        everything_first = ["0"] * 16
        tool([
            "tc", "qdisc", "replace", "dev", _DEVICE, "root", "handle", "1:", "prio",
            "bands", str(1 + len(_BANDS)), "priomap", *everything_first,
        ])  # fmt: skip
        for band in _BANDS.values():
            self._netem("replace", band, 0.0)

    def through(self, leg: Leg, target: Address) -> Address:
        """See `Injector.through`: the address stays, and its port joins the leg."""
        if (leg, target.port) not in self._known:
            self._known.add((leg, target.port))
            for side in ("dport", "sport"):
                self._tool([
                    "tc", "filter", "add", "dev", _DEVICE, "parent", "1:", "protocol", "ip",
                    "prio", str(self._priority), "u32", "match", "ip", side, str(target.port),
                    "0xffff", "flowid", f"1:{_BANDS[leg]}",
                ])  # fmt: skip
        return target

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """See `Injector.set_round_trip`; half of it in each direction."""
        self._netem("change", _BANDS[leg], milliseconds / 2)

    def _netem(self, verb: str, band: int, one_way_ms: float) -> None:
        self._tool([
            "tc", "qdisc", verb, "dev", _DEVICE, "parent", f"1:{band}", "handle", f"{band}0:",
            "netem", "delay", f"{round(one_way_ms * 1000)}us", "limit", str(_LIMIT),
        ])  # fmt: skip


def enter_namespace() -> None:
    """Move this process into a fresh network namespace; children follow, and it goes with them.

    Raises:
        UsageError: not allowed here.
    """
    try:
        os.unshare(os.CLONE_NEWNET)
    except OSError as error:
        raise UsageError(
            f"No network namespace can be made here ({error.strerror}), which netem needs; run as "
            'root, or use the relay (`[network] injector = "relay"`).'
        ) from error
