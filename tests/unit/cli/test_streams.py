"""Standard output and error that a reader, a shell or a full disk takes away."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.cli.streams import READER_GONE
from tests.toys.command import PATIENCE_S, left_running, start_command
from tests.toys.workspaces import toy_workspace, write_study

FULL = Path("/dev/full")
"""Every write to it finds no space."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With a study of one tiny block."""
    laid_out = toy_workspace(tmp_path)
    write_study(laid_out, "tiny", ["good"], blocks=1)
    return laid_out


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe to write to, whose reader has left before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def ended(process: subprocess.Popen[str], workspace: Workspace) -> tuple[int, str, str]:
    """Exit status and what is left of the output."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert left_running(workspace, process.pid) == []
    return process.returncode, out, " ".join(err.split())


def run_of(workspace: Workspace) -> Path:
    (found,) = workspace.results.iterdir()
    assert (found / "report" / "index.html").is_file()
    assert len(list((found / "trials").iterdir())) == 2
    return found


def test_a_run_whose_output_nobody_reads_is_measured_and_told_on_standard_error(
    workspace: Workspace, unread: int
) -> None:
    """`bridgetoll run tiny | true`."""
    process = start_command(workspace, "run", "tiny", trusting=True, stdout=unread)
    status, _, err = ended(process, workspace)
    assert status == 0
    assert f"{run_of(workspace).name} keeps 2 of 2 trials" in err


def test_a_run_whose_messages_nobody_reads_is_measured_and_told_on_standard_output(
    workspace: Workspace,
) -> None:
    process = start_command(workspace, "run", "tiny", trusting=True)
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert f"{run_of(workspace).name} keeps 2 of 2 trials" in out


def test_a_run_whose_summary_finds_no_space_names_the_command_that_prints_it(
    workspace: Workspace,
) -> None:
    process = start_command(workspace, "run", "tiny", trusting=True, stdout=FULL)
    status, _, err = ended(process, workspace)
    name = run_of(workspace).name
    assert status == 1
    assert f"{name} keeps 2 of 2 trials" in err
    assert "standard output (No space left on device)" in err
    assert f"`bridgetoll report {name}`" in err


PRINTING = [["list", "studies"], ["list", "studies", "--json"], ["--help"], ["list", "--help"]]


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_reader_who_leaves_ends_what_only_prints_without_a_word(
    workspace: Workspace, arguments: list[str], unread: int
) -> None:
    """As the signal for it ends other programs; `bridgetoll list | true`."""
    status, _, err = ended(start_command(workspace, *arguments, stdout=unread), workspace)
    assert (status, err) == (READER_GONE, "")


@pytest.mark.parametrize("arguments", PRINTING)
def test_output_that_cannot_be_written_is_named(workspace: Workspace, arguments: list[str]) -> None:
    status, _, err = ended(start_command(workspace, *arguments, stdout=FULL), workspace)
    assert status == 1
    assert "No space left on device (standard output)" in err
    assert not re.search("Traceback|Exception ignored", err)


def test_a_stream_that_a_shell_has_closed_is_opened_on_nothing() -> None:
    """`2>&-`: no file that is opened later gets its number, where messages are written."""
    with subprocess.Popen(
        [sys.executable, "-c", CLOSED], stdout=subprocess.PIPE, text=True
    ) as process:
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert out.splitlines()[-1] == "/dev/null"


CLOSED = """\
import os, sys
from harness import cli
os.close(2)
sys.argv = ["bridgetoll", "--version"]
try:
    cli.main()
finally:
    print(os.readlink("/proc/self/fd/2"))
"""
