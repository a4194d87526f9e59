"""The embedded PostgreSQL, really started."""

import fcntl
import gzip
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from harness.base.errors import DatabaseFailed
from harness.inputs.settings import DatabaseSettings
from harness.lab.network import HOST
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S, gone


def show(postgres: EmbeddedPostgres, setting: str) -> str:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
        assert row is not None
        return str(row[0])


def kept(cache: Path) -> set[Path]:
    """Clusters and their locks."""
    return {path for path in (cache / "clusters").glob("*") if path.name != ".guard"}


def test_settings_are_the_studys_and_those_that_keep_a_measurement_still(
    cluster: EmbeddedPostgres,
) -> None:
    told = {
        "max_connections": "50",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "jit": "off",
        "TimeZone": "UTC",
        "shared_preload_libraries": "pg_stat_statements",
    }
    assert {name: show(cluster, name) for name in told} == told


def test_listens_on_loopback_only(cluster: EmbeddedPostgres) -> None:
    port = urlsplit(cluster.url).port
    sockets = psutil.Process(cluster.pid).net_connections("inet")
    listening = [s.laddr for s in sockets if s.status == psutil.CONN_LISTEN]
    assert [tuple(address) for address in listening] == [(HOST, port)]
    assert show(cluster, "unix_socket_directories") == ""


def test_a_wrong_password_is_refused(cluster: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(with_password(cluster.url, "wrong"))


def template(cache: Path) -> Path:
    """The only one: every cluster of these tests is made alike."""
    (path,) = (cache / "templates").glob("*.tar.gz")
    return path


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace(str(parts.password), password)).geturl()


def test_a_second_cluster_is_unpacked_and_takes_a_password_of_its_own(
    cluster: EmbeddedPostgres, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template's would open every cluster of this machine, later ones too."""
    monkeypatch.setattr(EmbeddedPostgres, "_initdb", lambda _: pytest.fail("it ran initdb"))
    with tarfile.open(template(cache)) as archive:
        secret = archive.extractfile("password")
        assert secret is not None
        packed = secret.read().decode()
    with EmbeddedPostgres(cache, DatabaseSettings(max_connections=10)) as second:
        assert show(second, "max_connections") == "10"
        for password in (packed, str(urlsplit(cluster.url).password)):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(with_password(second.url, password))


@pytest.mark.usefixtures("cluster")
def test_a_damaged_template_costs_another_initdb(cache: Path) -> None:
    path = template(cache)
    whole = path.stat().st_size
    os.truncate(path, whole // 2)
    with EmbeddedPostgres(cache, DatabaseSettings(max_connections=10)) as second:
        assert show(second, "data_checksums") == "on"
    assert path.stat().st_size > whole // 2
    assert gzip.decompress(path.read_bytes())


def test_lives_on_its_core_from_start_to_stop_and_leaves_nothing(cache: Path, cpu: int) -> None:
    """Binding the postmaster binds the backends that it forks."""
    before = kept(cache)
    settings = DatabaseSettings(max_connections=10, durability="on")
    with EmbeddedPostgres(cache, settings, cpus=[cpu]) as postgres:
        (folder,) = (path for path in kept(cache) - before if path.is_dir())
        assert folder.stat().st_mode & 0o077 == 0
        assert not (folder / "password").exists()
        assert show(postgres, "fsync") == "on"
        with psycopg.connect(postgres.url) as connection:
            backend = psutil.Process(connection.info.backend_pid)
            assert backend.cpu_affinity() == [cpu]
            assert psutil.Process(postgres.pid) in backend.parents()
        pid = postgres.pid
    assert gone(pid)
    assert kept(cache) == before


def test_the_clusters_of_dead_runs_are_swept_and_those_of_others_are_not(cache: Path) -> None:
    """A lock that nobody holds is of a run that was killed, and could not delete its own."""
    clusters = cache / "clusters"
    clusters.mkdir(exist_ok=True)
    dead, living, foreign = (clusters / name for name in ("dead", "living", "notes"))
    for folder in (dead, living, foreign):
        folder.mkdir()
        (folder / "file").touch()
    dead.with_suffix(".lock").touch()
    with living.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Never started: its own folder goes all the same.
        EmbeddedPostgres(cache, DatabaseSettings()).stop()
        assert [folder.exists() for folder in (dead, living, foreign)] == [False, True, True]
    assert not dead.with_suffix(".lock").exists()
    for folder in (living, foreign):
        shutil.rmtree(folder)
    living.with_suffix(".lock").unlink()


def test_a_start_that_fails_quotes_the_server_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has taken the port meanwhile."""
    with socket.create_server((HOST, 0)) as squatter:
        monkeypatch.setattr(
            "harness.lab.postgres.cluster.free_port", lambda *_: squatter.getsockname()[1]
        )
        before = kept(cache)
        told = r"embedded PostgreSQL ended at its start; .* It said:\n(?s:.*)already in use"
        with (
            pytest.raises(DatabaseFailed, match=told),
            EmbeddedPostgres(cache, DatabaseSettings(max_connections=10)),
        ):
            pass
    assert kept(cache) == before


def test_dies_with_a_harness_that_is_killed(cache: Path, repository_root: Path) -> None:
    """At once, by SIGQUIT: SIGTERM would wait for clients that never go."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from harness.lab.postgres.cluster import EmbeddedPostgres\n"
        "from harness.inputs.settings import DatabaseSettings\n"
        "with EmbeddedPostgres(Path(sys.argv[1]), DatabaseSettings(max_connections=10)) as p:\n"
        "    print(p.pid, p.url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    before = kept(cache)
    argv = [sys.executable, "-c", script, str(cache)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=repository_root, text=True) as harness:
        assert harness.stdout is not None
        pid, url = harness.stdout.readline().split()
        with psycopg.connect(url):  # a client that stays
            backends = psutil.Process(int(pid)).children()
            assert backends
            harness.kill()
            assert gone(int(pid))
            assert all(gone(backend.pid) for backend in backends)
    harness.wait()
    EmbeddedPostgres(cache, DatabaseSettings()).stop()  # sweeps what it left
    assert kept(cache) == before


def test_a_killed_postmaster_is_noticed_at_once_and_named(cache: Path) -> None:
    with EmbeddedPostgres(cache, DatabaseSettings()) as own:
        own.check_alive()
        os.kill(own.pid, signal.SIGKILL)
        assert wait_until(lambda: gone(own.pid), PATIENCE_S)
        with pytest.raises(DatabaseFailed, match=rf"process {own.pid} was ended by SIGKILL"):
            own.check_alive()


def asked_from(source: str, postgres: EmbeddedPostgres) -> bytes:
    """What PostgreSQL answers to the first message of a connection from that address."""
    there = urlsplit(postgres.url)
    message = b"\0\3\0\0user\0bridgetoll\0database\0postgres\0\0"
    assert there.hostname is not None
    with socket.create_connection(
        (there.hostname, there.port or 0), timeout=PATIENCE_S, source_address=(source, 0)
    ) as client:
        client.sendall(struct.pack(">I", len(message) + 4) + message)
        return client.recv(4096)


def test_a_cluster_for_other_machines_listens_on_one_address_and_admits_its_peers(
    cache: Path,
) -> None:
    settings = DatabaseSettings(max_connections=10)
    with EmbeddedPostgres(cache, settings, host="127.0.0.3", peers=["127.0.0.4"]) as own:
        assert show(own, "listen_addresses") == "127.0.0.3"
        assert b"SCRAM-SHA-256" in asked_from("127.0.0.4", own)  # it wants the password
        assert b"no pg_hba.conf entry" in asked_from("127.0.0.5", own)
