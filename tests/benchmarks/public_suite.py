"""Are our implementations slower than the same framework's code in a public benchmark suite?

Usage: `uv run python -m tests.benchmarks.public_suite CHECKOUT [BLOCKS] [SECONDS]`. CHECKOUT is a
clone of github.com/TechEmpower/FrameworkBenchmarks. For each framework its `app.py` and ours are
served by the same command, on the same core, with the same packages, and take turns in slices of
load. docs/tool-benchmarks.md quotes the output.

The request is the same in kind: a small JSON object without a database, theirs
`{"message": "Hello, world!"}` at `/json`, ours `{}` at `/noop`. A ratio is our CPU time per request
by theirs; its interval is over blocks of fresh servers.

Starlette is missing: the suite's application encodes its answer once, when it starts, and passes
an argument that Starlette 1.0 has removed.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from harness.analysis.receipt.prices import URL, all_log_costs
from harness.analysis.stats.intervals import block_interval
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.contract import Contract
from harness.inputs.manifests import Variant
from harness.inputs.settings import DatabaseSettings, ServerSettings
from harness.lab.environments import prepare
from harness.lab.machine import propose_cores
from harness.lab.network import HOST
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.lab.servers import LiveServer, launch_server
from harness.load.protocol import Exchange
from harness.load.worker.http1 import request_bytes
from harness.records.observation import Loaded
from harness.runner.receipt.load import Effort, Loadable, LoadSide, load_sides, open_tools
from tests.benchmarks import suite_pool

CONNECTIONS = 16
OURS = {name: f"{name}/asyncpg" for name in ("blacksheep", "fastapi", "litestar", "quart")}
"""Frameworks whose code in the suite runs on their present release, and uses asyncpg."""
ADDED = ("jinja2", "msgspec", "orjson")
"""Packages that the suite's applications import, beside those of our locks."""
ENV = {"PYTHONPATH": suite_pool.__path__[0], "USE_ORJSON": "1"}
START_S = 20.0


def main() -> None:
    """Measure and print."""
    if len(sys.argv) < 2:
        sys.exit("Name a clone of github.com/TechEmpower/FrameworkBenchmarks.")
    checkout = Path(sys.argv[1]).resolve()
    blocks = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 150.0
    cores, contract = propose_cores(), Contract(Workspace())
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(cache_folder(), DatabaseSettings(), cores.database) as cluster,
        Database(cluster.url, contract, cluster) as database,
    ):
        place = _Place(load_catalog(Workspace()), database, Path(folder), cores.application)
        with open_tools(cores, Path(folder)) as tools:
            result = load_sides(
                list(place.sides(checkout)), tools, Effort(CONNECTIONS, blocks, seconds)
            )
    for note in result.notes:
        print(note)
    urls = {
        side: of_url for side, loaded in result.sides.items() for of_url in loaded.blocks.values()
    }
    _print(Loaded(CONNECTIONS, urls))


class _Place:
    """Where applications are served."""

    def __init__(
        self, catalog: Catalog, database: Database, logs: Path, cpus: tuple[int, ...]
    ) -> None:
        self._catalog, self._database = catalog, database
        self._logs, self._cpus = logs, cpus

    def sides(self, checkout: Path) -> Iterator[LoadSide]:
        """Ours and theirs of each framework."""
        for framework, name in OURS.items():
            ours = self._catalog.variant(name)
            theirs = msgspec.structs.replace(
                ours, name=f"{framework}/suite", app="app:app", env=ENV,
                folder=checkout / "frameworks" / "Python" / framework,
            )  # fmt: skip
            for variant, path in ((ours, "/noop"), (theirs, "/json")):
                yield LoadSide(
                    variant.name, partial(self._served, variant), partial(_exchanges, path)
                )

    @contextmanager
    def _served(self, variant: Variant) -> Iterator[LiveServer]:
        given = ServerSettings()
        implementation = msgspec.structs.replace(
            self._catalog.implementations[variant.implementation], added=ADDED
        )
        server = launch_server(
            variant, self._catalog.servers[variant.server], prepare(cache_folder(), implementation),
            given.application(self._database.login(variant.name)),
            workers=1, threads=given.threads, cpus=self._cpus,
            log=self._logs / f"{variant.name.replace('/', '.')}.log",
        )  # fmt: skip
        with server:
            end = time.monotonic() + START_S
            while not server.listens():
                if time.monotonic() > end or not server.running:
                    sys.exit(f"{variant.name} did not start: {server.last_words()}")
                time.sleep(0.02)
            yield server


def _exchanges(path: str, live: Loadable) -> Mapping[str, Exchange]:
    raw = request_bytes("GET", path, f"{HOST}:{live.port}", None, None)
    return {path: Exchange([raw], any_body=True)}


def _print(loaded: Loaded) -> None:
    failed = {name: sum(block.failed for block in of) for name, of in loaded.urls.items()}
    if any(failed.values()):
        sys.exit(f"failed requests: {failed}")
    costs = all_log_costs(loaded)
    print(f"\n{'framework':14}{'ours / the suite, CPU per request':>40}")
    for framework, name in OURS.items():
        ours, theirs = costs[URL + name], costs[f"{URL}{framework}/suite"]
        ratio = block_interval([ours[block] - theirs[block] for block in ours if block in theirs])
        assert ratio is not None
        shown = ratio.exp()
        interval = f"{shown.mean:.2f} [{shown.low:.2f}, {shown.high:.2f}]"
        print(f"{framework:14}{interval:>40}, {ratio.blocks} blocks")


if __name__ == "__main__":
    main()
