"""Each step of the price ladder takes the tolls that it is priced by, counted inside the server."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from harness.analysis.causes.prices import THREAD
from harness.analysis.receipt.prices import LOOP, WRAPPER, hop, hop_that_waits
from harness.audit.counters import Counters
from harness.audit.http_client import Probe
from harness.audit.receipt.witnesses import Witnesses
from harness.base.workspace import cache_folder
from harness.inputs.settings import ApplicationSettings, ServerSettings
from harness.lab.environments import prepare
from harness.lab.postgres.database import Database
from harness.lab.process import wait_until
from harness.lab.servers import LiveServer, launch_server
from harness.records.observation import Amount
from harness.runner.receipt.ladder import APPS, FOLDER, MODULE, Ladder
from tests.toys.catalogs import repository_catalog
from tests.waiting import PATIENCE_S

CATALOG = repository_catalog()
SERVED = {"asgi": "django/async-no-pool", "wsgi": "django/sync-threads"}
TOLLS = (hop("asgiref"), hop_that_waits("asgiref"), hop("executor"), THREAD, LOOP)
REQUESTS = 3
_QUANTITIES = {"hop": "hops", THREAD: "threads", LOOP: "loops"}


@pytest.fixture(params=APPS)
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def counters() -> Iterator[Counters]:
    with Counters() as made:
        yield made


@pytest.fixture
def server(protocol: str, counters: Counters, tmp_path: Path) -> Iterator[LiveServer]:
    nothing = ApplicationSettings("", 1, 1.0, 1, 1)
    with served(SERVED[protocol], protocol, counters.environment, nothing, tmp_path) as live:
        yield live


@contextmanager
def served(
    name: str, protocol: str, given: Mapping[str, str], settings: ApplicationSettings, folder: Path
) -> Iterator[LiveServer]:
    """The ladder in the place of a variant, with instruments."""
    paths = os.pathsep.join((given["PYTHONPATH"], str(FOLDER)))
    variant = CATALOG.variant(name)
    ladder = msgspec.structs.replace(
        variant, app=APPS[protocol], env=variant.env | dict(given) | {"PYTHONPATH": paths}
    )
    with launch_server(
        ladder, CATALOG.servers[variant.server],
        prepare(cache_folder(), CATALOG.implementations["django"]), settings,
        workers=1, threads=2, log=folder / "log",
    ) as live:  # fmt: skip
        assert wait_until(live.listens, PATIENCE_S), live.last_words()
        Probe(live.url, PATIENCE_S).get("/")  # some servers listen before they have a worker
        yield live


def test_each_step_takes_the_tolls_that_it_is_said_to_take(
    protocol: str, server: LiveServer, counters: Counters
) -> None:
    ladder = Ladder(protocol, TOLLS)
    probe = Probe(server.url)
    assert len(ladder.exchanges(server)) >= 4
    for path in ladder.steps:
        if "/request/" not in path:  # a thread that is reused is started by the first request
            probe.get(path)
    for path, terms in ladder.steps.items():
        expected = dict.fromkeys(_QUANTITIES.values(), 0)
        for term, count in terms.items():
            for beginning, quantity in _QUANTITIES.items():
                if term.startswith(beginning):
                    expected[quantity] += round(REQUESTS * count)
        if "executor" in path:  # asyncio's own grows until it is as large as it may be
            del expected["threads"]
        counted = Counted(counters, tuple(expected))
        for _ in range(REQUESTS):
            assert probe.get(path).status == 200
        wait_until(lambda seen=counted, all_=expected: seen() == all_, PATIENCE_S)  # type: ignore[misc]
        assert counted() == expected, path


def test_a_new_thread_that_queries_makes_a_wrapper_and_opens_no_connection(
    database: Database, tmp_path: Path
) -> None:
    settings = ServerSettings().application(database.login("ladder"))
    with Witnesses() as witnesses:
        given = witnesses.environment | {MODULE: "config.asgi"}
        with served(SERVED["asgi"], "asgi", given, settings, tmp_path) as live:
            ladder = Ladder("asgi", (hop_that_waits("asgiref"), WRAPPER))
            ladder.exchanges(live)
            asking = {path: terms for path, terms in ladder.steps.items() if "select" in path}
            assert {terms.get(WRAPPER) for terms in asking.values()} == {None, 1.0}
            for path, terms in asking.items():
                Probe(live.url).get(path)  # opens the connection, on a reused thread by its wrapper
                witnesses.happenings()
                for _ in range(REQUESTS):
                    assert Probe(live.url).get(path).status == 200
                seen = [happening.what for happening in witnesses.happenings()]
                assert seen.count(Amount.WRAPPERS) == REQUESTS * terms.get(WRAPPER, 0.0), path
                assert seen.count(Amount.STATEMENTS) >= REQUESTS
                assert Amount.CONNECTIONS not in seen


class Counted:
    """What has been counted since it was made."""

    def __init__(self, counters: Counters, quantities: tuple[str, ...]) -> None:
        self._counters, self._quantities = counters, quantities
        self._before = counters.read()

    def __call__(self) -> dict[str, int]:
        now = self._counters.read()
        return {name: now[name] - self._before[name] for name in self._quantities}
