"""The generator's ceiling and the kernel's limits in words."""

import resource
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from harness.doctor.capacity import judge_ceiling, judge_limits
from harness.lab.limits import Limits, read_limits
from harness.load.ceiling import Ceiling


@pytest.mark.parametrize(
    ("limited_by", "height", "facts", "mend"),
    [
        ("generator", "reaches 48,435", (), False),
        ("server", "at least 48,435", ("bare server was the limit",), False),
        (
            "neither",
            "at least 48,435",
            ("generator 46% of a core", "bare server 42%"),
            True,
        ),
    ],
)
def test_says_whether_more_was_possible(
    limited_by: Literal["generator", "server", "neither"],
    height: str,
    facts: tuple[str, ...],
    mend: bool,
) -> None:
    (finding,) = judge_ceiling(
        Ceiling(
            per_s=48_434.65,
            connections=32,
            generator_cpu_share=0.465,
            server_cpu_share=0.419,
            limited_by=limited_by,
        )
    )
    for fact in (f"{height} requests/s", "32 connections", "24,217 requests/s", *facts):
        assert fact in finding.statement
    assert (finding.remedy is not None) is mend


WIDE = Limits(
    open_files_soft=1_024,
    open_files_hard=524_288,
    open_files=65_536,
    first_port=32_768,
    last_port=60_999,
    backlog=4_096,
)


def test_reads_this_process_and_what_its_children_get() -> None:
    found = read_limits()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert found.open_files_soft in (soft, None)
    assert found.open_files_hard in (hard, None)
    if found.open_files is not None and soft != resource.RLIM_INFINITY:
        assert found.open_files >= soft


def test_reads_the_kernels_settings(tmp_path: Path) -> None:
    absent = read_limits(tmp_path)
    assert (absent.first_port, absent.last_port, absent.backlog) == (None, None, None)
    for name, text in (
        ("net/ipv4/ip_local_port_range", "10000\t10099\n"),
        ("net/core/somaxconn", "128\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    found = read_limits(tmp_path)
    assert (found.first_port, found.last_port, found.backlog) == (10_000, 10_099, 128)
    assert found.per_server == 100


def test_ports_limit_one_server_and_files_all_together() -> None:
    assert WIDE.per_server == 28_232
    assert WIDE.in_all == 65_472
    connections, backlog = judge_limits(WIDE)
    assert "28,232 connections at a time to one server" in connections.statement
    assert "65,472 to all servers" in connections.statement
    assert "4,096 connections" in backlog.statement
    assert (connections.remedy, backlog.remedy) == (None, None)


def test_few_files_limit_both_and_are_to_be_raised() -> None:
    few = msgspec.structs.replace(WIDE, open_files=1_024)
    assert few.per_server == few.in_all == 960
    connections, _ = judge_limits(few)
    assert "960 connections" in connections.statement
    assert connections.remedy is not None
    assert "ulimit -Hn" in connections.remedy


def test_fewer_files_than_we_need_ourselves_leave_none() -> None:
    assert msgspec.structs.replace(WIDE, open_files=20).in_all == 0


def test_few_ports_are_to_be_made_more() -> None:
    connections, _ = judge_limits(msgspec.structs.replace(WIDE, last_port=33_767))
    assert "1,000 connections at a time to one server" in connections.statement
    assert connections.remedy is not None
    assert "ip_local_port_range" in connections.remedy


def test_without_a_limit_on_files_ports_are_the_limit() -> None:
    free = msgspec.structs.replace(WIDE, open_files=None)
    assert (free.per_server, free.in_all) == (28_232, None)
    assert "no limit to all servers" in judge_limits(free)[0].statement


def test_a_short_backlog_has_a_remedy() -> None:
    _, backlog = judge_limits(msgspec.structs.replace(WIDE, backlog=128))
    assert backlog.remedy is not None
    assert "net.core.somaxconn=4096" in backlog.remedy


def test_nothing_visible_is_said_to_be() -> None:
    findings = judge_limits(Limits(None, None, None, None, None, None))
    assert len(findings) == 2
    assert all("visible here" in finding.statement for finding in findings)
