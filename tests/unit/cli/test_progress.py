"""The progress of long work, as a terminal shows it."""

import io

import pytest
import rich.progress
from rich.console import Console

from harness.cli.progress import ProgressListener
from harness.inputs.study import Condition
from harness.records.plan import Phase, Plan
from harness.records.verification import Outcome, Verification
from harness.runner.laboratory import Listener

PHASE = Phase(1, Condition("io_read", connections=8, rows=100), ((0, 1),) * 50)
PLAN = Plan((), (), (PHASE,), 60.0)


def listening(*, terminal: bool) -> tuple[ProgressListener, io.StringIO]:
    file = io.StringIO()
    return ProgressListener(Console(file=file, width=80, force_terminal=terminal)), file


def test_it_is_a_listener() -> None:
    listener: Listener = listening(terminal=False)[0]
    listener.step("starting")


def test_without_a_terminal_each_step_is_a_line() -> None:
    listener, file = listening(terminal=False)
    with listener:
        listener.step("starting PostgreSQL")
    assert file.getvalue().splitlines()[0] == "starting PostgreSQL"


def test_slices_show_what_is_measured_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    listener, file = listening(terminal=True)
    monkeypatch.setattr(listener._progress, "get_time", lambda: now[0])
    listener.expect(PLAN)
    with listener:
        for done in range(41):
            now[0] = done * 3.0
            listener.progress(PHASE, "toy/good", done, 1_234.0)
        shown = file.getvalue().replace("\r", "\n").splitlines()
    last = next(line for line in reversed(shown) if "block 1" in line)
    assert "io_read" in last
    assert "toy/good 1,234/s" in last
    assert "0:03:00 left" in last


def test_nothing_is_drawn_but_by_a_slice_or_a_step() -> None:
    listener, _ = listening(terminal=True)
    assert listener._progress.live.auto_refresh is False
    assert isinstance(listener._progress, rich.progress.Progress)


def test_a_verified_variant_is_a_line() -> None:
    listener, file = listening(terminal=False)
    listener.verified(Verification("toy/good", (Outcome("starts", None),)))
    assert file.getvalue().strip() == "ok    toy/good: 1 checks"


def test_the_run_is_known_once_it_has_begun() -> None:
    listener, _ = listening(terminal=False)
    assert listener.run is None
    listener.begun("tiny-1")
    assert listener.run == "tiny-1"
