"""The injector in the kernel: netem on the loopback of a network namespace of the harness's own.

The harness moves into a fresh network namespace (unshare(2)). All processes that it starts from
then on are in it: PostgreSQL, servers and generator share a loopback with no other program. So
addresses stay the same, and no relay is needed. A packet between two programs passes the loopback's
egress once, so each direction is delayed by half of the round trip. The ports of a leg go through
their own band (tc-prio(8), tc-u32(8)), which ends in a netem (tc-netem(8)).
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
"""Bands of the prio qdisc; all other packets go through the first."""
_LIMIT = 100_000
"""Packets under way; more would be dropped, which no loopback should do."""
_QUOTED_CHARACTERS = 300

Tool = Callable[[Sequence[str]], None]
"""Runs a program of the machine."""


def run_tool(command: Sequence[str]) -> None:
    """Run `ip` or `tc`.

    Raises:
        UsageError: it is missing, or the kernel refused; the message quotes the tool.
    """
    if shutil.which(command[0]) is None:
        raise UsageError(
            f"netem needs the program {command[0]}, which is missing; install iproute2, or use "
            'the relay (`[network] injector = "relay"`).'
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[:_QUOTED_CHARACTERS]
        raise UsageError(
            f"This kernel refuses `{' '.join(command)}` ({reason}); use the relay "
            '(`[network] injector = "relay"`), which works everywhere.'
        )


class NetemInjector:
    """Delays on the namespace's loopback.

    Args:
        tool: runs the commands.
    """

    pids: tuple[int, ...] = ()
    """None: the kernel adds the delay."""
    delays_harness = True
    """The kernel delays by port, for every client."""

    def __init__(self, tool: Tool = run_tool) -> None:
        self._tool = tool
        self._known: set[tuple[Leg, int]] = set()
        tool(["ip", "link", "set", _DEVICE, "up"])
        all_to_the_first_band = ["0"] * 16
        tool([
            "tc", "qdisc", "replace", "dev", _DEVICE, "root", "handle", "1:", "prio",
            "bands", str(1 + len(_BANDS)), "priomap", *all_to_the_first_band,
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
                    "prio", "1", "u32", "match", "ip", side, str(target.port),
                    "0xffff", "flowid", f"1:{_BANDS[leg]}",
                ])  # fmt: skip
        return target

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """See `Injector.set_round_trip`; half of it in each direction."""
        self._netem("change", _BANDS[leg], milliseconds / 2)

    def check_alive(self) -> None:
        """See `Injector.check_alive`: the kernel does not end."""

    def _netem(self, verb: str, band: int, one_way_ms: float) -> None:
        self._tool([
            "tc", "qdisc", verb, "dev", _DEVICE, "parent", f"1:{band}", "handle", f"{band}0:",
            "netem", "delay", f"{round(one_way_ms * 1000)}us", "limit", str(_LIMIT),
        ])  # fmt: skip


def enter_namespace() -> None:
    """Move this process into a fresh network namespace, which ends with it and its children.

    Raises:
        UsageError: that is not allowed here.
    """
    try:
        os.unshare(os.CLONE_NEWNET)
    except OSError as error:
        raise UsageError(
            f"netem needs a network namespace, and none can be made here ({error.strerror}); run "
            'as root, or use the relay (`[network] injector = "relay"`).'
        ) from error
