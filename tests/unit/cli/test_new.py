"""The command `new`."""

import shutil
import signal
from pathlib import Path

import pytest

from harness.audit.bench import Bench
from harness.audit.verify import verify
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.lab.environments import prepare
from harness.lab.postgres.database import Database
from tests.toys.command import left_running, start_command, stop_when
from tests.toys.entry import Call
from tests.toys.laboratory import patient


def folders(shelf: Workspace) -> list[str]:
    """All that is there, hidden or not."""
    return sorted(path.name for path in shelf.implementations.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("toy", "--like", "toy/good"), "implementations/toy exists"),
        (("My_Own App", "--like", "toy/good"), "call it e.g. `my_own-app`"),
        (("mine", "--like", "toy/god"), "the nearest is `toy/good`"),
        (("mine", "--like", "toy"), "choose one of"),
        (("mine", "--empty", "--server", "gunicorn-gthred"), "nearest is `gunicorn-gthread`"),
        (("mine", "--empty", "--server", "toy"), "one framework's applications"),
        (("mine", "--empty"), "--server gunicorn-gthread"),
        (("mine",), "--like flask/sqlalchemy"),
        (("mine", "--like", "toy/good", "--empty"), "leave out"),
        (("mine", "--like", "toy/good", "--with", "a b"), "--with 'pyramid~=2.1'"),
    ],
)
def test_what_cannot_be_made_is_told_and_nothing_is_left(
    call: Call, shelf: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    said = call("new", *arguments)
    assert said.status == 2
    assert told in said.sentence
    assert folders(shelf) == ["toy"]


@pytest.mark.parametrize(
    "missing", [{"UV_OFFLINE": "1"}, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}]
)
def test_without_a_network_nothing_is_left_and_the_remedy_is_one(
    call: Call,
    shelf: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    missing: dict[str, str],
) -> None:
    for name in ("UV_INDEX_URL", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        *missing.items(),
        ("UV_HTTP_RETRIES", "0"),
        ("UV_CACHE_DIR", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    said = call("new", "mine", "--empty", "--server", "gunicorn-gthread")
    assert said.status == 1
    assert "lock file of `mine` cannot be made" in said.sentence
    assert "connect to the network, then run the same command." in said.sentence
    assert folders(shelf) == ["toy"]


def test_ctrl_c_leaves_nothing_behind(shelf: Workspace, tmp_path: Path) -> None:
    """While uv works, which here never ends by itself."""
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\necho > begun\nexec sleep 60\n")
    slow.chmod(0o755)
    process = start_command(shelf, "new", "mine", "--like", "toy/good", UV=str(slow))

    def working() -> bool:
        return any(shelf.implementations.glob(".mine-*/begun"))

    _, err = stop_when(process, working, signal.SIGINT)
    assert process.returncode == 128 + signal.SIGINT
    assert "nothing was made" in " ".join(err.split())
    assert "Traceback" not in err
    assert folders(shelf) == ["toy"]
    assert left_running(shelf, process.pid) == []


def test_a_copy_has_its_own_lock_and_passes_verify(
    call: Call, shelf: Workspace, repository: Workspace, contract: Contract, database: Database
) -> None:
    """The real thing: packages from the index, an environment, a server, PostgreSQL."""
    shutil.copytree(
        repository.implementations / "starlette", shelf.implementations / "starlette",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    try:
        said = call("new", "mine", "--like", "starlette/asyncpg")
        assert (said.status, said.sentence) == (0, "")
        assert [line for line in said.out.splitlines() if "uv run bridgetoll verify mine" in line]
        assert '"mine/asyncpg"' in said.out
        assert "still Starlette's" in said.out
        assert "uv --directory implementations/mine pip compile" in said.out
        catalog = load_catalog(shelf)
        mine = catalog.implementations["mine"]
        text = mine.lock_file.read_text()
        assert "://" not in text
        assert "starlette==" in text
        assert "django" not in text
        bench = Bench(contract, database, catalog.servers, shelf.root)
        python = prepare(cache_folder(), mine)
        with patient():
            assert verify(bench, catalog.variant("mine/asyncpg"), python).problems == []
    finally:
        for name in ("mine", "starlette"):
            shutil.rmtree(shelf.implementations / name, ignore_errors=True)
