"""netem: this kernel really asked, and tools that answer as those of other kernels do."""

import os
from pathlib import Path

import pytest

from harness.doctor.netem import Netem, judge, probe_netem


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


PASSES_ON = 'shift; exec "$@"'
"""An `unshare` that stays where it is."""


def test_this_kernel_is_asked_and_nothing_is_left_behind() -> None:
    def state() -> tuple[list[str], str]:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
        return sorted(os.listdir("/sys/class/net")), mounts  # noqa: PTH208

    before = state()
    found = probe_netem()
    assert state() == before
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
    monkeypatch.setattr("harness.doctor.netem._PATIENCE_S", 0.05)
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
