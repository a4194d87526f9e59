"""Servers started for real: one that works, and one for each way not to."""

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.base.errors import ServerFailed, UsageError
from harness.inputs.manifests import Variant
from harness.inputs.servers import Protocol, Server
from harness.inputs.settings import ApplicationSettings
from harness.lab import process, servers
from harness.lab.network import HOST, check_free, free_port
from harness.lab.process import wait_until
from harness.lab.servers import LiveServer, await_ready, launch_server
from tests.toys.implementation import server as toy_server
from tests.waiting import PATIENCE_S, gone

SETTINGS = ApplicationSettings(
    database_url="postgresql://u:p@h:1/d",
    pool_size=7,
    pool_timeout_s=2.5,
    cpu_iterations=11,
    wait_ms=13,
    extra_hops=2,
)
SERVER = Server(
    protocol=Protocol.OWN,
    keep_alive=True,
    argv=(
        "{python}", str(Path(toy_server.__file__)), "{host}:{port}",
        "workers={workers}", "threads={threads}", "{app}",
    ),
)  # fmt: skip


def launch(
    tmp_path: Path,
    toy: str,
    *,
    port: int | None = None,
    cpus: Sequence[int] | None = None,
    workers: int = 1,
) -> LiveServer:
    return launch_server(
        variant_of(tmp_path, toy), SERVER, Path(sys.executable), SETTINGS,
        workers=workers, threads=5, log=tmp_path / "log", port=port, cpus=cpus,
    )  # fmt: skip


def variant_of(folder: Path, toy: str) -> Variant:
    return Variant(
        name=f"toy/{toy}",
        title="",
        framework="Toy",
        implementation="toy",
        folder=folder,
        server="toy",
        app="app:main",
        factors={},
        env={"TOY": toy},
        tags=(),
    )


def ask(server: LiveServer) -> Any:
    with urllib.request.urlopen(f"{server.url}/settings", timeout=PATIENCE_S) as response:
        return json.load(response)


def launch_ready(tmp_path: Path, toy: str) -> LiveServer:
    """Launch it and wait; again where another process took the port after it was found free."""
    for _ in range(5):
        server = launch(tmp_path, toy)
        try:
            await_ready(server)
        except ServerFailed as error:
            if "Address already in use" not in str(error):
                raise
        else:
            return server
    pytest.fail("every port that was free was taken at once")


def failure(
    tmp_path: Path, toy: str, seconds: float = PATIENCE_S, *, says_something: bool = False
) -> str:
    """Why it never got ready; the time limit begins when it has said something, if it does."""
    server = launch(tmp_path, toy)
    if says_something:  # on a busy machine, it starts within seconds
        assert wait_until(lambda: bool(server.last_words()), 60)
    with pytest.raises(ServerFailed) as caught:
        await_ready(server, seconds)
    assert stopped(server)
    return str(caught.value)


def stopped(server: LiveServer) -> bool:
    """Wait until it has ended with its workers; one that was killed may not get a processor."""
    return wait_until(lambda: not server.running and is_free(server.port), PATIENCE_S)


def is_free(port: int) -> bool:
    try:
        check_free(port)
    except UsageError:
        return False
    return True


def test_a_good_server_is_ready_and_then_gone(tmp_path: Path) -> None:
    with launch(tmp_path, "good") as server:
        await_ready(server)
        assert server.running
        assert server.last_words() == "toy is good"
        assert server.clock.read_ns() > 0
        (pid,) = server.clock.pids
    assert stopped(server)
    assert gone(pid)


def test_is_told_its_settings_and_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: int
) -> None:
    """By environment variable; host, port, workers and threads by the command line."""
    for leak in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHASHSEED", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.setenv(leak, "0")
    monkeypatch.setenv("POOL_SIZE", "99")
    port = free_port()
    with launch(tmp_path, "good", port=port, cpus=[cpu]) as server:
        await_ready(server)
        told = ask(server)
    assert server.port == port
    assert told["argv"] == [f"{HOST}:{port}", "workers=1", "threads=5", "app:main"]
    assert told["cwd"] == str(tmp_path)
    assert told["cpus"] == [cpu]
    inherited = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR"}  # LC_CTYPE: Python's own
    assert {k: v for k, v in told["env"].items() if k not in inherited} == {
        "TOY": "good",
        "DATABASE_URL": "postgresql://u:p@h:1/d",
        "POOL_SIZE": "7",
        "POOL_TIMEOUT": "2.5",
        "CPU_ITERATIONS": "11",
        "WAIT_MS": "13",
        "EXTRA_HOPS": "2",
    }


