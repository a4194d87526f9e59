"""A workspace with a study and a run, and the command in it."""

from collections.abc import Callable, Iterator

import pytest

from harness.base.workspace import Workspace
from harness.records.store import Store
from tests.toys.entry import Call, called
from tests.toys.runs import make_run, make_study, simulate
from tests.toys.workspaces import toy_workspace, write_study


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the study `tiny` and a run that has ended."""
    workspace = toy_workspace(tmp_path_factory.mktemp("cli") / "workspace")
    write_study(workspace, "tiny", ["good", "burning"], endpoints=("noop", "cpu"))
    run = make_run(make_study(blocks=2))
    store = Store.create(workspace.results, run.id)
    store.write_run(run)
    for trial in simulate(run, {"a/base": 500, "b/other": 600}, 1):
        store.write_trial(trial)
    return workspace


@pytest.fixture(autouse=True)
def _undrawn(request: pytest.FixtureRequest) -> None:
    """Of commands in this process."""
    request.getfixturevalue("undrawn_unless_asked")


@pytest.fixture
def call(shelf: Workspace, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    with called(shelf, capsys) as calling:
        yield calling


type Refuses = Callable[[tuple[str, ...], str], None]


@pytest.fixture
def refuses(call: Call, shelf: Workspace) -> Refuses:
    """Bad input is one sentence and status 2, and changes nothing."""

    def check(arguments: tuple[str, ...], told: str) -> None:
        said = call(*arguments)
        assert said.status == 2
        assert told in said.sentence
        assert said.sentence.endswith(".")
        assert [path.name for path in shelf.results.iterdir()] == [make_run().id]

    return check
