"""netem: this kernel really asked, and tools that answer as those of other kernels do."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from harness.doctor import netem
from harness.doctor.netem import Netem, judge, probe_netem
from tests.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes longer to start a tool than the harness gives it."""
    monkeypatch.setattr(netem, "_PATIENCE_S", PATIENCE_S)


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


PASSES_ON = 'shift; exec "$@"'
"""An `unshare` that stays where it is."""


LOOKING = """\
import socket
from pathlib import Path
import msgspec
from harness.doctor.netem import probe_netem

def state():
    return socket.if_nameindex(), Path("/proc/self/mounts").read_text(encoding="utf-8")

before = state()
found = probe_netem()
print(msgspec.json.encode((found, state() == before)).decode())
"""


def test_this_kernel_is_asked_and_nothing_is_left_behind(repository_root: Path) -> None:
    """In namespaces where no other test mounts a disk or makes a device, if there can be any."""
    alone = ["unshare", "--mount", "--net"]
    try:
        able = subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        able = False
    done = subprocess.run(
        [*(alone if able else ()), sys.executable, "-c", LOOKING],
        cwd=repository_root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found, same = msgspec.json.decode(done.stdout, type=tuple[Netem, bool])
    assert same
    assert (found.reason is None) is (found.netem is True)
    assert found.namespaces or not found.netem


def test_the_delay_is_asked_for_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    tool(tmp_path, "unshare", f'echo "$@" >> {tmp_path}/asked')
    tool(tmp_path, "tc", "exit 1")
    assert probe_netem(str(tmp_path)) == Netem(namespaces=True, netem=True)
    assert (tmp_path / "asked").read_text(encoding="utf-8").splitlines() == [
        "--net true",
        f"--net {tmp_path}/tc qdisc add dev lo root netem delay 1ms",
    ]


@pytest.mark.parametrize(
    ("unshare", "tc", "expected"),
    [
        (None, "exit 0", Netem(None, None, "the program `unshare` (util-linux) is missing")),
        (PASSES_ON, None, Netem(True, None, "the program `tc` (iproute2) is missing")),
        (
            "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1",
            "exit 0",
            Netem(False, None, "unshare: unshare failed: Operation not permitted"),
        ),
        (
            PASSES_ON,
            "echo 'Error: Specified qdisc kind is unknown.' >&2; echo >&2; exit 2",
            Netem(True, False, "Specified qdisc kind is unknown"),
        ),
        (PASSES_ON, "exit 2", Netem(True, False, "exit status 2")),
    ],
)
def test_a_refusal_is_told_in_the_tools_own_words(
    tmp_path: Path, unshare: str | None, tc: str | None, expected: Netem
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in (("unshare", unshare), ("tc", tc)):
        if script is not None:
            tool(folder, name, script)
    assert probe_netem(str(folder)) == expected


def test_a_tool_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netem, "_PATIENCE_S", 0.05)
    tool(tmp_path, "unshare", "exec sleep 60")
    found = probe_netem(str(tmp_path))
    assert found.namespaces is False
    assert "timed out" in str(found.reason)


def test_a_tool_that_cannot_be_run_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "unshare").write_text("#!/no/such/interpreter\n", encoding="utf-8")
    (tmp_path / "unshare").chmod(0o755)
    found = probe_netem(str(tmp_path))
    assert found.namespaces is False
    assert "No such file" in str(found.reason)


@pytest.mark.parametrize(
    ("netem", "fact", "mend"),
    [
        (Netem(True, True), "by netem, in network namespaces", False),
        (Netem(True, False, "why"), "by netem not here (why)", True),
        (Netem(False, None, "why"), "by netem not here (why)", True),
        (Netem(None, None, "why"), "by netem not known (why)", True),
        (Netem(True, None, "why"), "by netem not known (why)", True),
    ],
)
def test_without_netem_there_is_the_relay(netem: Netem, fact: str, mend: bool) -> None:
    (finding,) = judge(netem)
    assert fact in finding.statement
    assert ("by the relay" in finding.statement) is mend
    assert (finding.remedy is not None) is mend
