"""What all commands print alike: whole commands, and lines without padding."""

from io import StringIO

import pytest
from rich.padding import Padding

from harness.cli.console import out, wrapped

COMMAND = "`uv --directory implementations/mine pip compile --universal --generate-hashes -p 3.13`"


def test_a_command_stands_on_one_line_however_long_it_is() -> None:
    text = f"mine/pyproject.toml asks for `a`, but lacks it; make its lock anew with {COMMAND}."
    lines = wrapped(f"{text} Variants of `mine` are left out.", 60).split("\n")
    assert f"{COMMAND}." in lines[-2]
    assert max(len(line) for line in lines if "uv" not in line) <= 60
    assert " ".join(lines).startswith(text)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_pipe_gets_no_spaces_at_the_end_of_a_line(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    stream = StringIO()
    monkeypatch.setattr(out, "_file", stream)
    monkeypatch.setattr(out, "_force_terminal", terminal)
    out.print(Padding("one\ntwo", (0, 0, 0, 2)))
    padded = [line != line.rstrip() for line in stream.getvalue().splitlines()]
    assert padded == [terminal, terminal]
    assert stream.getvalue().split() == ["one", "two"]
