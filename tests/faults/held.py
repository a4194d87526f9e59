"""The command `bridgetoll`, held at a moment until the test lets it go on.

Usage: `python -m tests.faults.held MOMENT REACHED GO ARGUMENT...`, where REACHED and GO are file
descriptors: one byte is written to the first when the moment has come, and one is read from the
second before the command goes on. The harness itself knows nothing of this.
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from harness import cli
from tests.faults.moments import MOMENTS
from tests.toys.laboratory import trusting


def hold(place: str, reached: int, go: int) -> None:
    """Wrap a function (`module:name` or `module:Class.name`), so that its first call waits."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module))
    original: Callable[..., object] = getattr(owner, name)

    @functools.wraps(original)
    def held(*arguments: object, **named: object) -> object:
        setattr(owner, name, original)
        os.write(reached, b"!")
        os.read(go, 1)  # a signal interrupts it, as it would what comes next
        return original(*arguments, **named)

    setattr(owner, name, held)


def main() -> None:
    """Hold, then be the command."""
    name, reached, go, *arguments = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP):  # a shell in the background ignores them
        signal.signal(number, signal.SIG_DFL)
    moment = MOMENTS[name]
    for descriptor in (int(reached), int(go)):
        os.set_inheritable(descriptor, False)
    sys.argv = ["bridgetoll", *arguments]
    with ExitStack() as stack:
        if moment.trusting:
            stack.enter_context(trusting())
        hold(moment.place, int(reached), int(go))
        cli.main()


if __name__ == "__main__":
    main()
