"""What tests share: a workspace of their own, and one real PostgreSQL for the whole session."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from functools import cache as cached
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.lab.environments import prepare
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from tests.bytecode import shared_bytecode
from tests.heeding import heed_signals
from tests.toys.undrawn import undrawn
from tests.toys.workspaces import toy_workspace

_HERE = Path(__file__).parent
_LONGEST = (
    "contract/test_variants.py", "unit/cli/test_interrupts.py", "unit/runner/test_events.py",
    "unit/runner/locust_cells/test_cells.py", "unit/audit/test_count.py", "faults",
    "contract", "unit/audit", "unit/runner",
)  # fmt: skip
"""Modules and folders that take longest, and therefore begin first, in this order."""

# Tests start a laboratory each, at the same time; those of the lock say so.
os.environ["BRIDGETOLL_BESIDE"] = "1"
# A busy machine is no failure. Examples are the same each time; `--hypothesis-profile long` draws
# others.
settings.register_profile(
    "here", deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("here")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes too long for every time."""
    parser.addoption(
        "--every-variant",
        action="store_true",
        help="verify and audit every arm, not one for each way through an implementation's code",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Share bytecode from now on, and heed signals; xdist has not started its processes yet."""
    heed_signals()
    stack = ExitStack()
    stack.enter_context(shared_bytecode())
    config.add_cleanup(stack.close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first, so that no process works alone at the end."""
    place = cached(_place)  # thousands of items lie in few files
    items.sort(key=lambda item: place(item.path))


def _place(path: Path) -> int:
    for place, name in enumerate(_LONGEST):
        if path.is_relative_to(_HERE / name):
            return place
    return len(_LONGEST)


@pytest.fixture
def drawn() -> None:
    """Asked for by a test whose charts are drawn, where those of others are not."""


@pytest.fixture
def undrawn_unless_asked(request: pytest.FixtureRequest) -> Iterator[None]:
    """No chart is drawn, unless the test asks for `drawn`: to draw takes longer than all else."""
    with nullcontext() if "drawn" in request.fixturenames else undrawn():
        yield


@pytest.fixture(scope="session")
def repository() -> Workspace:
    """The checkout itself: to be read, never written to."""
    return Workspace()


@pytest.fixture(scope="session")
def repository_root(repository: Workspace) -> Path:
    """Where a script can import the harness."""
    return repository.root


@pytest.fixture
def workspace(tmp_path: Path, repository: Workspace) -> Workspace:
    """An empty workspace with the real `shared/`, free to be spoilt."""
    copy = Workspace(tmp_path / "workspace")
    shutil.copytree(repository.shared, copy.shared)
    copy.implementations.mkdir()
    return copy


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """A cache of the session's own, in a place that PostgreSQL's system user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="bridgetoll-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def contract(repository: Workspace) -> Contract:
    """The contract of this repository."""
    return Contract(repository)


@pytest.fixture(scope="session")
def cluster(cache: Path) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL; tests that stop it start one of their own."""
    with EmbeddedPostgres(cache, DatabaseSettings(max_connections=50)) as postgres:
        yield postgres


@pytest.fixture
def database(cluster: EmbeddedPostgres, contract: Contract) -> Iterator[Database]:
    """A database with the schema in the session's cluster, dropped after the test."""
    with Database(cluster.url, contract) as made:
        yield made


@pytest.fixture(scope="session")
def cpu() -> int:
    """One processor that this process may use."""
    return min(os.sched_getaffinity(0))


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace of the toy implementation: to be read. `toy_workspace` makes one to be spoilt."""
    return toy_workspace(tmp_path_factory.mktemp("toys") / "workspace")


@pytest.fixture(scope="session")
def toy_python(toys: Workspace) -> Path:
    """The interpreter of the toy's environment, which is kept in the machine's cache."""
    return prepare(cache_folder(), load_catalog(toys).implementations["toy"])
