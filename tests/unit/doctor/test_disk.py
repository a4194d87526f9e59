"""Commits to a real PostgreSQL, and the advice on them."""

from pathlib import Path

import pytest

from harness.base.errors import DatabaseFailed
from harness.doctor import disk
from harness.doctor.disk import Disk, judge, measure_disk
from harness.lab.machine import propose_cores
from tests.toys.benches import clusters


def test_commits_both_ways_at_least_once_and_leaves_no_cluster(cache: Path) -> None:
    before = clusters(cache)  # one is the test session's own
    found = measure_disk(cache, propose_cores(), seconds=0.0)
    assert found.durable_per_s > 0
    assert found.fast_per_s > 0
    assert found.filesystem
    assert clusters(cache) == before


def test_a_refused_insert_is_a_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_INSERT", "INSERT INTO nowhere VALUES (1)")
    with pytest.raises(DatabaseFailed, match=r"INSERTs.*nowhere"):
        measure_disk(cache, propose_cores(), seconds=0.1)


def test_a_disk_is_told_by_what_durability_costs() -> None:
    (finding,) = judge(Disk(filesystem="ext4", durable_per_s=3_924.2, fast_per_s=20_017.5))
    for fact in ("3,924 INSERTs/s with durability on", "20,018 with it off", "ext4"):
        assert fact in finding.statement
    assert finding.remedy is None


def test_durability_in_memory_is_none() -> None:
    _, memory = judge(Disk(filesystem="tmpfs", durable_per_s=20_000, fast_per_s=20_000))
    assert memory.remedy is not None
    assert "BRIDGETOLL_CACHE" in memory.remedy


def test_an_unknown_file_system_is_said_to_be() -> None:
    (finding,) = judge(Disk(filesystem=None, durable_per_s=1, fast_per_s=2))
    assert "a file system that is not visible here" in finding.statement
