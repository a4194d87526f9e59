"""Imports an application in its own interpreter, and writes what it is to a file, as JSON.

Run as `python probe.py MODULE:ATTRIBUTE FILE` in the folder in which its server would start. It is
a program of its own: it needs only the standard library, and tells of interpreters that are too old
for everything else. So it is written for Python 3.7.

It opens no database and serves nothing. After it has written the file it waits to be stopped:
threads that the application has started might keep it from ending.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import platform
import re
import site
import sys
import sysconfig
import time
import traceback
from pathlib import Path
from typing import Any

OLDEST = (3, 10)
_LINES = 12
_INSTALLED = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[0-9][^-]*)(?:-py[0-9.]+)?\.(?:dist|egg)-info$"
)
_SELF = "applications/probe.py"
_OS = (os.__file__, "<frozen os>")
"""As tracebacks name the module."""


def _packages() -> dict[str, str]:
    """Versions of what is installed, by name, as the names of folders tell them: to read all
    metadata takes a second in a large environment."""
    found: dict[str, str] = {}
    for place in sys.path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208
        except OSError:
            continue
        for name in names:
            told = _INSTALLED.match(name)
            if told and told["name"] not in found:  # the first one on the path is imported
                found[told["name"]] = told["version"]
    return found


def _libraries() -> list[str]:
    """Folders of the interpreter and its environment."""
    places = sysconfig.get_paths()
    found = [places[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += site.getsitepackages() if hasattr(site, "getsitepackages") else []
    if site.ENABLE_USER_SITE:
        found.append(site.getusersitepackages())
    found.append(sys.prefix)
    return sorted({os.path.realpath(place) for place in found})


def _load(path: str) -> Any:
    """The application."""
    module, _, attribute = path.partition(":")
    found: Any = importlib.import_module(module)
    called = attribute.endswith("()")
    for part in (attribute[:-2] if called else attribute).split("."):
        found = getattr(found, part)
    return found() if called else found


def _required(function: Any) -> list[str]:
    """Names of the parameters that a call must have, without `self`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def _protocol(application: Any) -> str | None:
    """`asgi`, `wsgi`, `asgi2`, `factory`; or `unknown`, or None where it cannot be called.

    Those of PEP 3333 take (environ, start_response), those of ASGI (scope, receive, send).
    """
    if not callable(application):
        return None
    call = application
    if not inspect.isroutine(application) and not inspect.isclass(application):
        call = type(application).__call__
        if not callable(call):  # made in each object, as by Sentry's middleware
            call = application.__call__
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(application):
        return "asgi"
    needed = _required(application)  # of a class: what makes an object
    if needed[:1] in (["environ"], ["env"]) or (len(needed) == 2 and "scope" not in needed):
        return "wsgi"
    if len(needed) == 3:
        return "asgi"
    if needed == ["scope"] or (len(needed) == 1 and inspect.isclass(application)):
        return "asgi2"
    names = "{0.__module__}.{0.__qualname__}".format(
        application if inspect.isroutine(application) else type(application)
    ).lower()
    for protocol in ("asgi", "wsgi"):
        if protocol in names:
            return protocol
    if not needed and inspect.isroutine(application) and _takes_nothing(application):
        return "factory"
    return "unknown"


def _takes_nothing(function: Any) -> bool:
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _django() -> dict[str, Any] | None:
    """Settings that a receipt depends on; None without Django."""
    if "django.conf" not in sys.modules:
        return None
    from django.conf import settings  # type: ignore[import-not-found]

    if not settings.configured:
        return None
    databases = {}
    for alias, database in settings.DATABASES.items():
        options = database.get("OPTIONS") or {}
        databases[alias] = {
            "engine": str(database.get("ENGINE") or ""),
            "conn_max_age": database.get("CONN_MAX_AGE", 0),
            "pool": bool(options.get("pool")),
        }
    return {
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE"),
        "debug": bool(settings.DEBUG),
        "databases": databases,
        "middleware": [
            found for found in (_middleware(str(name)) for name in settings.MIDDLEWARE) if found
        ],
    }


def _middleware(name: str) -> dict[str, Any] | None:
    """How a middleware can be called, and where it is defined; None where it cannot be imported."""
    from django.utils.module_loading import import_string  # type: ignore[import-not-found]

    try:
        factory = import_string(name)
    except Exception:  # noqa: BLE001, RUF100
        return None
    within = vars(factory).values() if inspect.isclass(factory) else (inspect.unwrap(factory),)
    codes = [one.__code__ for one in within if inspect.isfunction(one)]
    line = getattr(factory, "__firstlineno__", 0) if inspect.isclass(factory) else 0
    return {
        "name": name,
        "sync": bool(getattr(factory, "sync_capable", True)),
        "awaitable": bool(getattr(factory, "async_capable", False)),
        "file": codes[0].co_filename if codes else None,
        "line": line or (codes[0].co_firstlineno if codes else 0),
    }


def _failure(error: BaseException, path: str) -> dict[str, Any]:
    """What went wrong, for `failures.py` to put into words."""
    frames = traceback.extract_tb(error.__traceback__)
    missing = None
    if isinstance(error, KeyError) and frames and frames[-1].filename in _OS:
        missing = str(error.args[0]) if error.args else None  # a variable, asked of os.environ
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith("<frozen ")
        and "/importlib/" not in frame.filename
        and not frame.filename.endswith(_SELF)
    ]
    told = traceback.format_list(own) + traceback.format_exception_only(type(error), error)
    lines = "".join(told).rstrip().splitlines()
    return {
        "type": type(error).__name__,
        "message": str(error),
        "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        "variable": missing,
        "own_code": bool(own),
        "names": _callables(sys.modules.get(path.partition(":")[0])),
        "traceback": "\n".join(lines[-_LINES:]),
    }


def _callables(module: Any) -> list[str]:
    """Public names of a module that can be called; none where it is not imported."""
    if module is None:
        return []
    return [n for n, v in vars(module).items() if not n.startswith("_") and callable(v)]


def _uncompiled() -> int:
    """Files of modules that are imported and have no bytecode beside them."""
    count = 0
    for module in list(sys.modules.values()):
        cached = getattr(module, "__cached__", None)
        if isinstance(cached, str) and not Path(cached).exists():
            count += 1
    return count


def main() -> None:
    """Import, look, write."""
    path, file = sys.argv[1:3]
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "prefix": sys.prefix,
    }
    if sys.version_info >= OLDEST:
        sys.path[0] = str(Path.cwd())
        sys.argv = [path]
        facts["packages"] = _packages()
        facts["libraries"] = _libraries()
        try:
            facts["protocol"] = _protocol(_load(path))
            facts["django"] = _django()
        except BaseException as error:  # noqa: BLE001, RUF100
            facts["failure"] = _failure(error, path)
        facts["uncompiled"] = _uncompiled()
    with open(file + ".part", "w") as out:  # noqa: PTH123
        json.dump(facts, out)
    os.replace(file + ".part", file)  # noqa: PTH105
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
