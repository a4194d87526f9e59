"""The whole examination of this machine, once; and what happens when a part of it fails."""

from pathlib import Path

import msgspec
import psutil
import pytest

from harness.base.errors import DatabaseFailed, GeneratorFailed
from harness.doctor.advice import Topic
from harness.doctor.examine import Diagnosis, examine
from harness.lab.machine import propose_cores
from tests.toys.benches import clusters
from tests.waiting import gone


def test_looks_at_everything_and_leaves_nothing_behind(cache: Path) -> None:
    steps: list[str] = []
    before, clusters_before = set(psutil.Process().children(recursive=True)), clusters(cache)
    found = examine(cache, steps.append, listen_s=0.2)
    assert len(steps) == 4
    assert found.assignment.proposed == propose_cores()
    assert found.ceiling is not None
    assert found.disk is not None
    assert list(dict.fromkeys(finding.topic for finding in found.findings)) == list(Topic)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Diagnosis) == found
    # Processes of the session's own PostgreSQL may have ended meanwhile.
    left = set(psutil.Process().children(recursive=True)) - before
    assert all(gone(process.pid) for process in left)
    assert clusters(cache) == clusters_before


def test_a_generator_or_a_database_that_fails_is_an_advice_beside_the_others(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_database(*_: object) -> None:
        raise DatabaseFailed("PostgreSQL will not run here; do this.")

    def no_generator(*_: object) -> None:
        raise GeneratorFailed("The generator died; do that.")

    monkeypatch.setattr("harness.doctor.examine.disk.measure_disk", no_database)
    monkeypatch.setattr("harness.doctor.examine.measure_ceiling", no_generator)
    found = examine(cache, lambda _: None, listen_s=0.2)
    assert (found.disk, found.ceiling) == (None, None)
    remedies = {f.topic: f.remedy for f in found.findings}
    assert remedies[Topic.DISK] == "PostgreSQL will not run here; do this."
    assert remedies[Topic.GENERATOR] == "The generator died; do that."
    assert set(remedies) == set(Topic)
