"""Signals that ask the command to stop: SIGINT (Ctrl-C), SIGTERM, SIGHUP and SIGQUIT.

The first one interrupts whatever the command does. It is an exception of its own and no
KeyboardInterrupt: some libraries catch that one, end in silence, or wait for a server that is gone.
Those that follow are passed over while the command stops, so that they leave no process behind.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_GRACE_S = 5.0
"""Stopping takes no longer. If it hangs all the same, the next signal interrupts it."""


class Interrupted(BaseException):
    """A signal asks the command to stop.

    number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _State:
    """received: the first signal since `install`. raised_s: when one was raised last, on the
    monotonic clock. depth: blocks of `deferred` under way. pending: a signal that waits for their
    end."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.raised_s: float | None = None
        self.depth = 0
        self.pending: int | None = None


_state = _State()


def install() -> None:
    """Handle the signals from now on, except those that this process was started to ignore.

    `nohup` ignores SIGHUP, and a shell's script ignores SIGINT in what it starts in the background.
    """
    global _state
    _state = _State()
    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def received() -> int | None:
    """The first signal since `install`; None if there was none."""
    return _state.received


def end() -> None:
    """Ignore every signal from now on: the process ends by itself.

    By the kernel, because Python takes its own handlers back while it ends.
    """
    for number in _STOPPING:
        if signal.getsignal(number) is _handle:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal wait for the end of the block. It is raised then.

    The kernel's mask would not do: programs that are started meanwhile would inherit it.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield
        return
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        if _state.depth == 0 and _state.pending is not None:
            number, _state.pending = _state.pending, None
            _interrupt(number)


def _handle(number: int, _: FrameType | None) -> None:
    if _state.depth:
        _state.pending = _state.pending or number
    else:
        _interrupt(number)


def _interrupt(number: int) -> None:
    now = time.monotonic()
    if _state.raised_s is not None and now - _state.raised_s < _GRACE_S:
        return
    _state.received = _state.received or number
    _state.raised_s = now
    raise Interrupted(number)
