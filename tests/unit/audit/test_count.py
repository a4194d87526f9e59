"""Real toy servers, honest ones and liars, audited three at a time."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import msgspec
import pytest

from harness.audit.bench import Bench
from harness.audit.count import audit, counted_requests
from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.manifests import QUANTITIES
from harness.records.verification import Audit
from tests.toys.benches import selected, side_by_side
from tests.toys.best_looks import best_looks
from tests.toys.laboratory import patient

WORK = {"noop": 0, "cpu": 0, "io_create": 1, "io_read": 2, "io_fanout": 5, "io_wait": 0}
"""By endpoint: the statements of the contract, each its own transaction and its own round trip."""
OF_THE_WORK = ("statements", "transactions", "round_trips")
WITH_CPU = ("good", "burning-late")
WITH_CONSTANTS = ("good", "unpooled", "connects-silently")
"""Of the others nothing is asked that takes a server of its own."""
BURNT_US = 3_000
"""Of CPU time that the latter takes more, for each request that is counted: many times what a
request takes without, however busy the machine is."""
LIARS: dict[str, list[str]] = {
    "secret-thread": ["/io_read, threads per request: 0 expected, 1 counted"],
    "secret-loop": [
        "/io_read, hops per request: 0 expected, 1 counted",
        "/io_read, threads per request: 0 expected, 2 counted",
        "/io_read, loops per request: 0 expected, 1 counted",
    ],
    "transactional": [
        "/io_create, statements per request: 1 expected, 3 counted",
        "/io_create, round trips per request: 1 expected, 3 counted",
    ],
    "skipped-insert": [
        "/io_create, statements per request: 1 expected, 0 counted",
        "/io_create, transactions per request: 1 expected, 0 counted",
        "/io_create, round trips per request: 1 expected, 0 counted",
    ],
    "cached-read": [
        "/io_read, statements per request: 2 expected, 0 counted",
        "/io_read, transactions per request: 2 expected, 0 counted",
        "/io_read, round trips per request: 2 expected, 0 counted",
    ],
    "connects-silently": [
        "/io_create, connects per request: 0 expected, 1 counted",
        "/io_create, round trips per request: 1 expected, 6 counted",
        "/io_read, connects per request: 0 expected, 1 counted",
        "/io_read, round trips per request: 2 expected, 8 counted",
        "/io_fanout, connects per request: 0 expected, 1 counted",
        "/io_fanout, round trips per request: 5 expected, 10 counted",
        "15 connections to PostgreSQL under load, where the study holds 7 for all; let it open no "
        "more than it is given",
    ],
}
"""By fault: everything that is said of it."""


def result_of(
    bench: Bench, toys: Workspace, python: Path, name: str, *, cpu: bool = False
) -> Audit:
    variant = load_catalog(toys).variant(f"toy/{name}")
    return audit(bench, variant, python, cpu=cpu, constant=name in WITH_CONSTANTS)


def cpu_us(result: Audit) -> dict[str, float]:
    """By endpoint."""
    return {toll.endpoint: toll.counted["cpu_us"] for toll in result.tolls}


@pytest.fixture(scope="module")
def audited(
    contract: Contract,
    toys: Workspace,
    toy_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[dict[str, Future[Audit]]]:
    def examine(bench: Bench, name: str) -> Audit:
        return result_of(bench, toys, toy_python, name, cpu=name in WITH_CPU)

    names, logs = selected(request, "name", "other"), tmp_path_factory.mktemp("logs")
    with (
        patient(),
        best_looks({"connects-silently": 15}),
        side_by_side(load_catalog(toys), contract, logs, names, examine) as futures,
    ):
        yield futures


@pytest.mark.parametrize("name", ["good"])
def test_an_honest_server_takes_the_work_of_the_contract_and_nothing_else(
    audited: dict[str, Future[Audit]], name: str
) -> None:
    result = audited[name].result()
    assert result.passed, result.problems
    assert {toll.endpoint for toll in result.tolls} == set(WORK)
    for toll in result.tolls:
        work = dict.fromkeys(OF_THE_WORK, WORK[toll.endpoint])
        expected = dict.fromkeys(QUANTITIES, 0) | work
        assert toll.expected == expected
        assert {quantity: toll.counted[quantity] for quantity in QUANTITIES} == expected


@pytest.mark.parametrize("name", ["good"])
def test_bytes_are_counted_on_both_sides_of_the_server(
    audited: dict[str, Future[Audit]], name: str
) -> None:
    """A whole number of them per request, because requests and answers are all as long."""
    tolls = {toll.endpoint: toll for toll in audited[name].result().tolls}
    for endpoint, work in WORK.items():
        counted = tolls[endpoint].counted
        assert counted["http_bytes_in"] >= len(f"GET /{endpoint} HTTP/1.1\r\n\r\n")
        assert counted["http_bytes_in"].is_integer()
        assert counted["http_bytes_out"] >= len("HTTP/1.1 200 OK\r\n\r\n{}")
        assert (counted.get("database_bytes_out", 0) > 0) == (work > 0)
        assert (counted.get("database_bytes_in", 0) > 0) == (work > 0)
    read, create = tolls["io_read"].counted, tolls["io_create"].counted
    assert read["database_bytes_in"] > create["database_bytes_in"]


@pytest.mark.parametrize("name", ["unpooled", "honest-loop"])
def test_a_server_that_says_what_it_does_passes(
    audited: dict[str, Future[Audit]], name: str
) -> None:
    """A connection per request with a statement of its own; a hop in a loop of its own."""
    result = audited[name].result()
    assert result.problems == []
    assert not any("cpu_us" in toll.counted for toll in result.tolls)


@pytest.mark.parametrize("name", LIARS)
def test_a_liar_deviates_where_it_lies_and_nowhere_else(
    audited: dict[str, Future[Audit]], name: str
) -> None:
    result = audited[name].result()
    assert not result.passed
    assert result.problems == LIARS[name]
    assert result.problem is None


@pytest.mark.parametrize("name", ["leaky"])
def test_a_pool_that_loses_its_connections_is_a_problem(
    audited: dict[str, Future[Audit]], name: str
) -> None:
    result = audited[name].result()
    assert result.tolls == ()
    assert result.problem is not None
    assert "503 with a pool of 4 connections" in result.problem
    assert result.problems == [result.problem]


@pytest.mark.parametrize("name", ["crashes-at-start"])
def test_a_server_that_ends_at_its_start_is_a_problem_and_no_traceback(
    audited: dict[str, Future[Audit]], name: str
) -> None:
    (problem,) = audited[name].result().problems
    assert "`toy/crashes-at-start`" in problem
    assert "toy: I will not start today" in problem
    assert "Traceback" not in problem


@pytest.mark.parametrize(("name", "other"), [WITH_CPU])
def test_cpu_time_is_measured_where_it_is_asked_for(
    audited: dict[str, Future[Audit]], name: str, other: str
) -> None:
    good, burning = audited[name].result(), audited[other].result()
    assert good.passed, good.problems
    assert burning.passed, burning.problems
    assert set(cpu_us(good)) == set(cpu_us(burning)) == set(WORK)
    assert min(cpu_us(burning).values()) >= BURNT_US
    assert 0 < min(cpu_us(good).values()) < BURNT_US / 2  # a busy machine makes some of them more


@pytest.mark.parametrize("name", ["secret-loop"])
def test_an_audit_can_be_kept_as_json(audited: dict[str, Future[Audit]], name: str) -> None:
    result = audited[name].result()
    kept = msgspec.json.decode(msgspec.json.encode(result), type=Audit)
    assert kept == result
    assert kept.problems == LIARS["secret-loop"]


class Counting:
    """A server whose counts grow by what each request does, by its number."""

    def __init__(self, does: Callable[[int], Counter[str]]) -> None:
        self._does = does
        self._number = 0
        self._counts: Counter[str] = Counter()

    def ask(self, _: int) -> None:
        self._number += 1
        self._counts += self._does(self._number)

    def quiet(self) -> Counter[str]:
        return Counter(self._counts)

    def cpu_ns(self) -> int:
        return self._number * 1_000


def test_a_connection_that_is_opened_late_is_no_part_of_a_requests_cost() -> None:
    """One thread opens its own in the first count, so that is taken again."""
    server = Counting(lambda number: Counter(statements=2, connects=int(number == 8)))
    counted, cpu_ns = counted_requests(server.ask, server.quiet, server.cpu_ns)
    assert counted == {"statements": 64}
    assert cpu_ns == 32_000


def test_what_is_done_now_and_then_for_ever_is_told() -> None:
    server = Counting(lambda number: Counter(connects=int(number % 20 == 0)))
    counted, _ = counted_requests(server.ask, server.quiet, server.cpu_ns)
    assert 0 < counted["connects"] < 32