def test_its_children_end_with_it(tmp_path: Path) -> None:
    with launch_ready(tmp_path, "forks") as server:

        def forked() -> bool:
            server.clock.read_ns()
            return len(server.clock.pids) == 2

        assert wait_until(forked, PATIENCE_S)
        pids = server.clock.pids
        assert all(psutil.pid_exists(pid) for pid in pids)
    assert all(gone(pid) for pid in pids)


def test_a_crash_at_the_start_quotes_what_it_said(tmp_path: Path) -> None:
    told = failure(tmp_path, "crash")
    first, *quoted = told.splitlines()
    assert first.startswith("The server of `toy/crash` ended after ")
    assert "before it was ready; try it with `bridgetoll serve toy/crash`. It said:" in first
    assert quoted[0] == "toy is crash"
    assert quoted[-1] == "RuntimeError: no such table: toys"


def test_a_crash_without_a_word_says_so(tmp_path: Path) -> None:
    assert failure(tmp_path, "silent crash").endswith(" It said nothing.")


@pytest.mark.parametrize("toy", ["never ready", "lies"])
def test_a_server_that_never_gets_ready_is_given_up_and_stopped(tmp_path: Path, toy: str) -> None:
    """It answers, but 503, or not what the contract says."""
    told = failure(tmp_path, toy, seconds=4, says_something=True)
    assert told.startswith(f"The server of `toy/{toy}` was not ready after ")
    assert told.endswith(f"It said:\ntoy is {toy}")


def test_a_server_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    server = launch(tmp_path, "deaf")
    assert wait_until(lambda: bool(server.last_words()), PATIENCE_S)
    asked = time.monotonic()
    with pytest.raises(ServerFailed, match="was not ready after"):
        await_ready(server, 0.5)
    assert time.monotonic() - asked < 30  # it would sleep for a minute
    assert stopped(server)


def test_a_wrong_answer_of_health_ends_the_wait_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is given a minute: a 503 alone may still become another answer."""
    monkeypatch.setattr(servers, "_WRONG_S", 0.05)
    told = failure(tmp_path, "lies", says_something=True)
    assert "was not ready" in told
    assert "answers `/health` with 200 and a body that is not" in told
    assert "answers `/health` with 500" in failure(tmp_path, "broken", says_something=True)


@pytest.mark.parametrize(
    ("toy", "problem"),
    [
        ("two workers", "has 2 worker processes, where every server is given 1; let {workers} on "),
        ("everywhere", "listens on all addresses (0.0.0.0), port "),
        ("second port", "too, and every server is given one ("),
    ],
)
def test_a_server_that_is_not_what_all_others_are_is_stopped_by_name(
    tmp_path: Path, toy: str, problem: str
) -> None:
    told = failure(tmp_path, toy)
    assert told.startswith(f"The server of `toy/{toy}` ")
    assert problem in told
    assert "\n" not in told


def test_workers_that_are_still_starting_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_WORKERS_S", PATIENCE_S)
    with launch(tmp_path, "late worker", workers=2) as server:
        await_ready(server)
        assert len(server.footprint().workers) == 2
        assert server.deviation() is None


def test_a_server_that_loses_a_worker_deviates_from_then_on(tmp_path: Path) -> None:
    with launch(tmp_path, "two workers", workers=2) as server:
        await_ready(server)
        lost, kept = server.footprint().workers
        os.kill(lost, signal.SIGKILL)
        assert wait_until(lambda: server.footprint().workers == {kept}, PATIENCE_S)
        assert str(server.deviation()).startswith("has 1 worker process, where every server is")


def test_a_port_in_use_is_found_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(UsageError, match=rf"Port {port} .* cannot be used .*--port"):
            launch(tmp_path, "good", port=port)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("RuntimeError: can't start new thread", ("threads",)),
        ("OSError: [Errno 12] Cannot allocate memory", ("memory",)),
        ("OSError: [Errno 24] Too many open files\nMemoryError", ("memory", "files")),
        ("Worker (pid:7) was sent SIGKILL! Perhaps out of memory?", ()),  # a guess of gunicorn's
        ("all is well", ()),
    ],
)
def test_what_the_system_refused_is_read_from_the_log(
    tmp_path: Path, said: str, refused: tuple[str, ...]
) -> None:
    program = [sys.executable, "-c", f"import sys; sys.stderr.write({said!r})"]
    child = process.launch(program, log=tmp_path / "log")
    assert child.popen.wait(PATIENCE_S) == 0
    server = LiveServer(variant_of(tmp_path, "talker"), child, port=1, workers=1)
    assert server.exhausted() == refused
    assert server.exhausted(child.log_size()) == ()  # nothing since then
