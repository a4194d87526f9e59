"""The whole examination of this machine, once; and what happens when a part of it fails."""

from pathlib import Path

import msgspec
import psutil
import pytest

from harness.base.errors import DatabaseFailed
from harness.doctor.advice import Topic
from harness.doctor.examine import Diagnosis, examine
from harness.lab.machine import propose_cores
from tests.unit.doctor.test_disk import clusters


def test_looks_at_everything_and_leaves_nothing_behind(cache: Path) -> None:
    steps: list[str] = []
    before, clusters_before = psutil.Process().children(recursive=True), clusters(cache)
    found = examine(cache, steps.append, listen_s=0.2)
    assert len(steps) == 4
    assert found.assignment.proposed == propose_cores()
    assert found.ceiling is not None
    assert found.disk is not None
    assert list(dict.fromkeys(finding.topic for finding in found.findings)) == list(Topic)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Diagnosis) == found
    assert psutil.Process().children(recursive=True) == before
    assert clusters(cache) == clusters_before


def test_a_database_that_does_not_start_is_a_finding(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseFailed("PostgreSQL will not run here; do this.")

    monkeypatch.setattr("harness.doctor.examine.disk.measure_disk", fail)
    found = examine(cache, lambda _: None, listen_s=0.2)
    assert found.disk is None
    (finding,) = (f for f in found.findings if f.topic is Topic.DISK)
    assert finding.statement == "Could not be measured."
    assert finding.remedy == "PostgreSQL will not run here; do this."
