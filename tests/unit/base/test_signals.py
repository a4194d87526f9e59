"""Signals that ask to stop, sent to this process."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base import signals
from harness.base.signals import Interrupted, deferred
from tests.toys.entry import handlers_kept

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with handlers_kept():
        for number in ALL:
            signal.signal(number, signal.SIG_DFL)
        signals.install()
        yield
        signals.install()


@pytest.mark.parametrize("number", ALL)
def test_each_interrupts_and_is_remembered(number: signal.Signals) -> None:
    assert signals.received() is None
    with pytest.raises(Interrupted) as interrupted:
        signal.raise_signal(number)
    assert interrupted.value.number == number
    assert signals.received() == number


def test_those_that_follow_are_passed_over_while_the_command_stops() -> None:
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert signals.received() == signal.SIGINT


def test_if_stopping_hangs_the_next_one_interrupts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_GRACE_S", 0.0)
    for _ in range(2):
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)


def test_a_deferred_signal_is_raised_at_the_end_of_the_outermost_block() -> None:
    reached: list[str] = []

    def twice() -> None:
        with deferred():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        reached.append("inner")

    with pytest.raises(Interrupted) as interrupted, deferred():
        twice()
    assert reached == ["inner"]
    assert interrupted.value.number == signal.SIGTERM


def test_another_thread_defers_nothing_for_the_first_one() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with deferred():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    try:
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
    finally:
        leave.set()
        thread.join()


def test_at_the_end_of_the_command_nothing_is_interrupted() -> None:
    signals.end()
    signal.raise_signal(signal.SIGINT)
    assert signals.received() is None


def test_a_second_ctrl_c_while_the_interpreter_ends_does_not_change_the_status(
    repository_root: Path,
) -> None:
    """Python puts its own handlers away before it is gone."""
    script = (
        "import atexit, signal, sys; from harness.base import signals; signals.install()\n"
        "class Last:\n"
        "    def __del__(self, kill=signal.raise_signal): kill(2)\n"
        "sys.last = Last(); signals.end(); sys.exit(130)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository_root, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_what_a_process_was_started_to_ignore_it_goes_on_to_ignore() -> None:
    """As `nohup` does with SIGHUP."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.install()
    signal.raise_signal(signal.SIGHUP)
    assert signals.received() is None


def test_handling_signals_needs_no_import_that_takes_time(repository_root: Path) -> None:
    """Until they are handled, Ctrl-C shows a traceback."""
    script = "import sys; before = set(sys.modules); import harness.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=repository_root,
    )  # fmt: skip
    ours = {name for name in done.stdout.split() if name.startswith("harness")}
    assert ours == {"harness", "harness.base", "harness.base.signals", "harness.cli"}
    assert "typer" not in done.stdout
