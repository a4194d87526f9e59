"""The interpreter of an application: where it is, and what it says of the application."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from harness.base.errors import UsageError
from harness.inputs.application import OLDEST_PYTHON, Deployment
from harness.lab.applications.failures import ImportFailure, import_problem, quotable
from harness.lab.process import Child, launch, wait_until
from harness.records.observation import ListedMiddleware

_PROBE = Path(__file__).with_name("probe.py")
IMPORT_S = 30.0
"""Time limit for an import. Large projects take five seconds."""
_ENDING_S = 0.2
_ENVIRONMENTS = (".venv", "venv")
_SERVERS_OWN = ("GUNICORN_", "UVICORN_", "GRANIAN_", "HYPERCORN_", "DAPHNE_")
"""Beginnings of variables that change a server behind its command line."""
_NOT_INHERITED = ("WEB_CONCURRENCY", "PYTHONSTARTUP", "UV")
RELEVANT = (
    "django", "asgiref", "channels", "djangorestframework", "django-ninja", "django-modern-rest",
    "fastapi", "starlette", "litestar", "quart", "flask", "werkzeug", "falcon", "bottle", "pyramid",
    "blacksheep", "uvicorn", "uvicorn-worker", "gunicorn", "daphne", "granian", "hypercorn",
    "waitress", "cheroot", "uvloop", "httptools", "h11", "anyio", "psycopg", "psycopg-pool",
    "psycopg2", "psycopg2-binary", "asyncpg", "mysqlclient", "sqlalchemy", "whitenoise",
    "sentry-sdk", "django-debug-toolbar", "opentelemetry-api",
)  # fmt: skip
"""Packages whose versions explain a receipt, by canonical name."""


class DjangoDatabase(msgspec.Struct, frozen=True):
    """One entry of `DATABASES`: no name, host, user or password of it.

    conn_max_age: seconds; None for ever. pool: whether psycopg's is on.
    """

    engine: str
    conn_max_age: float | None = 0
    pool: bool = False


class DjangoFacts(msgspec.Struct, frozen=True):
    """Django's settings as far as a receipt depends on them.

    settings: the module. middleware: outermost first.
    """

    settings: str | None
    debug: bool
    databases: dict[str, DjangoDatabase] = {}
    middleware: tuple[ListedMiddleware, ...] = ()


class ProbedApplication(msgspec.Struct, frozen=True):
    """What an interpreter says of itself and of the application; see `probe.py`.

    python: its version. packages: versions of all, by canonical name.
    libraries: folders of the interpreter and its environment.
    protocol: see `probe._protocol`. uncompiled: imported modules without bytecode beside them.
    """

    python: str
    implementation: str
    prefix: str
    packages: dict[str, str] = {}
    libraries: tuple[str, ...] = ()
    protocol: str | None = None
    django: DjangoFacts | None = None
    failure: ImportFailure | None = None
    uncompiled: int = 0

    @property
    def relevant(self) -> dict[str, str]:
        """Versions of those packages that explain a receipt."""
        return {name: self.packages[name] for name in RELEVANT if name in self.packages}


class FoundPython(msgspec.Struct, frozen=True):
    """An interpreter, and where it was found, for a reader."""

    path: Path
    where: str


def find_python(deployment: Deployment, env: Mapping[str, str]) -> FoundPython:
    """The interpreter of an application.

    The one that is named; else that of `.venv` or `venv` in its folder or, within the same
    repository, above it; else that of VIRTUAL_ENV; else the first `python` on PATH.

    Args:
        env: of this process.

    Raises:
        UsageError: there is none.
    """
    if deployment.python is not None:
        return FoundPython(_absolute(deployment.python), "--python")
    for folder in _up_to_repository(deployment.cwd.resolve()):
        for name in _ENVIRONMENTS:
            if (path := _python_of(folder / name)) is not None:
                return FoundPython(path, f"{folder / name}")
    active = env.get("VIRTUAL_ENV")
    # A launcher such as `uv run` activates the environment of this command.
    if active and not ("UV" in env and _is_ours(Path(active))):
        path = _python_of(Path(active))
        if path is not None:
            return FoundPython(path, "VIRTUAL_ENV")
    for name in ("python", "python3"):
        found = shutil.which(name, path=_path_without_ours(env))
        if found is not None:
            return FoundPython(_absolute(Path(found)), f"`{name}` on PATH")
    raise UsageError(
        "There is no `python` on PATH and no .venv in the application's folder; name its "
        "interpreter with `--python .venv/bin/python`."
    )


def application_environment(
    deployment: Deployment, env: Mapping[str, str], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The whole environment of an application's processes: this process's, with its own variables.

    What would change a server behind its command line is left out, and what a launcher of this
    command has set. Bytecode is not written into the project.

    Args:
        env: of this process.
        extra: further variables; a PYTHONPATH comes before the application's own.
    """
    kept = {
        name: value
        for name, value in env.items()
        if not name.startswith((*_SERVERS_OWN, "BRIDGETOLL_")) and name not in _NOT_INHERITED
    }
    if (active := kept.get("VIRTUAL_ENV")) is not None and _is_ours(Path(active)) and "UV" in env:
        del kept["VIRTUAL_ENV"]
        kept["PATH"] = _path_without_ours(env)
    kept.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    kept |= deployment.env
    for name, value in (extra or {}).items():
        if name == "PYTHONPATH" and kept.get(name):
            kept[name] = os.pathsep.join([value, kept[name]])
        else:
            kept[name] = value
    return kept


