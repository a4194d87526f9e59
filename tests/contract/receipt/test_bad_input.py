"""What a receipt cannot be made of is told in a sentence, with what mends it, before it measures.

The projects are real; most commands import one in its own interpreter, some serve it too.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.lab.network import free_port
from tests.contract.receipt.examples import BYTECODE, Example, filled, laid_out
from tests.toys.entry import Call, Said, called

PASSWORD = "pa55-of-the-database-9c1e"
SITE = "mysite.asgi:application"
OLD = """
import platform, runpy, sys
from collections import namedtuple

Version = namedtuple("Version", "major minor micro releaselevel serial")
sys.version_info = Version(3, 8, 20, "final", 0)
platform.python_version = lambda: "3.8.20"
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Lets a program believe that its interpreter is an old one."""


@pytest.fixture
def receipt(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """The command, for the repository itself."""
    monkeypatch.setenv(*BYTECODE)
    with called(Workspace(), capsys, "receipt", "--count-only") as calling:
        yield calling


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects")


@pytest.fixture(scope="module")
def site(folder: Path) -> Example:
    """`startproject`, without a database."""
    return laid_out("startproject", folder)


@pytest.fixture(scope="module")
def ready(folder: Path) -> Example:
    """The same with its rows."""
    return filled(laid_out("startproject", folder / "ready"))


def words(example: Example, app: str, *more: str, **env: str) -> list[str]:
    """The command's options for a project."""
    given = [word for pair in (example.env | env).items() for word in ("--env", "=".join(pair))]
    return [
        "--cwd", str(example.folder), "--python", str(example.python), "--app", app, *given, *more,
    ]  # fmt: skip


def refused(said: Said) -> str:
    """The sentence of a refusal, after which nothing was printed."""
    assert said.status != 0
    assert said.out == ""
    assert "Traceback (most recent call last)" not in said.err
    return said.sentence


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("mysite.asgy:application", ["no module `mysite.asgy`", "--cwd"]),
        ("mysite.asgi:app", ["write `mysite.asgi:application`"]),
        ("blog.models:Post", []),
    ],
)
def test_an_application_that_does_not_import(
    app: str, told: list[str], site: Example, receipt: Call
) -> None:
    sentence = refused(receipt(*words(site, app, "--get", "/")))
    assert app in sentence
    assert [part for part in told if part not in sentence] == []


def test_a_variable_that_the_project_lacks(folder: Path, receipt: Call) -> None:
    library = laid_out("restframework", folder / "library")
    bare = Example(folder=library.folder, python=library.python)
    sentence = refused(receipt(*words(bare, "config.asgi:application", "--get", "/api/books/")))
    assert "the environment variable SECRET_KEY" in sentence
    assert "--env SECRET_KEY=" in sentence
    assert "settings.py" in sentence  # the end of the traceback


def test_a_database_that_does_not_answer(site: Example, receipt: Call) -> None:
    url = f"postgres://ada:{PASSWORD}@127.0.0.1:{free_port()}/blog"
    said = receipt(*words(site, SITE, "--get", "/posts/", DATABASE_URL=url))
    sentence = refused(said)
    assert "`GET /posts/` answers 500" in sentence
    assert "database" in sentence
    assert "OperationalError" in sentence  # its log
    assert PASSWORD not in said.err


def test_migrations_that_are_missing(site: Example, receipt: Call, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    sentence = refused(receipt(*words(site, SITE, "--get", "/posts/", DATABASE_URL=url)))
    assert "`GET /posts/` answers 500" in sentence
    assert "python manage.py migrate" in sentence
    assert "no such table: blog_post" in sentence


def test_a_lifespan_that_fails(folder: Path, receipt: Call) -> None:
    shop = laid_out("fastapi", folder)
    url = f"postgresql+psycopg://ada:{PASSWORD}@127.0.0.1:{free_port()}/shop"
    said = receipt(*words(shop, "app.main:app", "--get", "/ping", DATABASE_URL=url))
    sentence = refused(said)
    assert "`app.main:app`" in sentence
    assert "database" in sentence
    assert "Application startup failed" in sentence
    assert "within" not in sentence  # it ends at once, and is not waited for
    assert PASSWORD not in said.err


def test_every_answer_that_cannot_be_measured_has_a_sentence(ready: Example, receipt: Call) -> None:
    asked = words(
        ready, SITE, "--get", "/about/", "--get", "/posts", "--get", "/admin/",
        "--get", "/nothing/", "--get", "/posts/?page=two", "--get", "/me/", "--get", "/events/",
        "--post", "/posts/new/", "--form", "title=x",
    )  # fmt: skip
    sentence = refused(receipt(*asked))
    told = {
        "`GET /posts` answers 301": "`/posts/`",
        "`GET /admin/` answers 302": "--cookie sessionid=",
        "`GET /nothing/` answers 404": "correct the path",
        "`GET /posts/?page=two` answers 500": "mend",
        "`GET /me/` answers 403": "log in",
        "`GET /events/` has an answer that does not end": "needs one that does",
        "`POST /posts/new/` answers 403 for lack of a CSRF token": "X-CSRFToken",
    }
    assert [problem for problem in told if problem not in sentence] == []
    assert [remedy for remedy in told.values() if remedy not in sentence] == []
    assert "/about/" not in sentence
    assert "ValueError: invalid literal for int()" in sentence  # the log of the 500


def test_a_host_that_the_project_does_not_serve(site: Example, receipt: Call) -> None:
    header = ("--header", "Host: blog.example.com")
    sentence = refused(receipt(*words(site, SITE, "--get", "/about/", *header)))
    assert "answers 400" in sentence
    assert "--header 'Host:" in sentence


@pytest.mark.parametrize(
    ("server", "told"),
    [("unicorn", "the nearest is `uvicorn`"), ("gunicorn-gthread", "made for ASGI")],
)
def test_a_server_that_is_none_or_speaks_another_protocol(
    server: str, told: str, site: Example, receipt: Call
) -> None:
    said = receipt(*words(site, SITE, "--get", "/about/", "--server", server))
    assert told in refused(said)


def test_a_server_whose_packages_cannot_be_fetched(
    site: Example, receipt: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    sentence = refused(receipt(*words(site, SITE, "--get", "/about/", "--server", "hypercorn")))
    assert "--server hypercorn" in sentence
    assert "network" in sentence


def test_an_interpreter_that_is_too_old(site: Example, receipt: Call, tmp_path: Path) -> None:
    shim, old = tmp_path / "shim.py", tmp_path / "python3.8"
    shim.write_text(OLD)
    old.write_text(f'#!/bin/sh\nexec {site.python} {shim} "$@"\n')
    old.chmod(0o755)
    example = Example(folder=site.folder, python=old)
    sentence = refused(receipt(*words(example, SITE, "--get", "/about/")))
    assert "3.8" in sentence
    assert "3.10" in sentence


def test_a_port_where_nothing_listens(receipt: Call) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert "--url" in refused(receipt("--url", url, "--get", "/"))
