"""What a newcomer sees first: the version, the help, and how fast both are there."""

import subprocess
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from harness.analysis.runs import MEASURES
from harness.cli import compare
from harness.cli.commands import app
from tests.toys.entry import Call

GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands
ORDER = [
    "run", "ab", "report", "list", "plan", "doctor", "verify", "audit", "receipt", "compare",
    "claims", "twins", "publish", "pack", "serve", "new",
]  # fmt: skip
HEAVY = {"scipy", "numpy", "altair", "pyarrow", "psycopg", "uvloop", "hdrh", "psutil", "jinja2"}


def loaded(*lines: str, among: AbstractSet[str] = HEAVY) -> AbstractSet[str]:
    """Which of these modules a fresh interpreter has loaded after these lines."""
    script = "\n".join(("import sys", *lines, "print(*sys.modules, file=sys.stderr)"))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return among & set(done.stderr.split())


def test_the_command_line_is_imported_without_any_heavy_library() -> None:
    assert loaded("import harness.cli") == set()


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--json"], ["plan", "quick"], ["--help"], ["run", "--help"]]
)
def test_what_must_start_at_once_loads_no_heavy_library(arguments: list[str]) -> None:
    start = f"sys.argv = ['bridgetoll', *{arguments!r}]"
    run = "try: harness.cli.main()\nexcept SystemExit: pass"
    assert loaded("import harness.cli", start, run) == set()


def test_what_measures_loads_no_statistics_before_there_is_anything_to_analyse() -> None:
    parts = {f"scipy.{part}" for part in ("special", "linalg", "optimize", "sparse", "stats")}
    assert loaded("import harness.runner.start, harness.report.write", among=parts) == set()


def test_commands_stand_in_the_order_in_which_they_are_needed() -> None:
    assert list(COMMANDS) == ORDER


@pytest.mark.parametrize("name", ORDER)
def test_a_command_says_in_one_short_sentence_what_it_is_for(name: str) -> None:
    sentence = (COMMANDS[name].help or "").partition("\n")[0]
    assert sentence.endswith(".")
    assert len(sentence) <= 60
    assert sentence[0].isupper()


@pytest.mark.parametrize("name", ORDER)
def test_a_command_has_an_example_that_can_be_parsed(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, TyperCommand)
    label, _, example = (command.epilog or "").partition(": ")
    program, typed, *arguments = example.split()
    assert (label, program, typed) == ("Example", "bridgetoll", name)
    with command.make_context(name, arguments) as context:
        assert context.params


@pytest.mark.parametrize("name", ORDER)
def test_no_argument_and_no_option_lacks_help(name: str) -> None:
    parameters = COMMANDS[name].params
    assert parameters
    assert [p.name for p in parameters if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("name", ORDER)
def test_help_fits_a_terminal_and_has_the_example(
    name: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = call(name, "--help")
    assert said.status == 0
    assert "Example: bridgetoll" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("verify", "[VARIANT ...]"), ("audit", "[VARIANT ...]"), ("claims", "[CLAIM|RUN ...]"),
        ("twins", "[RUN ...]"),
        ("publish", "{RUN ...}"), ("list", "[WHAT]"),
    ],
)  # fmt: skip
def test_the_usage_shows_how_many_arguments_are_taken(name: str, usage: str, call: Call) -> None:
    assert usage in " ".join(call(name, "--help").out.partition("\n\n")[0].split())


def test_the_list_of_commands_has_whole_sentences(call: Call) -> None:
    said = call("--help")
    for name in ORDER:
        assert f"{(COMMANDS[name].help or '').partition('\n')[0]}\n" in said.out


def test_the_version_is_that_of_the_package(call: Call, repository_root: Path) -> None:
    text = (repository_root / "pyproject.toml").read_text(encoding="utf-8")
    said = call("--version")
    assert said.status == 0
    program, number = said.out.split()
    assert program == "bridgetoll"
    assert f'version = "{number}"' in text


def test_the_measures_of_compare_are_those_of_the_analysis() -> None:
    assert tuple(MEASURES) == compare.MEASURES
