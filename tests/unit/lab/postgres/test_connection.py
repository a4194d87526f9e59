"""Real servers that are not as plain as the embedded one: PgBouncer, TLS, IPv6."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from harness.audit.bench import Bench
from harness.audit.count import MESSAGES, audit
from harness.base.errors import DatabaseFailed, UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.inputs.study import Latency
from harness.lab.latency.injector import RelayInjector
from harness.lab.network import HOST, free_port
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.connection import connect, pool_mode
from harness.lab.postgres.database import Database
from harness.lab.process import launch, wait_until
from harness.runner.legs import Legs
from tests.toys.tls import NO_OPENSSL, TlsFront, certificates_in
from tests.waiting import PATIENCE_S

needs_openssl = pytest.mark.skipif(NO_OPENSSL, reason="openssl is missing")
PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is missing; apt-get install pgbouncer"
)


@contextmanager
def pgbouncer(cluster: EmbeddedPostgres, folder: Path, mode: str) -> Iterator[str]:
    """A PgBouncer before the cluster; the URL through it."""
    parts, port = urlsplit(cluster.url), free_port()
    settings = folder / "pgbouncer.ini"
    users = folder / "users.txt"
    users.write_text(f'"{parts.username}" "{parts.password}"\n')
    settings.write_text(
        f"[databases]\n* = host={HOST} port={parts.port}\n[pgbouncer]\nlisten_addr = {HOST}\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {users}\n"
        f"pool_mode = {mode}\nadmin_users = {parts.username}\n"
    )
    user = cluster._user
    for path in (folder, settings, users):
        path.chmod(0o755 if path.is_dir() else 0o644)
    child = launch(
        [PGBOUNCER or "", str(settings)], env={"PATH": "/usr/sbin:/usr/bin"}, user=user, cwd=folder,
        log=cluster._folder / "pgbouncer.log",
    )  # fmt: skip
    url = parts._replace(netloc=parts.netloc.replace(str(parts.port), str(port))).geturl()
    try:
        assert wait_until(lambda: _answers(url), PATIENCE_S), child.last_words()
        yield url
    finally:
        child.stop()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def bouncer_folder(cache: Path, request: pytest.FixtureRequest) -> Path:
    """Where PostgreSQL's system user can read."""
    folder = cache / f"bouncer-{abs(hash(request.node.name))}"
    folder.mkdir()
    return folder


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_pgbouncer_is_recognised_and_refused(
    cluster: EmbeddedPostgres, contract: Contract, bouncer_folder: Path, mode: str
) -> None:
    """Statement mode lends as transaction mode does, only shorter."""
    named = "session" if mode == "session" else "transaction"
    with pgbouncer(cluster, bouncer_folder, mode) as url:
        with connect(url) as connection:
            assert pool_mode(url, connection) == named
        told = rf"leads to PgBouncer.* in {named} mode: .*; name host and port of PostgreSQL itself"
        with pytest.raises(UsageError, match=told) as caught, Database(url, contract):
            pass
        assert str(urlsplit(url).password) not in str(caught.value)


@needs_pgbouncer
def test_pgbouncers_console_is_no_database(
    cluster: EmbeddedPostgres, contract: Contract, bouncer_folder: Path
) -> None:
    with pgbouncer(cluster, bouncer_folder, "session") as url:
        console = urlsplit(url)._replace(path="/pgbouncer").geturl()
        with pytest.raises(UsageError, match="PgBouncer's console"), Database(console, contract):
            pass


def test_postgresql_itself_is_no_pooler(cluster: EmbeddedPostgres) -> None:
    with connect(cluster.url) as connection:
        assert pool_mode(cluster.url, connection) is None


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def encrypted(cluster: EmbeddedPostgres, certificates: Path) -> Iterator[TlsFront]:
    with TlsFront(cluster.url, certificates / "server.crt", certificates / "server.key") as front:
        yield front


@needs_openssl
def test_a_variants_login_has_the_options_of_the_url(
    encrypted: TlsFront, certificates: Path, contract: Contract
) -> None:
    url = encrypted.url(
        sslmode="verify-full", sslrootcert=str(certificates / "ours.pem"),
        ssl_max_protocol_version="TLSv1.2", application_name="measured",
    ).replace("postgresql://", "postgres://")  # fmt: skip
    with Database(url, contract) as database:
        with psycopg.connect(database.login("a/a")) as connection:
            assert connection.execute("SHOW application_name").fetchone() == ("measured",)
        assert set(encrypted.versions) == {"TLSv1.2"}


@needs_openssl
@pytest.mark.parametrize(("name", "mode"), [("other", "verify-ca"), ("other", "require")])
def test_a_certificate_of_another_authority_is_a_sentence(
    encrypted: TlsFront, certificates: Path, contract: Contract, name: str, mode: str
) -> None:
    url = encrypted.url(sslmode=mode, sslrootcert=str(certificates / f"{name}.pem"))
    with (
        pytest.raises(DatabaseFailed, match="certificate verify failed") as caught,
        Database(url, contract),
    ):
        pass
    assert str(urlsplit(url).password) not in str(caught.value)


@needs_openssl
def test_through_the_relay_the_authority_is_verified_and_the_name_is_not(
    encrypted: TlsFront, certificates: Path, contract: Contract
) -> None:
    """The relay has another address than the one that the certificate names."""
    root = str(certificates / "ours.pem")
    url = encrypted.url(sslmode="verify-full", sslrootcert=root)
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(url.replace("localhost", HOST))
    with Database(url, contract) as database, RelayInjector() as injector:
        legs = Legs(injector)
        legs.lengthen(Latency(database_ms=5))
        far = legs.database_url(database.login("a/a"))
        assert urlsplit(far).hostname == HOST
        before = len(encrypted.versions)
        psycopg.connect(far).close()
        assert len(encrypted.versions) == before + 1
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            psycopg.connect(far.replace("ours.pem", "other.pem"))


@needs_openssl
def test_an_audit_through_tls_counts_all_but_messages(
    encrypted: TlsFront, contract: Contract, toys: Workspace, toy_python: Path, tmp_path: Path
) -> None:
    catalog = load_catalog(toys)
    with Database(encrypted.url(sslmode="require"), contract) as database:
        bench = Bench(contract, database, catalog.servers, tmp_path)
        audited = audit(bench, catalog.variant("toy/good"), toy_python, cpu=False)
    assert audited.problems == []
    assert audited.uncounted == MESSAGES
    counted = {toll.endpoint: toll.counted for toll in audited.tolls}
    assert counted["io_read"]["database_bytes_in"] > 0
    assert counted["io_read"]["connects"] == counted["io_read"]["hops"] == 0
    assert not any(name in toll for name in MESSAGES for toll in counted.values())


class OnBoth(EmbeddedPostgres):
    """A cluster that listens by IPv4 and IPv6."""

    def _options(self) -> list[str]:
        return [*super()._options(), "-c", f"listen_addresses={HOST},::1"]


def test_an_ipv6_host_is_measured_too(cache: Path, contract: Contract) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with OnBoth(cache, DatabaseSettings(max_connections=20)) as cluster:
        url = cluster.url.replace(HOST, "[::1]")
        with Database(url, contract) as database, RelayInjector() as injector:
            login = database.login("a/a")
            assert urlsplit(login).hostname == "::1"
            far = Legs(injector).database_url(login)
            assert urlsplit(far).hostname == HOST
            psycopg.connect(far).close()
