"""PostgreSQL's crash restart, really caused."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from harness.inputs.settings import DatabaseSettings
from harness.lab.postgres.checkpointer import Checkpointer
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S, gone


def test_the_checkpointer_stays_while_backends_come_and_go_and_is_another_after_a_crash(
    cache: Path,
) -> None:
    with EmbeddedPostgres(cache, DatabaseSettings(max_connections=20)) as postgres:
        checkpointer = Checkpointer(postgres.pid)
        assert wait_until(lambda: checkpointer.pid() is not None, PATIENCE_S)  # it has its title
        before = checkpointer.pid()
        assert before is not None
        with psycopg.connect(postgres.url) as connection:
            backend = connection.info.backend_pid
        assert gone(backend)
        assert checkpointer.pid() == before
        connection = psycopg.connect(postgres.url)
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        assert gone(before)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        assert wait_until(lambda: checkpointer.pid() not in (before, None), PATIENCE_S)
