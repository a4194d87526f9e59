"""What a shell offers after a Tab, asked as bash asks."""

import os
import subprocess
import sys

import pytest

from harness.base.workspace import Workspace
from harness.cli import completion
from tests.toys.runs import make_run


def completed(typed: str, shelf: Workspace) -> list[str]:
    """The words that bash offers after `bridgetoll` and what is typed."""
    words = f"bridgetoll {typed}"
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli.commands import app; app(prog_name='bridgetoll')"],
        env=os.environ
        | {
            "BRIDGETOLL_ROOT": str(shelf.root),
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - (0 if typed.endswith(" ") else 1)),
            "_BRIDGETOLL_COMPLETE": "complete_bash",
        },
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pl", ["plan"]),
        ("plan ti", ["tiny"]),
        ("report ", [make_run().id]),
        ("verify toy/goo", ["toy/good"]),
        ("list to", ["toy", "toy/good"]),
        ("list stu", ["studies"]),
        ("verify to", ["toy", "toy/good"]),
        ("compare --measure through", ["throughput"]),
        ("run --keep", ["--keep-requests"]),
    ],
)
def test_bash_completes_commands_names_and_options(
    shelf: Workspace, typed: str, offered: list[str]
) -> None:
    assert set(offered) <= set(completed(typed, shelf))


def test_the_script_for_bash_is_printed() -> None:
    """By the option that Typer adds, for the shell that is named."""
    done = subprocess.run(
        [
            sys.executable, "-c",
            "from harness.cli.commands import app; app(prog_name='bridgetoll')",
            "--show-completion", "bash",
        ],
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "complete -o default -F _bridgetoll_completion bridgetoll" in done.stdout


def test_a_workspace_that_cannot_be_read_offers_no_variants(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    (workspace.shared / "servers.toml").write_text("[")
    monkeypatch.setenv("BRIDGETOLL_ROOT", str(workspace.root))
    assert completion.variants("") == []
