"""Environment variables: which a manifest may not set, because they would change what is compared.

A variant's own switches (`DJANGO_VIEWS`) and those of interpreter and allocator (`PYTHONOPTIMIZE`,
`MALLOC_ARENA_MAX`) are its own to choose. Python's and libpq's names are in their manuals, servers'
in theirs: gunicorn reads `GUNICORN_CMD_ARGS`, `WEB_CONCURRENCY` and `PORT`; uvicorn, granian and
uWSGI read every option from a variable with their name in front.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from harness.inputs.settings import ApplicationSettings

CONTRACT = frozenset(ApplicationSettings("", 0, 0, 0, 0).environment())
"""The contract's variables, by which a study reaches every variant alike."""
EXTRA_HOPS = "EXTRA_HOPS"
"""The one of them that no study sets: a manifest may, if its factor of that name says the same."""


class _Kind(NamedTuple):
    """Variables that are refused for one reason; `remedy` follows it."""

    names: frozenset[str]
    prefixes: tuple[str, ...]
    reason: str
    remedy: str


_KINDS = (
    _Kind(
        CONTRACT, (),
        "is the contract's, and every variant of a study must get the same value",
        "remove it, and set it for all in a study's `[server]`",
    ),
    _Kind(
        frozenset({"WEB_CONCURRENCY", "WORKERS", "THREADS", "HOST", "PORT", "BIND"}),
        ("GUNICORN_", "UVICORN_", "GRANIAN_", "HYPERCORN_", "DAPHNE_", "UWSGI_", "WAITRESS_",
         "SANIC_", "ROBYN_", "LITESTAR_", "FLASK_RUN_"),
        "sets workers, threads, address or limits of a server behind its command line",
        "remove it, and write the option into the server's `argv` in shared/servers.toml",
    ),
    _Kind(
        frozenset({"PYTHON_CPU_COUNT"}), (),
        "tells the interpreter another number of processors than the machine has",
        "remove it",
    ),
    _Kind(
        frozenset({"PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE",
                   "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE", "PYTHONBREAKPOINT"}),
        ("LD_",),
        "loads code from outside the folder and its lock file",
        "remove it, and add the package to the dependencies",
    ),
    _Kind(
        frozenset(), ("PG",),
        "sets options of the database connection beside DATABASE_URL",
        "remove it, so that all variants connect alike",
    ),
    _Kind(
        frozenset(), ("BRIDGETOLL_",),
        "is the audit's own",
        "rename it",
    ),
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def variable_problem(env: Mapping[str, str], extra_hops: str) -> tuple[str, str] | None:
    """The first variable that a manifest may not set, and why not; None if it may set all.

    Capital and small letters are the same here, as they are to settings libraries.

    Args:
        env: of a variant.
        extra_hops: its factor of that name.
    """
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            return name, "is no name of a variable; use letters, digits and underscores"
        if "\0" in value:
            return name, "has a NUL in its value, which no variable can hold; remove it"
        if name == EXTRA_HOPS and value == extra_hops:
            continue
        if name.upper() == EXTRA_HOPS:
            return name, (
                f"is {value!r}, and the factor `extra_hops` is {extra_hops!r}; "
                f"call it {EXTRA_HOPS} and give both the same number"
            )
        kind = next((k for k in _KINDS if _is_of(name.upper(), k)), None)
        if kind is not None:
            return name, f"{kind.reason}; {kind.remedy}"
    if extra_hops != "0" and EXTRA_HOPS not in env:
        return EXTRA_HOPS, f"is missing, and the factor `extra_hops` is {extra_hops!r}; add it"
    return None


def _is_of(name: str, kind: _Kind) -> bool:
    return name in kind.names or name.startswith(kind.prefixes)
