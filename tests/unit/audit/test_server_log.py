"""The words of a server that are quoted where it failed."""

from functools import partial
from pathlib import Path

import pytest

from harness.audit import server_log
from harness.audit.server_log import ServerLog
from harness.audit.server_log import quoted as everywhere_quoted

HOME = Path("/srv/implementations/mine")
quoted = partial(everywhere_quoted, exists=lambda path: path.suffix == ".py")
TRACEBACK = """[2026-01-01] [ERROR] Exception in ASGI application
Traceback (most recent call last):
  File "/venv/lib/uvicorn/protocols.py", line 12, in run
    await app()
          ~~~^^
  File "/srv/implementations/mine/app/views.py", line 61, in io_read
    return 1 / 0
           ~~^~~
  File "/venv/lib/numbers.py", line 3, in divide
    raise
ZeroDivisionError: division by zero
[2026-01-01] [INFO] next request
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/venv/lib/starlette/base.py", line 9, in call
  |     raise group
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/implementations/mine/app/views.py", line 7, in noop
    |     return nothing
    | NameError: name 'nothing' is not defined
    +------------------------------------
"""


def test_of_a_traceback_the_implementations_own_line_and_the_exception_are_quoted() -> None:
    words = quoted(TRACEBACK, HOME)
    assert words is not None
    assert words.text == (
        "app/views.py, line 61, in io_read: return 1 / 0\nZeroDivisionError: division by zero"
    )
    assert words.place == "app/views.py, line 61, in io_read ZeroDivisionError"


def test_the_last_traceback_counts_also_within_a_group() -> None:
    words = quoted(TRACEBACK + GROUP, HOME)
    assert words is not None
    assert words.text.splitlines() == [
        "app/views.py, line 7, in noop: return nothing",
        "NameError: name 'nothing' is not defined",
    ]


def test_without_a_line_of_the_implementation_the_last_lines_are_quoted() -> None:
    words = quoted(TRACEBACK, Path("/elsewhere"))
    assert words is not None
    assert words.place is None
    assert words.text.splitlines()[-1] == "[2026-01-01] [INFO] next request"
    assert len(words.text.splitlines()) == 6


def test_a_line_of_an_extension_module_is_none_of_the_implementations() -> None:
    text = 'Traceback:\n  File "uvloop/loop.pyx", line 20, in connect\nOSError: refused\n'
    words = everywhere_quoted(text, HOME)
    assert words is not None
    assert words.place is None


def test_a_log_that_breaks_off_is_quoted_all_the_same() -> None:
    words = quoted(TRACEBACK[: TRACEBACK.index("ZeroDivisionError")], HOME)
    assert words is not None
    assert "line 61" in words.text


def test_a_long_line_is_cut_and_an_empty_log_says_nothing() -> None:
    words = quoted("x" * 1_000, HOME)
    assert words is not None
    assert len(words.text) == 160
    assert quoted("\n \n", HOME) is None


def test_only_what_was_said_since_is_quoted(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "log", HOME)
    assert log.size() == 0
    assert log.since(0) is None
    (tmp_path / "log").write_text("before\n")
    begun = log.size()
    assert log.since(begun) is None
    with (tmp_path / "log").open("a") as file:
        file.write("after\n")
    words = log.since(begun)
    assert words is not None
    assert words.text == "after"


class WritingTime:
    """A clock that passes only while somebody sleeps; meanwhile the server writes a line."""

    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._lines = iter(range(lines))
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        number = next(self._lines, None)
        if number is not None:
            with self._path.open("a") as file:
                file.write(f"line {number}\n")


def test_a_traceback_that_is_still_being_written_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its lines comes later than the one before, and all within the time for it."""
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setattr(server_log, "time", WritingTime(path, 4))
    words = ServerLog(path, HOME).since(0)
    assert words is not None
    assert words.text.splitlines() == [f"line {number}" for number in range(4)]
