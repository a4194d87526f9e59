"""The injector that works everywhere: a process in user space that lets things take their time."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from harness.base.errors import RelayFailed
from harness.lab.latency import messages
from harness.lab.latency.injector import Leg
from harness.lab.latency.messages import Command, Count, Delay, Listen
from harness.lab.network import HOST, Address
from harness.lab.process import launch

_NS_PER_MS = 1_000_000


class RelayInjector:
    """A relay process. Use as a context manager.

    Args:
        cpus: processors that it may use.
        log: a file for what it says.
    """

    def __init__(self, cpus: Sequence[int] | None = None, log: Path | None = None) -> None:
        self._child = launch(
            [sys.executable, "-m", "harness.lab.latency.worker"],
            cpus=cpus, log=log, pipes=True, death_signal="SIGKILL", prompt=True,
        )  # fmt: skip

    def through(self, leg: Leg, target: Address) -> Address:
        """See `Injector.through`."""
        port = self._ask(Listen(leg, target.host, target.port))
        assert port is not None
        return Address(HOST, port)

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """See `Injector.set_round_trip`; half of it in each direction."""
        self._ask(Delay(leg, round(milliseconds * _NS_PER_MS / 2)))

    def connections(self) -> int:
        """How many it carries."""
        return self._ask(Count()) or 0

    @property
    def delays_harness(self) -> bool:
        """It is gone round."""
        return False

    @property
    def pids(self) -> tuple[int, ...]:
        """Its process."""
        return (self._child.pid,)

    def _ask(self, command: Command) -> int | None:
        stdin, stdout = self._child.popen.stdin, self._child.popen.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            messages.write(stdin, command)
            line = stdout.readline()
        except OSError:
            line = b""
        if not line:
            words = self._child.last_words()
            raise RelayFailed(
                "The relay process died; continue with `bridgetoll run --resume`."
                + (f" It said:\n{words}" if words else "")
            )
        answer = messages.read_answer(line)
        if answer.problem is not None:
            raise RelayFailed(f"The relay could not do what it was told: {answer.problem}.")
        return answer.value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()
