"""Signals that the tests' processes heed, whatever has started the tests."""

import signal

_NUMBERS = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)


def heed_signals() -> None:
    """Undo what a shell does to a command in the background.

    It ignores SIGINT and SIGQUIT there, and `nohup` ignores SIGHUP. Children inherit that, and
    would not end when a test asks them to.
    """
    for number in _NUMBERS:
        if signal.getsignal(number) is signal.SIG_IGN:
            python = number is signal.SIGINT
            signal.signal(number, signal.default_int_handler if python else signal.SIG_DFL)
