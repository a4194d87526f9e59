"""The generator's ceiling, really measured, though never judged by its height."""

import os
from typing import Literal

import msgspec
import psutil
import pytest

from harness.base.errors import GeneratorFailed, ServerFailed
from harness.load import ceiling
from harness.load.ceiling import Ceiling, limit, measure_ceiling
from tests.waiting import gone


def test_measures_and_leaves_no_process() -> None:
    before = set(psutil.Process().children(recursive=True))
    cpus = sorted(os.sched_getaffinity(0))
    found = measure_ceiling(cpus[:1], cpus[-1:], connections=4, seconds=0.2)
    assert found.per_s > 0
    assert found.connections == 4
    # One thread each; but clocks of CPU time count what another machine takes of a core.
    assert 0 < found.generator_cpu_share < 3
    assert 0 < found.server_cpu_share < 3
    assert found.limited_by == limit(found.generator_cpu_share, found.server_cpu_share)
    left = set(psutil.Process().children(recursive=True)) - before
    assert all(gone(process.pid) for process in left)


@pytest.mark.parametrize(
    ("generator", "server", "limited_by"),
    [
        (0.99, 0.60, "generator"),
        (0.90, 0.89, "generator"),
        (0.60, 0.99, "server"),
        (0.95, 0.97, "server"),
        (0.96, 0.96, "generator"),
        (0.50, 0.50, "neither"),
        (0.00, 0.00, "neither"),
    ],
)
def test_the_limit_is_who_was_saturated(
    generator: float, server: float, limited_by: Literal["generator", "server", "neither"]
) -> None:
    assert limit(generator, server) == limited_by
    record = Ceiling(
        per_s=1000.0,
        connections=1,
        generator_cpu_share=generator,
        server_cpu_share=server,
        limited_by=limited_by,
    )
    assert record.is_lower_bound is (limited_by != "generator")
    assert msgspec.json.decode(msgspec.json.encode(record), type=Ceiling) == record


def test_a_wrong_answer_is_a_sentence(cpu: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every response is compared with what it should be: here, with something else."""
    monkeypatch.setattr(ceiling, "BODY", b"{}")
    with pytest.raises(GeneratorFailed, match=r"wrong answers from the bare server \(body: .*\);"):
        measure_ceiling([cpu], [cpu], connections=1, seconds=0.1)


def test_a_server_that_does_not_start_is_a_sentence(
    cpu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter is asked for a host that nobody has."""
    monkeypatch.setattr(ceiling, "HOST", "203.0.113.1")  # TEST-NET-3, RFC 5737
    with pytest.raises(ServerFailed, match=r"run `uv run python .* 203\.0\.113\.1` to see why"):
        measure_ceiling([cpu], [cpu], connections=1, seconds=0.1)
