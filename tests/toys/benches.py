"""Examinations of several variants at a time, each with a database to itself meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Queue

import pytest

from harness.audit.bench import Bench
from harness.base.workspace import cache_folder
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database

AT_ONCE = 3
"""An examination waits for most of its time; more than two processors can serve at once."""


@contextmanager
def side_by_side[T](
    catalog: Catalog,
    contract: Contract,
    logs: Path,
    names: Sequence[str],
    examine: Callable[[Bench, str], T],
) -> Iterator[dict[str, Future[T]]]:
    """What comes of each, by name."""
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        benches: Queue[Bench] = Queue()
        cluster = stack.enter_context(EmbeddedPostgres(cache_folder(), DatabaseSettings()))
        first = stack.enter_context(Database(cluster.url, contract, cluster))
        for _ in range(min(AT_ONCE, len(names))):
            database = stack.enter_context(first.another())
            benches.put(Bench(contract, database, catalog.servers, logs))

        def one(name: str) -> T:
            bench = benches.get()
            try:
                return examine(bench, name)
            finally:
                benches.put(bench)

        futures = {name: pool.submit(one, name) for name in names}
        yield futures
        for future in futures.values():
            future.cancel()


def clusters(cache: Path) -> set[str]:
    """Names of the clusters that stand in a cache."""
    return {path.name for path in (cache / "clusters").glob("*") if path.name != ".guard"}


def selected(request: pytest.FixtureRequest, *parameters: str) -> list[str]:
    """The parameters' values in the tests of the requested fixture that run, in their order."""
    names = [
        str(item.callspec.params[parameter])
        for item in request.session.items
        for parameter in parameters
        if isinstance(item, pytest.Function)
        and item.path == request.path
        and request.fixturename in item.fixturenames
        and hasattr(item, "callspec")
        and parameter in item.callspec.params
    ]
    return list(dict.fromkeys(names))
