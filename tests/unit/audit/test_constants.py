"""Real toy servers that have more or less than they are given, measured three at a time."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from unittest.mock import patch

import pytest

from harness.audit import constants as constants_module
from harness.audit.bench import Bench
from harness.audit.constants import measure_constants
from harness.audit.subject import Violation
from harness.base.errors import ServerFailed
from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import ServerSettings
from harness.records.verification import Constants
from tests.toys.benches import selected, side_by_side
from tests.toys.best_looks import best_looks
from tests.waiting import PATIENCE_S

GIVEN = ServerSettings(workers=2, threads=3, pool_size=4)
DEVIATIONS = {
    "ignores-threads": "a worker answers 8 or more requests at once, where the study holds 3 ",
    "single-thread": "a worker answers 1 request at once, where the study holds 3 threads for all",
    "overflows": "12 connections to PostgreSQL under load, where the study holds 4 for all; let it",
    "small-pool": "4 connections to PostgreSQL under load, where the study holds 8 for all; let",
    "hands-over": "processes work for it, where the study holds 2 for all; let it start none",
}
"""By fault: the one thing that is said of it."""
NEVER_READY = {
    "extra-worker": "has 3 worker processes, where every server is given 2; let {workers} on its",
    "fewer-workers": "has 1 worker process, where every server is given 2; let {workers} on its",
    "listens-everywhere": "listens on all addresses (0.0.0.0), port ",
    "second-port": "too, and every server is given one (",
}
"""By fault: why the server is stopped at once."""
CONNECTIONS = {"counted-per-thread": 3, "unpooled": 8, "overflows": 12}
AT_ONCE = {
    "counted": 3, "counted-per-thread": 3, "small-pool": 3, "hands-over": 3, "good": 16,
    "ignores-threads": 8, "single-thread": 1,
}  # fmt: skip
"""By variant: what it has at least, of both."""


@pytest.fixture(scope="module")
def measured(
    contract: Contract,
    toys: Workspace,
    toy_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[dict[str, Future[Constants]]]:
    catalog = load_catalog(toys)

    def measure(bench: Bench, name: str) -> Constants:
        variant = catalog.variant(f"toy/{name}")
        takes = catalog.servers[variant.server].takes("workers")
        given = GIVEN if takes else ServerSettings(threads=3, pool_size=4)
        return measure_constants(bench, variant, toy_python, given)

    names, logs = selected(request, "name"), tmp_path_factory.mktemp("logs")
    with (
        patch.object(constants_module, "_ANSWER_S", PATIENCE_S),
        best_looks(CONNECTIONS, AT_ONCE),
        side_by_side(catalog, contract, logs, names, measure) as futures,
    ):
        yield futures


@pytest.mark.parametrize("name", ["counted"])
def test_a_server_that_has_what_it_is_given_deviates_in_nothing(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    constants = measured[name].result()
    assert constants.problems == []
    assert (constants.workers, constants.working) == (2, 2)
    assert (constants.threads, constants.at_once, constants.sent) == (3, 3, 8)
    assert (constants.pool, constants.allowed, constants.connections) == ("pooled", 8, 8)
    assert constants.exact
    (address,) = constants.listens
    assert address.startswith("loopback, port ")


@pytest.mark.parametrize("name", ["counted-per-thread"])
def test_a_connection_per_thread_is_as_many_as_threads_at_the_most(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    constants = measured[name].result()
    assert constants.problems == []
    assert constants.allowed == 6
    assert 3 <= constants.connections <= 6
    assert not constants.exact


@pytest.mark.parametrize("name", ["good"])
def test_of_a_server_that_takes_no_threads_they_are_only_told(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    constants = measured[name].result()
    assert constants.problems == []
    assert (constants.threads, constants.at_once, constants.sent) == (None, 16, 16)
    assert constants.connections == 4


@pytest.mark.parametrize("name", ["unpooled"])
def test_a_variant_that_connects_per_request_has_no_bound(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    constants = measured[name].result()
    assert constants.problems == []
    assert (constants.allowed, constants.connections) == (None, 8)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_is_told_with_both_figures_and_nothing_else_is(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    (problem,) = measured[name].result().problems
    assert DEVIATIONS[name] in problem


@pytest.mark.parametrize("name", NEVER_READY)
def test_a_server_with_other_workers_or_addresses_is_never_ready(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    with pytest.raises(ServerFailed) as caught:
        measured[name].result()
    assert str(caught.value).startswith(f"The server of `toy/{name}` ")
    assert NEVER_READY[name] in str(caught.value)


@pytest.mark.parametrize("name", ["second-port-later"])
def test_what_a_server_becomes_under_load_is_found(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    with pytest.raises(Violation, match=r"^once it was loaded, it listens on port \d+ too"):
        measured[name].result()


@pytest.mark.parametrize("name", ["failure-as-success", "cached-read", "sleepy"])
def test_other_faults_are_not_of_its_constants(
    measured: dict[str, Future[Constants]], name: str
) -> None:
    assert measured[name].result().problems == []
