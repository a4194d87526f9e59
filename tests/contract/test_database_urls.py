"""Every driver of every implementation obeys the options of DATABASE_URL, as the contract says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.audit.bench import Bench
from harness.audit.http_client import Probe
from harness.base.errors import ServerFailed
from harness.base.workspace import cache_folder
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings
from harness.lab.environments import prepare
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from tests.toys.catalogs import repository_catalog
from tests.toys.tls import NO_OPENSSL, TlsFront, certificates_in
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(NO_OPENSSL, reason="openssl is missing")
CATALOG = repository_catalog()
POOL = 3


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("--every-variant")
    metafunc.parametrize("name", list(CATALOG.variants) if every else drivers())


def drivers() -> list[str]:
    """The first variant of each way to the database."""
    first: dict[str | None, str] = {}
    for name, variant in CATALOG.variants.items():
        first.setdefault(variant.factors.get("data"), name)
    return list(first.values())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def front(cluster: EmbeddedPostgres, certificates: Path) -> Iterator[TlsFront]:
    with TlsFront(
        cluster.url, certificates / "server.crt", certificates / "server.key"
    ) as encrypting:
        yield encrypting


def test_a_driver_encrypts_verifies_and_names_itself(
    front: TlsFront, certificates: Path, contract: Contract, tmp_path: Path, name: str
) -> None:
    variant = CATALOG.variants[name]
    python = prepare(cache_folder(), CATALOG.implementations[variant.implementation])
    url = front.url(
        sslmode="verify-full", sslrootcert=str(certificates / "ours.pem"),
        ssl_max_protocol_version="TLSv1.2", application_name="measured",
    )  # fmt: skip
    with Database(url, contract) as database:
        database.reset(3)
        bench = Bench(contract, database, CATALOG.servers, tmp_path)

        def works(login: str, pool_timeout_s: float) -> bool:
            """Whether a server with this URL starts, and reads posts."""
            settings = ApplicationSettings(login, POOL, pool_timeout_s, 1, 1)
            try:
                with bench.start(variant, python, settings, tmp_path / "log", threads=2) as server:
                    reply = Probe(server.url, PATIENCE_S).get("/io_read")
                    return reply.status == 200 and named(database, name)
            except ServerFailed:
                return False

        front.versions.clear()
        assert works(database.login(name), 20.0) is True
        assert set(front.versions) == {"TLSv1.2"}
        assert works(database.login(name).replace("ours.pem", "other.pem"), 2.0) is False


def named(database: Database, variant: str) -> bool:
    """Whether the variant's connections are called as the URL says; none may be open any more."""
    names = database.rows(
        "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = %s",
        [database.role(variant)],
    )
    return names in ([("measured",)], [])
