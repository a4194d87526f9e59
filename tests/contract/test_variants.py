"""Every variant of this repository does the work of the contract, all of it, and what it says."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Queue

import pytest

from harness.audit.bench import Bench
from harness.audit.tolls import audit
from harness.audit.verify import verify
from harness.catalog import load_catalog
from harness.contract import Contract
from harness.examinations import Audit, Verification
from harness.lab.database import Database
from harness.lab.environments import prepare
from harness.lab.postgres import EmbeddedPostgres
from harness.settings import DatabaseSettings
from harness.workspace import Workspace, cache_folder

CATALOG = load_catalog(Workspace())
AT_ONCE = 2
TOLD_APART_BY = ("views", "data", "bridge", "pool", "offload", "json")
"""Factors that choose a way through an implementation's code; arms that differ in nothing of these
run the same views on another life cycle, other threads, or with more hops."""
Examination = tuple[Verification, Audit]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One variant of each way through the code; all of them with --every-variant."""
    every = metafunc.config.getoption("--every-variant")
    metafunc.parametrize("name", list(CATALOG.variants) if every else ways())


def ways() -> list[str]:
    """The first variant of each way."""
    found: dict[tuple[str | None, ...], str] = {}
    for name, variant in CATALOG.variants.items():
        factors = (variant.factors.get(factor) for factor in TOLD_APART_BY)
        found.setdefault((variant.implementation, variant.app, *factors), name)
    return list(found.values())


@pytest.fixture(scope="module")
def examined(
    contract: Contract, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[Examination]]]:
    """The variants that are asked for, two at a time.

    Each has a cluster to itself meanwhile, because verification stops it and starts it again.
    """
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        benches: Queue[Bench] = Queue()
        for _ in range(AT_ONCE):
            cluster = stack.enter_context(EmbeddedPostgres(cache_folder(), DatabaseSettings()))
            database = stack.enter_context(Database(cluster.url, contract, cluster))
            logs = tmp_path_factory.mktemp("logs")
            benches.put(Bench(contract, database, CATALOG.servers, logs))
        futures = {name: pool.submit(examine, benches, name) for name in wanted(request)}
        yield futures
        for future in futures.values():
            future.cancel()


def wanted(request: pytest.FixtureRequest) -> list[str]:
    """The variants of the tests that were selected, in their order."""
    here = Path(__file__)
    names = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == here and hasattr(item, "callspec")
    ]
    return list(dict.fromkeys(names))


def examine(benches: Queue[Bench], name: str) -> Examination:
    """Verify and audit one variant."""
    variant = CATALOG.variant(name)
    python = prepare(cache_folder(), CATALOG.implementations[variant.implementation])
    bench = benches.get()
    try:
        return verify(bench, variant, python), audit(bench, variant, python, cpu=False)
    finally:
        benches.put(bench)


def test_variant_honours_the_contract(examined: dict[str, Future[Examination]], name: str) -> None:
    assert examined[name].result()[0].problems == []


def test_variant_does_what_its_label_says(
    examined: dict[str, Future[Examination]], name: str
) -> None:
    assert examined[name].result()[1].problems == []
