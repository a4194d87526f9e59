import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.load.generator import ProcessGenerator


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessGenerator]:
    """A generator process for the tests of one module; each uses a target of its own."""
    log: Path = tmp_path_factory.mktemp("generator") / "log"
    with ProcessGenerator(sorted(os.sched_getaffinity(0)), log) as running:
        yield running
