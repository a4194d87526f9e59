import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.base.errors import DrawingFailed
from harness.base.workspace import Workspace
from harness.report.drawing.pool import DrawingPool
from tests.processes import below
from tests.toys.charts import SPEC


@pytest.fixture
def pool() -> Iterator[DrawingPool]:
    made = DrawingPool(2)
    yield made
    made.close()


def program() -> list[psutil.Process]:
    """What draws, of this process."""
    return below("harness.report.drawing.draw")


def test_what_is_asked_for_is_drawn_whatever_the_order(pool: DrawingPool) -> None:
    asked = [pool.draw(SPEC | {"title": f"chart {number}"}) for number in range(5)]
    for number, drawing in reversed(list(enumerate(asked))):
        assert f"chart {number}" in drawing.result().svg
        assert drawing.result().png.startswith(b"\x89PNG")


def test_it_draws_in_as_many_processes_as_it_has_workers_and_they_end_with_it() -> None:
    before = set(program())
    made = DrawingPool(2)
    for drawing in [made.draw(SPEC) for _ in range(6)]:
        drawing.result()
    begun = set(program()) - before
    made.close()
    assert len(begun) == 2
    assert not any(process.is_running() for process in begun)


def test_what_cannot_be_drawn_is_one_sentence_and_the_next_is_drawn(pool: DrawingPool) -> None:
    with pytest.raises(DrawingFailed, match=r"^A chart could not be drawn; .* ended with: \S+"):
        pool.draw({"mark": 7}).result()
    assert pool.draw(SPEC).result().svg.startswith("<svg")


def test_processes_that_were_killed_are_replaced() -> None:
    before = set(program())
    made = DrawingPool(2)
    made.draw(SPEC).result()
    killed = set(program()) - before
    for process in killed:
        process.kill()
        process.wait()
    assert made.draw(SPEC).result().svg.startswith("<svg")
    made.close()
    assert len(killed) == 2
    assert set(program()) <= before


STOPPED = """
import os, signal
from harness.base import signals
from harness.report.drawing.pool import drawing_pool
signals.install()
drawing_pool()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except signals.Interrupted:
    print("stopped")
"""


def test_a_command_that_is_stopped_before_its_first_chart_waits_for_no_worker(
    tmp_path: Path,
) -> None:
    """Whose import of vl_convert takes longer than the test's patience."""
    (tmp_path / "vl_convert.py").write_text("import time\ntime.sleep(90)\n")
    paths = os.pathsep.join([str(tmp_path), str(Workspace().root)])
    done = subprocess.run(
        [sys.executable, "-c", STOPPED], env=os.environ | {"PYTHONPATH": paths},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")
