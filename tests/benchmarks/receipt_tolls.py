"""Does a receipt predict what tolls cost? Four pairs of variants of Django that differ in tolls.

Usage: `uv run python -m tests.benchmarks.receipt_tolls [BLOCKS] [SECONDS] [FILE] [COUNTS]`. It
counts and measures with the machinery of `bridgetoll receipt`: both sides of each pair and the
price ladder take turns in slices, on one core. With 0 BLOCKS it only counts. FILE keeps what was
counted and measured; if it is there already, it is read in place of a measurement. COUNTS is such a
file, whose counts are taken in place of new ones. docs/receipt.md quotes the output.

A ratio is predicted by measured: of the means over blocks, with Fieller's interval. There are as
many connections as the pool has, so that no request waits for one. The table of posts is filled
anew after each round of slices: as it grows, `/io_read` counts more rows and waits longer.

Two pairs differ in work of their own, with or without hops, which is measured and added:

- Middlewares: by the difference that the same middlewares make under WSGI.
- A hop per query: Django's asynchronous ORM wraps each method. By the difference of the same two
  variants whose hops are made in place.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from harness.analysis.causes.levels import at_one_speed
from harness.analysis.causes.prices import CONNECT, THREAD
from harness.analysis.receipt.bill import tolls_of
from harness.analysis.receipt.causes import ObservedProject, cause_of
from harness.analysis.receipt.prices import (
    URL,
    WRAPPER,
    MeasuredPrices,
    all_log_costs,
    hop,
    hop_that_waits,
    measured_prices,
    step_costs,
)
from harness.analysis.stats.intervals import Interval, block_interval, ratio_interval
from harness.audit.receipt.observe import observe
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.application import WantedRequest
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.contract import Contract
from harness.inputs.manifests import Variant
from harness.inputs.settings import DatabaseSettings, ServerSettings
from harness.lab.environments import prepare
from harness.lab.machine import propose_cores
from harness.lab.network import HOST
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.lab.servers import LiveServer, await_ready, launch_server
from harness.load.protocol import Exchange
from harness.records.observation import LadderStep, Loaded, LoadedBlock, Served
from harness.runner.receipt.ladder import APPS, FOLDER, MODULE, Ladder
from harness.runner.receipt.load import Effort, Loadable, LoadSide, load_sides, open_tools
from tests.benchmarks import in_place

CONNECTIONS = 16
ROWS = 1_000
FORM = (("title", "a title"), ("content", "some content"))
POOL, MIDDLEWARE, NO_POOL, REUSED, PER_QUERY, ONE = (
    f"django/{name}"
    for name in (
        "async-pool", "async-pool-middleware", "async-no-pool", "async-reused-threads",
        "hop-per-query", "one-hop",
    )
)  # fmt: skip
PLAIN_WSGI, MIDDLEWARE_WSGI = "sync", "sync with middlewares"
IN_PLACE = " in place"
ENDPOINTS = {
    POOL: ("noop", "io_create", "io_read"),
    MIDDLEWARE: ("noop", "io_create"),
    NO_POOL: ("io_create", "io_read"),
    REUSED: ("noop", "io_create", "io_read"),
    PER_QUERY: ("io_create", "io_read"),
    ONE: ("io_create", "io_read"),
    PER_QUERY + IN_PLACE: ("io_create", "io_read"),
    ONE + IN_PLACE: ("io_create", "io_read"),
    PLAIN_WSGI: ("noop",),
    MIDDLEWARE_WSGI: ("noop",),
}
PAIRS = {
    "seven middlewares": (MIDDLEWARE, POOL, ("noop", "io_create")),
    "a connection per request": (NO_POOL, POOL, ("io_create", "io_read")),
    "threads per request": (POOL, REUSED, ("noop", "io_create", "io_read")),
    "a hop per query": (PER_QUERY, ONE, ("io_create", "io_read")),
}
TWICE = (PER_QUERY, ONE, PER_QUERY + IN_PLACE, ONE + IN_PLACE)
"""They differ in a hop or two alone, so they have two slices in each round."""
AGAIN = " again"
LADDER = "ladder"
TOLLS = (hop("asgiref"), hop_that_waits("asgiref"), THREAD, WRAPPER, CONNECT)


type Counts = dict[str, dict[str, dict[str, float]]]
"""By variant and endpoint, how many of each toll a request takes, by the name of its price."""


class Kept(msgspec.Struct):
    """What was measured, and how many tolls were counted; without blocks, nothing is measured."""

    loaded: Loaded
    counted: Counts


def main() -> None:
    """Measure and print."""
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 200.0
    file, counts = (Path(sys.argv[at]) if len(sys.argv) > at else None for at in (3, 4))
    if file is not None and file.exists():
        kept = _read(file)
    else:
        kept = _measured(blocks, seconds, None if counts is None else _read(counts).counted)
        if file is not None:
            file.write_bytes(msgspec.json.encode(kept))
    if kept.loaded.urls:
        _print(kept)


def _read(file: Path) -> Kept:
    return msgspec.json.decode(file.read_bytes(), type=Kept)


def _measured(blocks: int, seconds: float, counted: Counts | None) -> Kept:
    workspace = Workspace()
    contract, catalog = Contract(workspace), load_catalog(workspace)
    python = prepare(cache_folder(), catalog.implementations["django"])
    cores = propose_cores()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(cache_folder(), DatabaseSettings(), cores.database) as cluster,
        Database(cluster.url, contract, cluster) as database,
    ):
        place = _Place(catalog, contract, database, python, Path(folder), cores.application)
        counted = counted or place.counted()
        if not blocks:
            return Kept(Loaded(CONNECTIONS, {}), counted)
        database.reset(ROWS)
        ladder = Ladder("asgi", TOLLS)
        sides = [*place.sides(), place.ladder(ladder)]
        with open_tools(cores, Path(folder)) as tools:
            began = time.monotonic()
            effort = Effort(CONNECTIONS, blocks, seconds)
            result = load_sides(sides, tools, effort, told=lambda _: database.reset(ROWS))
            print(f"measured in {time.monotonic() - began:.0f} s", flush=True)
    for note in result.notes:
        print(note)
    steps = {
        path: LadderStep(ladder.steps[path], of_step)
        for path, of_step in result.sides[LADDER].blocks.items()
    }
    urls = {
        f"{side} {name}": of_url
        for side, loaded in result.sides.items()
        if side != LADDER
        for name, of_url in loaded.blocks.items()
    }
    for name in [name for name in urls if name.endswith(AGAIN)]:
        first = name.removesuffix(AGAIN)
        urls[first] = tuple(map(_together, urls[first], urls.pop(name)))
    return Kept(Loaded(CONNECTIONS, urls, ladder=steps, notes=result.notes), counted)


def _together(one: LoadedBlock, other: LoadedBlock) -> LoadedBlock:
    """What one URL did in all its slices of a block."""
    assert one.block == other.block
    return msgspec.structs.replace(
        one,
        cpu_ns=one.cpu_ns + other.cpu_ns,
        correct=one.correct + other.correct,
        failed=one.failed + other.failed,
        load_ns=one.load_ns + other.load_ns,
    )


class _Place:
    """Where variants are served."""

    def __init__(
        self,
        catalog: Catalog,
        contract: Contract,
        database: Database,
        python: Path,
        logs: Path,
        cpus: tuple[int, ...],
    ) -> None:
        self._catalog, self._contract, self._database = catalog, contract, database
        self._python, self._logs, self._cpus = python, logs, cpus
        sync = catalog.variant("django/sync-threads")
        with_middleware = sync.env | {"DJANGO_MIDDLEWARE": "default"}
        self.variants: dict[str, Variant] = {
            **{name: catalog.variant(name) for name in ENDPOINTS if name in catalog.variants},
            PLAIN_WSGI: sync,
            MIDDLEWARE_WSGI: msgspec.structs.replace(sync, env=with_middleware),
            **{name + IN_PLACE: _in_place(catalog.variant(name)) for name in (PER_QUERY, ONE)},
        }

    def counted(self) -> Counts:
        """What a receipt counts, by variant and endpoint."""
        self._database.reset(ROWS)
        return {
            name: self._observed(name)
            for name in (POOL, MIDDLEWARE, NO_POOL, REUSED, PER_QUERY, ONE)
        }

    def _observed(self, name: str) -> dict[str, dict[str, float]]:
        variant, endpoints = self.variants[name], ENDPOINTS[name]

        def start(extra: Mapping[str, str]) -> AbstractContextManager[LiveServer]:
            seen = msgspec.structs.replace(variant, env=variant.env | dict(extra))
            return self._served(f"{name} observed", seen)

        observation = observe(
            start,
            [self._request(endpoint) for endpoint in endpoints],
            served=Served(variant.app),
            root=variant.folder,
            libraries=(),
            left_after=0,
        )
        causes = partial(cause_of, project=ObservedProject.of(observation))
        return {
            endpoint: tolls_of(url.observed, causes)
            for endpoint, url in zip(endpoints, observation.urls, strict=True)
        }

    def sides(self) -> Iterator[LoadSide]:
        """One for each variant."""
        for name, endpoints in ENDPOINTS.items():
            yield LoadSide(
                name=name,
                start=partial(self._served, name, self.variants[name]),
                exchanges=partial(self._exchanges, endpoints, 2 if name in TWICE else 1),
            )

    def ladder(self, ladder: Ladder) -> LoadSide:
        """The price ladder, in the project of the variant without a pool."""
        project = self.variants[NO_POOL]
        env = {"PYTHONPATH": str(FOLDER), MODULE: "config.asgi"}
        served = msgspec.structs.replace(project, app=APPS["asgi"], env=project.env | env)
        return LoadSide(
            name=LADDER,
            start=partial(self._served, LADDER, served, health="/"),
            exchanges=ladder.exchanges,
        )

    @contextmanager
    def _served(
        self, name: str, variant: Variant, health: str | None = None
    ) -> Iterator[LiveServer]:
        given = ServerSettings()
        server = launch_server(
            variant, self._catalog.servers[variant.server], self._python,
            given.application(self._database.login(variant.name)),
            workers=1, threads=given.threads, cpus=self._cpus,
            log=self._logs / f"{name.replace('/', '.')}.log",
        )  # fmt: skip
        with server:
            if health is None:
                await_ready(server)
            else:
                _await_listening(server)
            yield server

    def _exchanges(
        self, endpoints: tuple[str, ...], times: int, live: Loadable
    ) -> Mapping[str, Exchange]:
        return {
            name + again: Exchange([self._request(name).encoded(HOST, live.port)], any_body=True)
            for name in endpoints
            for again in ("", AGAIN)[:times]
        }

    def _request(self, endpoint: str) -> WantedRequest:
        operation = self._contract.operations[endpoint]
        form = FORM if operation.method == "POST" else ()
        return WantedRequest(operation.method, operation.target, form=form)


def _in_place(variant: Variant) -> Variant:
    """The same whose hops are made in place."""
    env = {"PYTHONPATH": in_place.__path__[0], "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    return msgspec.structs.replace(variant, app="arm_in_place:application", env=variant.env | env)


def _await_listening(server: LiveServer) -> None:
    end = time.monotonic() + 20
    while not server.listens():
        if time.monotonic() > end or not server.running:
            sys.exit(f"the ladder did not start: {server.last_words()}")
        time.sleep(0.02)


def _print(kept: Kept) -> None:
    prices = measured_prices(kept.loaded)
    if prices is None:
        sys.exit("The ladder told no price.")
    print(f"\nsteps of the ladder, µs of CPU per request at {CONNECTIONS} connections")
    for name, cost in step_costs(kept.loaded.ladder).items():
        print(f"  {name:34}{_shown(cost)}")
    print("prices, µs")
    for tag in prices.prices.tags:
        print(f"  {tag.name:34}{_shown(tag.value)}")
    failed = {
        name: sum(block.failed for block in blocks)
        for name, blocks in kept.loaded.urls.items()
        if any(block.failed for block in blocks)
    }
    if failed:
        print(f"failed requests: {failed}")
    levels = at_one_speed(all_log_costs(kept.loaded))
    print("variants, µs")
    for name in kept.loaded.urls:
        level = block_interval(list(levels[URL + name].values()))
        print(f"  {name:36}{_shown(level)}")
    print(f"\n{'pair':26}{'endpoint':11}{'predicted':>20}{'measured':>20}{'ratio':>20}")
    for title, (more, fewer, endpoints) in PAIRS.items():
        for endpoint in endpoints:
            terms = _terms(kept, more, fewer, endpoint)
            measured = _difference(levels, f"{more} {endpoint}", f"{fewer} {endpoint}")
            extra: dict[int, float] = {}
            if more == MIDDLEWARE:
                extra = _difference(levels, f"{MIDDLEWARE_WSGI} noop", f"{PLAIN_WSGI} noop")
            elif more == PER_QUERY:
                extra = _difference(
                    levels, f"{more}{IN_PLACE} {endpoint}", f"{fewer}{IN_PLACE} {endpoint}"
                )
            _print_pair(title, endpoint, terms, prices, measured, extra)


def _print_pair(
    title: str,
    endpoint: str,
    terms: Mapping[str, float],
    prices: MeasuredPrices,
    measured: Mapping[int, float],
    extra: Mapping[int, float],
) -> None:
    predicted = {
        block: extra.get(block, 0.0)
        + sum(count * prices.by_block[name][block] for name, count in terms.items())
        for block in measured
        if all(block in prices.by_block[name] for name in terms)
    }
    ratio = ratio_interval(list(predicted.values()), [measured[block] for block in predicted])
    told = ", ".join(f"{count:g} × {name}" for name, count in terms.items())
    told += f", and {sum(extra.values()) / len(extra):.0f} µs of their own work" if extra else ""
    cells = [_shown(block_interval(list(v.values()))) for v in (predicted, measured)]
    print(f"{title:26}{endpoint:11}{cells[0]:>20}{cells[1]:>20}  {_shown(ratio, 2):>18}  {told}")


def _terms(kept: Kept, more: str, fewer: str, endpoint: str) -> dict[str, float]:
    """By price, how many more of each toll the first takes."""
    one, other = kept.counted[more][endpoint], kept.counted[fewer][endpoint]
    counts = {n: round(one.get(n, 0.0) - other.get(n, 0.0), 6) for n in {**one, **other}}
    return {name: count for name, count in counts.items() if count}


def _difference(
    levels: Mapping[str, Mapping[int, float]], more: str, fewer: str
) -> dict[int, float]:
    """By block, microseconds per request."""
    one, other = levels[URL + more], levels[URL + fewer]
    return {block: one[block] - other[block] for block in one if block in other}


def _shown(value: Interval | None, digits: int = 0) -> str:
    if value is None:
        return ""
    if value.low is None or value.high is None:
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


if __name__ == "__main__":
    main()