def probe_application(
    deployment: Deployment,
    python: FoundPython,
    env: Mapping[str, str],
    secrets: Iterable[str] = (),
    seconds: float = IMPORT_S,
) -> ProbedApplication:
    """Import the application in its own interpreter, and ask what it is.

    Args:
        python: see `find_python`.
        env: the whole environment of the application.
        secrets: that no message may show.
        seconds: time limit.

    Raises:
        UsageError: it cannot be imported, or its interpreter is not supported.
    """
    with tempfile.TemporaryDirectory(prefix="bridgetoll-") as folder:
        file, log = Path(folder) / "facts.json", Path(folder) / "log"
        argv = [str(python.path), str(_PROBE), deployment.app, str(file)]
        child = launch(argv, env=env, cwd=deployment.cwd, log=log)
        try:
            wait_until(lambda: file.exists() or not child.running, seconds)
            body = file.read_bytes() if file.exists() else None
            running = child.running
        finally:
            child.stop(patience_s=_ENDING_S)
        if body is None:
            raise UsageError(_no_facts(deployment, python, child, running, secrets, seconds))
    facts = msgspec.json.decode(body, type=ProbedApplication)
    _check_interpreter(facts, python)
    if facts.failure is not None:
        named = _named(python, facts.python)
        raise UsageError(import_problem(facts.failure, deployment, named, secrets))
    packages = {canonicalize_name(name): version for name, version in facts.packages.items()}
    return msgspec.structs.replace(facts, packages=packages)


def _no_facts(
    deployment: Deployment,
    python: FoundPython,
    child: Child,
    running: bool,
    secrets: Iterable[str],
    seconds: float,
) -> str:
    """Why the probe has written nothing."""
    said = quotable(child.said_since(0), secrets)
    if "SyntaxError" in said:  # of the probe: it reports those of the application
        return _too_old("an old Python", python)
    quoted = f" It said:\n{said}" if said else ""
    if running:
        return (
            f"To import `{deployment.app}` takes longer than {seconds:g} s; let it neither serve "
            f"nor wait while it is imported.{quoted}"
        )
    if not said and not _is_python(python.path):
        return f"{python.path} is no Python; name an interpreter, e.g. .venv/bin/python."
    return (
        f"The interpreter {python.path} {child.ending()} while it imported "
        f"`{deployment.app}`; import it by hand to see why.{quoted}"
    )


def _is_python(path: Path) -> bool:
    return path.name.startswith(("python", "pypy"))


def _check_interpreter(facts: ProbedApplication, python: FoundPython) -> None:
    numbers = tuple(int(part) for part in facts.python.split(".")[:2])
    if numbers < OLDEST_PYTHON:
        raise UsageError(_too_old(f"Python {facts.python}", python))
    if facts.implementation != "CPython":
        raise UsageError(
            f"{python.path} is {facts.implementation}, in which hops and threads cannot be "
            "counted; name a CPython with --python."
        )


def _too_old(what: str, python: FoundPython) -> str:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return (
        f"{python.path} is {what}, and a receipt needs {oldest} or newer; name a newer "
        "interpreter with --python."
    )


def _named(python: FoundPython, version: str) -> str:
    """The interpreter in a sentence."""
    return f"{python.path} (Python {version}, from {python.where})"


def _up_to_repository(folder: Path) -> Iterator[Path]:
    """A folder and those above it, up to the one that has `.git`; itself alone without one."""
    above = [folder, *folder.parents]
    root = next((place for place in above if (place / ".git").exists()), folder)
    for place in above:
        yield place
        if place == root:
            return


def _python_of(environment: Path) -> Path | None:
    path = environment / "bin" / "python"
    return _absolute(path) if path.exists() else None


def _absolute(path: Path) -> Path:
    """Without following links: the interpreter of an environment is one."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _is_ours(environment: Path) -> bool:
    return os.path.realpath(environment) == os.path.realpath(sys.prefix)


def _path_without_ours(env: Mapping[str, str]) -> str:
    """PATH without the folder of this command's own interpreter, where uv has put it there."""
    places = env.get("PATH", os.defpath).split(os.pathsep)
    if "UV" in env:
        places = [p for p in places if not p or not _is_ours(Path(p).parent)]
    return os.pathsep.join(places)
