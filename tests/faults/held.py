"""The command `bridgetoll`, held at a moment until the test lets it go on.

Usage: `python -m tests.faults.held MOMENT REACHED GO ARGUMENT...`, where REACHED and GO are file
descriptors: one byte is written to the first when the moment has come, and one is read from the
second before the command goes on. A moment at which trials are due comes when some are finished.
The harness itself knows nothing of this.
"""

import functools
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from harness import cli
from harness.base.workspace import Workspace
from harness.lab import servers
from harness.lab.network import HOST, free_port
from harness.lab.postgres import cluster
from tests.faults.faults import TAKE_PORT
from tests.faults.moments import MOMENTS, Moment
from tests.toys.laboratory import trusting
from tests.toys.undrawn import undrawn

DRAWN = ("report", "publish")
"""Moments that come before charts are drawn, and while they are."""


def hold(moment: Moment, reached: int, go: int) -> None:
    """Wrap a function (`module:name` or `module:Class.name`), so that one call of it waits."""
    module, _, path = moment.place.partition(":")
    *owners, name = path.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module))
    original: Callable[..., object] = getattr(owner, name)

    @functools.wraps(original)
    def held(*arguments: object, **named: object) -> object:
        if not moment.trials or any(Workspace().results.glob("*/trials/*.json")):
            setattr(owner, name, original)
            os.write(reached, b"!")
            if os.read(go, 1) == TAKE_PORT:  # a signal interrupts it, as it would what comes next
                take_next_port()
        return original(*arguments, **named)

    setattr(owner, name, held)


def take_next_port() -> None:
    """Another program listens where the harness believes that a port is free."""
    listener = socket.create_server((HOST, 0))
    port = listener.getsockname()[1]
    _taken.append(listener)
    modules: tuple[Any, ...] = (servers, cluster)

    def taken() -> int:
        for module in modules:
            module.free_port = free_port
        return int(port)

    for module in modules:
        module.free_port = taken


_taken: list[socket.socket] = []
"""Open for as long as the command runs."""


def main() -> None:
    """Hold, then be the command."""
    name, reached, go, *arguments = sys.argv[1:]
    # A shell ignores some of them in the background, and `nohup` another.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    moment = MOMENTS[name]
    for descriptor in (int(reached), int(go)):
        os.set_inheritable(descriptor, False)
    sys.argv = ["bridgetoll", *arguments]
    with ExitStack() as stack:
        if moment.trusting:
            stack.enter_context(trusting())
        if name not in DRAWN:
            stack.enter_context(undrawn())
        hold(moment, int(reached), int(go))
        cli.main()


if __name__ == "__main__":
    main()
