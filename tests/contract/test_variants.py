"""Every variant of this repository does the work of the contract, and all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.audit.bench import Bench
from harness.audit.verify import verify
from harness.catalog import load_catalog
from harness.contract import Contract
from harness.lab.database import Database
from harness.lab.environments import prepare
from harness.lab.postgres import EmbeddedPostgres
from harness.study import DatabaseSettings
from harness.workspace import Workspace, cache_folder

CATALOG = load_catalog(Workspace())


@pytest.fixture(scope="module")
def own_database(contract: Contract) -> Iterator[Database]:
    """In a cluster of this module's own, because verification stops it and starts it again."""
    with (
        EmbeddedPostgres(cache_folder(), DatabaseSettings()) as cluster,
        Database(cluster.url, contract, cluster) as database,
    ):
        yield database


@pytest.mark.parametrize("name", CATALOG.variants)
def test_variant_honours_the_contract(
    own_database: Database, contract: Contract, tmp_path: Path, name: str
) -> None:
    variant = CATALOG.variant(name)
    python = prepare(cache_folder(), CATALOG.implementations[variant.implementation])
    bench = Bench(contract, own_database, CATALOG.servers, tmp_path)
    assert verify(bench, variant, python).problems == []
