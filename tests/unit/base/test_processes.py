"""What a message tells of another process."""

import subprocess
import sys

import pytest

from harness.base.processes import command_of, how_to_stop, typed_command


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (
            ["/x/.venv/bin/python", "/x/.venv/bin/bridgetoll", "run", "quick"],
            "bridgetoll run quick",
        ),
        (["python3", "-m", "harness.cli", "verify"], "bridgetoll verify"),
        (["bridgetoll", "run", "--resume", "a  b"], "bridgetoll run --resume a b"),
        (["/usr/bin/sleep", "60"], "sleep 60"),
        ([], ""),
    ],
)
def test_a_command_is_told_as_it_is_typed(argv: list[str], typed: str) -> None:
    assert typed_command(argv) == typed


@pytest.mark.parametrize(
    "option",
    [["--database-url", "postgresql://u:secret@h/x"], ["--database-url=postgresql://u:secret@h/x"]],
)
def test_a_command_never_shows_a_password(option: list[str]) -> None:
    told = typed_command(["bridgetoll", "run", *option, "--wait"])
    assert "secret" not in told
    assert told.startswith("bridgetoll run --database-url")
    assert told.endswith("... --wait")


@pytest.mark.parametrize(
    "option",
    [["--header", "Authorization: Bearer secret"], ["--cookie=sessionid=secret"],
     ["--env", "KEY=secret"], ["--against-env", "KEY=secret"], ["--form", "password=secret"],
     ["--data", '{"password": "secret"}'], ["--get", "/x?token=secret"],
     ["--get=/x?token=secret"]],
)  # fmt: skip
def test_a_receipts_command_never_shows_a_secret(option: list[str]) -> None:
    told = typed_command(["bridgetoll", "receipt", *option, "--wait"])
    assert "secret" not in told
    assert told.endswith("... --wait")


def test_a_receipts_paths_are_shown() -> None:
    assert typed_command(["bridgetoll", "receipt", "--get", "/x"]) == "bridgetoll receipt --get /x"


def test_the_command_of_a_process_that_is_gone_is_not_known() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    assert command_of(process.pid) is None


@pytest.mark.parametrize(
    ("ignored", "remedy"), [("signal.SIG_IGN", "kill {}"), ("signal.SIG_DFL", "kill -INT {}")]
)
def test_a_process_that_ignores_ctrl_c_is_stopped_by_another_signal(
    ignored: str, remedy: str
) -> None:
    program = (
        f"import signal, sys; signal.signal(signal.SIGINT, {ignored}); print(flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert how_to_stop(process.pid) == remedy.format(process.pid)
        process.kill()
