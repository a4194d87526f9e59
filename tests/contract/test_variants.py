"""Every variant of this repository does the work of the contract, all of it, and what it says."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.verify import verify
from harness.base.workspace import cache_folder
from harness.inputs.contract import Contract
from harness.inputs.settings import ServerSettings
from harness.lab.environments import prepare
from harness.records.verification import Audit, Verification
from tests.toys.benches import selected, side_by_side
from tests.toys.catalogs import repository_catalog
from tests.toys.laboratory import patient

CATALOG = repository_catalog()
WAY = ("views", "data", "bridge")
BESIDE = ("pool", "offload", "json")
"""Factors that choose a way through an implementation's code: the first three together for each
application, the others each by itself. Arms that differ in nothing of these run the same views on
another life cycle, other threads, or with more hops."""
Examination = tuple[Verification, Audit]
WORKERS, THREADS, POOL = 2, 5, 7
"""Numbers that no server has by itself."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Variants that between them go every way through the code; all with --every-variant."""
    every = metafunc.config.getoption("--every-variant")
    metafunc.parametrize("name", list(CATALOG.variants) if every else covering())


def covering() -> list[str]:
    """Few variants in which every implementation goes all its ways.

    Greedily, whoever adds most (Chvatal 1979). Whatever a run measures it verifies all the same.
    """
    left = {name: ways(name) for name in CATALOG.variants}
    wanted = set().union(*left.values())
    chosen: list[str] = []
    while wanted:
        best = max(left, key=lambda name: len(left[name] & wanted))
        chosen.append(best)
        wanted -= left.pop(best)
    return [name for name in CATALOG.variants if name in chosen]


def ways(name: str) -> set[tuple[str | None, ...]]:
    """Those that a variant goes, by its label, each with the code that it stands in."""
    variant = CATALOG.variants[name]
    folder, factors = variant.implementation, variant.factors
    apart = {(folder, factor, factors[factor]) for factor in BESIDE if factor in factors}
    return {(folder, variant.app, *(factors.get(factor) for factor in WAY)), *apart}


@pytest.fixture(scope="module")
def examined(
    contract: Contract, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[Examination]]]:
    names, logs = selected(request, "name"), tmp_path_factory.mktemp("logs")
    whole = names if request.config.getoption("--every-variant") else first_of_servers()

    def one(bench: Bench, name: str) -> Examination:
        return examine(bench, name, constant=name in whole)

    with patient(), side_by_side(CATALOG, contract, logs, names, one) as futures:
        yield futures


def examine(bench: Bench, name: str, *, constant: bool) -> Examination:
    """Verify and audit one variant.

    constant: whether to count workers and threads too, which its server's command line alone gives
        it. `verify` counts the pool of every variant.
    """
    variant = CATALOG.variant(name)
    python = prepare(cache_folder(), CATALOG.implementations[variant.implementation])
    given = ServerSettings(workers=WORKERS, threads=THREADS, pool_size=POOL)
    verified = verify(bench, variant, python)
    return verified, audit(bench, variant, python, cpu=False, given=given, constant=constant)


def first_of_servers() -> frozenset[str]:
    """Of the variants that are examined, the first of each server. A run counts for all."""
    first: dict[str, str] = {}
    for name in covering():
        first.setdefault(CATALOG.variants[name].server, name)
    return frozenset(first.values())


def test_variant_honours_the_contract(examined: dict[str, Future[Examination]], name: str) -> None:
    assert examined[name].result()[0].problems == []


def test_variant_does_what_its_label_says(
    examined: dict[str, Future[Examination]], name: str
) -> None:
    assert examined[name].result()[1].problems == []
