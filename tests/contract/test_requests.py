"""Every variant gives the same status and shape to the same requests: odd ones and generated ones.

With --every-variant all variants are asked, and more requests are generated. Otherwise only those
that differ in what reads a request: the framework, the server, or what stands before the views.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure

from harness.audit.bench import Bench
from harness.base.workspace import cache_folder
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings
from harness.lab.environments import prepare
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.lab.servers import LiveServer
from tests.toys.catalogs import repository_catalog
from tests.toys.raw_requests import OK, requests, send

CATALOG = repository_catalog()
FEW, MANY = 4, 200
"""Generated requests for each operation: in the short part and in the long one."""
WITH_INPUT = ("io_create", "io_fanout")
"""Endpoints that read anything of a request; to the others there is no wrong request."""
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {  # a body may be too long, whatever is in it
            "negative_data_rejection": {"expected-statuses": [400, 413]},
            "positive_data_acceptance": {"expected-statuses": [200, 413]},
        }
    }
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("--every-variant")
    names = list(CATALOG.variants) if every else readers()
    metafunc.parametrize("server", names, indirect=True, scope="module")
    if "examples" in metafunc.fixturenames:
        metafunc.parametrize("examples", [MANY if every else FEW])


def readers() -> list[str]:
    """The first variant of each way in which an implementation's code reads a request."""
    first: dict[tuple[str | None, ...], str] = {}
    for name, variant in CATALOG.variants.items():
        factors = (variant.factors.get(key) for key in ("views",))
        first.setdefault((variant.implementation, *factors), name)
    return list(first.values())


@pytest.fixture(scope="module")
def room(cluster: EmbeddedPostgres, contract: Contract) -> Iterator[Database]:
    """A database with 100 rows."""
    with Database(cluster.url, contract) as made:
        made.reset(100)
        yield made


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest,
    room: Database,
    contract: Contract,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveServer]:
    """A server of the variant, for all of its tests."""
    logs = tmp_path_factory.mktemp("logs")
    variant = CATALOG.variants[request.param]
    python = prepare(cache_folder(), CATALOG.implementations[variant.implementation])
    values = ApplicationSettings(
        database_url=room.login(variant.name), pool_size=4, pool_timeout_s=20,
        cpu_iterations=1_000, wait_ms=1,
    )  # fmt: skip
    bench = Bench(contract, room, CATALOG.servers, logs)
    with bench.start(variant, python, values, logs / "log", threads=4) as started:
        yield started


def test_the_same_odd_requests_get_the_same_answers(server: LiveServer, contract: Contract) -> None:
    problems: list[str] = []
    for request in requests():
        problem = request.problem(contract, send(server.port, request.data))
        if problem is not None:
            problems.append(f"{request.name}: {problem}")
    assert send(server.port, OK).status == 200  # and it lives on
    assert problems == []


def test_generated_requests_are_answered_as_the_contract_says(
    server: LiveServer, contract: Contract, examples: int
) -> None:
    """Right ones and wrong ones; schemathesis compares status, headers and body."""
    schema = schemathesis.openapi.from_dict(contract.document, config=CONFIG)
    for operation in contract.operations.values():
        generated = schema[operation.path][operation.method]
        takes_input = operation.name in WITH_INPUT
        modes = MODES if takes_input else MODES[:1]
        statuses = {
            status
            for mode in modes
            for status in ask(generated.as_strategy(generation_mode=mode), server.url, examples)
        }
        assert statuses - {413} == ({200, 400} if takes_input else {200})


def ask(cases: SearchStrategy[Case[Any]], url: str, examples: int) -> set[int]:
    """Send generated requests, and demand the contract's answers; the statuses that came."""
    statuses: set[int] = set()

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def answered(case: Case[Any]) -> None:
        response = case.call(base_url=url)
        statuses.add(response.status_code)
        try:
            case.validate_response(response)
        except* Failure as group:  # whose own text may hold 64 KiB of a body
            reasons = "; ".join(str(error)[:300] for error in group.exceptions)
            pytest.fail(f"{case.formatted_path}: {response.status_code}, {reasons}")

    answered()
    return statuses
