"""Applications that are not ours: prepared, started on a server, ready, stopped."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import BridgetollError, ServerFailed, UsageError
from harness.inputs.application import WantedRequest
from harness.inputs.servers import Protocol, Server
from harness.lab.applications.answers import ask
from harness.lab.applications.application import (
    LiveApplication,
    PreparedApplication,
    prepare_application,
    start_application,
)
from tests.toys.applications import deployed, toy_servers, write_project

GET = WantedRequest("GET", "/echo")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("shop"))


def prepared(folder: Path, app: str = "shop:application", **given: object) -> PreparedApplication:
    return prepare_application(
        deployed(folder, app, **given), toy_servers(), folder.parent / "cache", ["s3cr3t-word"]
    )


def refused(folder: Path, app: str, **given: object) -> str:
    with pytest.raises(UsageError) as caught:
        prepared(folder, app, **given)
    return str(caught.value)


@contextmanager
def started(
    application: PreparedApplication, tmp_path: Path, **given: object
) -> Iterator[LiveApplication]:
    with start_application(
        application,
        log=tmp_path / "server.log",
        first=GET,
        **given,  # type: ignore[arg-type]
    ) as live:
        yield live


def test_the_server_is_that_of_the_protocol(project: Path) -> None:
    assert prepared(project).server_name == "gunicorn-gthread"
    assert prepared(project, "shop:asynchronous").server_name == "gunicorn-uvicorn"


def test_what_is_served_is_recorded(project: Path) -> None:
    served = prepared(project).served
    assert (served.app, served.protocol) == ("shop:application", "wsgi")
    assert served.python == ".".join(map(str, sys.version_info[:3]))
    assert served.overlaid == ()


@pytest.mark.parametrize(
    ("app", "given", "told"),
    [
        ("shop:number", {}, "cannot be called"),
        ("shop:make", {}, "`shop:make()`"),
        ("shop:old", {}, "guarantee_single_callable"),
        ("shop:application", {"server": "gunicorn-uvicorn"}, "gunicorn-gthread"),
        ("shop:asynchronous", {"server": "gunicorn-gthread"}, "gunicorn-uvicorn"),
        ("shop:application", {"server": "gunicorn-gthraed"}, "gunicorn-gthread"),
    ],
)
def test_what_cannot_be_served_so_is_refused(
    project: Path, app: str, given: dict[str, str], told: str
) -> None:
    assert told in refused(project, app, **given)


def test_it_answers_within_the_block_and_not_after_it(project: Path, tmp_path: Path) -> None:
    with started(prepared(project), tmp_path) as live:
        answer = ask(live.address, GET)
        assert answer.status == 200
        assert live.cpu_ns() > 0
        child = live.process
    assert not child.running


def test_it_gets_its_own_variables_and_those_of_instruments(project: Path, tmp_path: Path) -> None:
    application = msgspec.structs.replace(
        prepared(project), deployment=deployed(project, env={"SHOP": "open"})
    )
    with started(application, tmp_path) as live:
        assert ask(live.address, GET).beginning.endswith("| open")
    with started(application, tmp_path, extra={"SHOP": "watched"}) as live:
        assert ask(live.address, GET).beginning.endswith("| watched")


def test_an_application_that_a_function_makes_is_served(project: Path, tmp_path: Path) -> None:
    with started(prepared(project, "shop:make()"), tmp_path) as live:
        assert ask(live.address, GET).status == 200


def test_nothing_is_written_into_the_project(project: Path, tmp_path: Path) -> None:
    before = sorted(project.rglob("*"))
    with started(prepared(project), tmp_path) as live:
        ask(live.address, GET)
    assert sorted(project.rglob("*")) == before


def test_packages_beside_the_project_shadow_none_of_its_own(tmp_path: Path) -> None:
    """The server is found there, and the project's own module of that name stays the first."""
    folder = write_project(tmp_path / "project", {"shared_name.py": "value = 'own'"})
    beside = tmp_path / "beside"
    beside.mkdir()
    (folder / "toy_server.py").rename(beside / "toy_server.py")
    (beside / "shared_name.py").write_text("value = 'ours'")
    (folder / "named.py").write_text(
        "import shared_name\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [shared_name.value.encode()]\n"
    )
    application = msgspec.structs.replace(prepared(folder, "named:application"), paths=(beside,))
    with started(application, tmp_path) as live:
        assert ask(live.address, GET).body == b"own"


def test_a_server_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "toy_server.py").write_text(
        "raise SystemExit('Application startup failed. password=hunter2 s3cr3t-word')"
    )
    with pytest.raises(ServerFailed) as caught, started(prepared(folder), tmp_path):
        pass
    told = str(caught.value)
    assert "ended with status 1" in told
    assert "lifespan" in told
    assert "hunter2" not in told
    assert "s3cr3t-word" not in told


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "toy_server.py").write_text("import time\ntime.sleep(99)")
    application = prepared(folder)
    with (
        pytest.raises(BridgetollError, match=r"did not listen within 0\.5 s"),
        _impatient(application, tmp_path),
    ):
        pass


@contextmanager
def _impatient(application: PreparedApplication, tmp_path: Path) -> Iterator[LiveApplication]:
    with start_application(
        application, log=tmp_path / "server.log", first=GET, seconds=0.5
    ) as live:
        yield live


def test_options_that_a_release_of_gunicorn_lacks_are_left_out(tmp_path: Path) -> None:
    """A gunicorn that knows `--bind` and `--http-parser` alone, and prints its command line."""
    gunicorn = {
        "gunicorn/__init__.py": "",
        "gunicorn/config.py": """
            class Setting:
                def __init__(self, *cli):
                    self.cli = cli

            KNOWN_SETTINGS = [Setting("-b", "--bind"), Setting(), Setting("--http-parser")]
            Setting.cli = None
            """,
        "gunicorn/__main__.py": "import sys\nraise SystemExit(' '.join(sys.argv[1:]))",
    }
    folder = write_project(tmp_path / "project", gunicorn)
    argv = ("{python}", "-m", "gunicorn", "--bind", "{host}:{port}", "--http-parser", "python",
            "--no-control-socket", "{app}")  # fmt: skip
    servers = {"gunicorn-gthread": Server(Protocol.WSGI, True, argv=argv)}
    application = prepare_application(deployed(folder), servers, tmp_path / "cache")
    with pytest.raises(ServerFailed) as caught, started(application, tmp_path):
        pass
    told = str(caught.value)
    assert "--http-parser python shop:application" in told
    assert "--no-control-socket" not in told
