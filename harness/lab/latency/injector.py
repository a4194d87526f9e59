"""Added latency by leg: the interface, and the injector that works everywhere."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, Self

from harness.base.channel import Channel
from harness.base.errors import RelayFailed
from harness.lab.latency.relay_process import ANSWERS, Count, Delay, Listen, RelayRequest
from harness.lab.network import HOST, Address
from harness.lab.process import launch

Leg = Literal["database", "client"]
"""Between application and database, and between load and application."""
_NS_PER_MS = 1_000_000


class Injector(Protocol):
    """Adds latency to legs, by round trip.

    The caller asks once for the address of each target. The latency of a leg may change at any
    time, for all targets on it.
    """

    def through(self, leg: Leg, target: Address) -> Address:
        """The address at which the target is reached by that leg."""

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """Make round trips on a leg longer by this much, from now on."""

    def check_alive(self) -> None:
        """Notice at once when the process that delays has ended.

        Raises:
            RelayFailed: it has.
        """

    @property
    def delays_harness(self) -> bool:
        """Whether the harness's own connections are delayed too."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Processes whose CPU time the delay costs; none where the kernel adds it."""


class RelayInjector:
    """Delays in a relay process in user space. Use as a context manager.

    Args:
        cpus: processors that the process may use.
        log: a file for its standard error.
        host: the address on which it listens.
    """

    delays_harness = False
    """The harness bypasses the relay."""

    def __init__(
        self, cpus: Sequence[int] | None = None, log: Path | None = None, host: str = HOST
    ) -> None:
        self._host = host
        self._child = launch(
            [sys.executable, "-m", "harness.lab.latency.relay_process"],
            cpus=cpus, log=log, pipes=True, death_signal="SIGKILL", prompt=True,
        )  # fmt: skip
        pipes = self._child.popen.stdin, self._child.popen.stdout
        self._channel = Channel(*pipes, ANSWERS, self._died, self._silent)

    def through(self, leg: Leg, target: Address) -> Address:
        """See `Injector.through`."""
        port = self._ask(Listen(leg, target.host, target.port, self._host))
        assert port is not None
        return Address(self._host, port)

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """See `Injector.set_round_trip`; half of it in each direction."""
        self._ask(Delay(leg, round(milliseconds * _NS_PER_MS / 2)))

    def connections(self) -> int:
        """How many connections it relays."""
        return self._ask(Count()) or 0

    @property
    def pids(self) -> tuple[int, ...]:
        """See `Injector.pids`."""
        return (self._child.pid,)

    def check_alive(self) -> None:
        """See `Injector.check_alive`."""
        if not self._child.running:
            raise self._died()

    def _ask(self, request: RelayRequest) -> int | None:
        answer = self._channel.ask(request)
        if answer.problem is not None:
            raise RelayFailed(f"The relay refused: {answer.problem}; mend that, then try again.")
        return answer.value

    def _died(self) -> RelayFailed:
        return RelayFailed(
            f"The relay process {self._child.pid} {self._child.ending()}." + self._child.quotation()
        )

    def _silent(self, seconds: float) -> RelayFailed:
        return RelayFailed(
            f"The relay process {self._child.pid} did not answer within {seconds:.0f} s, as if it "
            "was halted."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()
