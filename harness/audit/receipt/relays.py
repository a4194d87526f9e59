"""Puts a relay before each PostgreSQL to which an observed application connects.

The project stays as it is: the witness inside asks here, when a driver opens a connection, and
leads the driver to the relay. So every byte is seen, whatever the settings name.
"""

import json
import socket
import threading
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from harness.audit.pg_wire import Wire
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.latency.relay import Observer
from harness.lab.network import Address

_NAME = "relays"
"""The socket's, which the witness knows too."""
_LONGEST = 4_096
_ASKED_S = 5.0
_FIRST_PLACE = 1_000
"""Unix sockets of PostgreSQL have a number in their name, `.s.PGSQL.1000`."""


class RelayDesk:
    """Hands out relays. Use as a context manager.

    Args:
        folder: where its socket is made.

    place: of the socket.
    """

    def __init__(self, folder: Path) -> None:
        self.place = folder / _NAME
        self._folder = folder
        self._desk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._relays = ExitStack()
        self._counters: list[Counter[str]] = []
        self._wires: list[Wire] = []
        self._thread = threading.Thread(target=self._serve, name="relays", daemon=True)

    def __enter__(self) -> Self:
        self._desk.bind(str(self.place))
        self._desk.listen()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._desk.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._desk.close()
        self._relays.close()

    @property
    def encrypted(self) -> bool:
        """Whether an application and its database agreed on encryption, so nothing can be read."""
        return any(wire.encrypted for wire in self._wires)

    def counted(self) -> Counter[str]:
        """What has passed so far, by the names of `Wire`, through all relays."""
        total: Counter[str] = Counter()
        for counts in list(self._counters):
            total.update(dict(counts))
        return total

    def _serve(self) -> None:
        while True:
            try:
                asker, _ = self._desk.accept()
            except OSError:
                return  # it has been shut down
            with asker, suppress(OSError, ValueError, KeyError):
                asker.settimeout(_ASKED_S)
                asked = asker.makefile("rb").readline(_LONGEST)
                asker.sendall(json.dumps(self._relay(json.loads(asked))).encode() + b"\n")

    def _relay(self, asked: dict[str, str | int]) -> dict[str, str | int]:
        """A new relay before that address, and where it listens."""
        counts: Counter[str] = Counter()

        def observe() -> Observer:
            wire = Wire(counts)
            self._wires.append(wire)
            return wire.feed

        if "path" in asked:
            number = _FIRST_PLACE + len(self._counters)
            place = self._folder / f".s.PGSQL.{number}"
            self._relays.enter_context(ObservingRelay(Path(str(asked["path"])), observe, place))
            address = Address(str(self._folder), number)
        else:
            target = Address(str(asked["host"]), int(asked["port"]))
            address = self._relays.enter_context(ObservingRelay(target, observe)).address
        self._counters.append(counts)
        return {"host": address.host, "port": address.port}
