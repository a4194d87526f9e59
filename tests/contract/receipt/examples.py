"""Example projects as other developers have them, laid out in a folder of their own, with data.

They know nothing of bridgetoll: no contract, no `/health`, no manifest. Those for Django share one
environment, and so do the others.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg import sql

from harness.base.workspace import cache_folder
from harness.inputs.manifests import Implementation
from harness.lab.environments import prepare

_HERE = Path(__file__).parent
FIXTURES = {
    "startproject": "posts",
    "restframework": "books",
    "ninja": "notes",
    "channels": "messages",
}
"""By project for Django: the rows that it comes with."""
SECRET_KEY = "the-key-that-signs-5d1c90e7a2b84f36"
"""Which the REST framework's project reads from its environment."""
TOKEN = "0c6e1f7a93d24b58a1e07c55b9f2d6483ea17b90"
"""Of its user."""
API_KEY = "key-of-ada-7f3a9c"
"""Of ninja's project; a row of its fixture."""
BYTECODE = ("PYTHONDONTWRITEBYTECODE", "")
"""A variable and its value, with which projects may write bytecode, unlike those of users. Else
each process would compile SQLAlchemy or psycopg anew, which takes seconds."""
_SETTINGS = {"startproject": "mysite.settings"}
_FILL = """
import json, sys
import django
django.setup()
from django.apps import apps
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("loaddata", sys.argv[1], verbosity=0)
session = None
if apps.is_installed("django.contrib.auth"):
    from django.contrib.auth import get_user_model
    user = get_user_model()(username="ada", is_staff=True, is_superuser=True)
    user.set_unusable_password()
    user.save()
    if apps.is_installed("rest_framework.authtoken"):
        from rest_framework.authtoken.models import Token
        Token.objects.create(user=user, key=sys.argv[2])
    if apps.is_installed("django.contrib.sessions"):
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.sessions.backends.db import SessionStore
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.save()
        session = store.session_key
print(json.dumps(session))
"""


class Example(msgspec.Struct, frozen=True):
    """A project that can be served.

    folder: its copy. python: the interpreter of its environment. env: the variables that it needs.
    session: the cookie `sessionid` of a user who is logged in; None without sessions.
    """

    folder: Path
    python: Path
    env: dict[str, str] = {}
    session: str | None = None

    def files(self) -> dict[str, tuple[int, str]]:
        """Every file below its folder, with the time of its last change and a digest."""
        return {
            str(path.relative_to(self.folder)): (
                path.stat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def python_of(environment: str) -> Path:
    """The interpreter of a shared environment: `django`, or `web` for FastAPI and Flask."""
    return prepare(
        cache_folder(),
        Implementation(
            name=f"receipt-{environment}", title="", folder=_HERE / "environments" / environment,
            requires_python=">=3.12", variants=(),
        ),
    )  # fmt: skip


def laid_out(name: str, folder: Path, env: Mapping[str, str] | None = None) -> Example:
    """A copy of a project below `folder`, without a database."""
    copy = shutil.copytree(
        _HERE / "projects" / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
    )
    needs = {"SECRET_KEY": SECRET_KEY} if name == "restframework" else {}
    kind = "django" if name in FIXTURES else "web"
    return Example(folder=copy, python=python_of(kind), env={**needs, **(env or {})})


@contextmanager
def empty_database(server: str, name: str) -> Iterator[str]:
    """The URL of a database of this name on a server, dropped at the end."""
    identifier = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def filled(example: Example) -> Example:
    """With tables, rows and a user, as `migrate` and `loaddata` make them.

    FastAPI's project makes its own when it starts.
    """
    name = example.folder.name
    env = {"DJANGO_SETTINGS_MODULE": _SETTINGS.get(name, "config.settings"), **example.env}
    if name == "fastapi":
        return example
    words = ["-c", _FILL, FIXTURES.get(name, ""), TOKEN]
    if name == "flask":
        words = ["-m", "flask", "--app", "guestbook", "init-db"]
    done = subprocess.run(
        [example.python, *words],
        cwd=example.folder, env={**os.environ, **env}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for folder in [*example.folder.rglob("__pycache__")]:  # as it was laid out
        shutil.rmtree(folder)
    session = None if name == "flask" else json.loads(done.stdout)
    return msgspec.structs.replace(example, session=session)
