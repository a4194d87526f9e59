"""What went wrong in an application that is not ours, in one sentence with a remedy."""

import re
from collections.abc import Iterable

import msgspec

from harness.base.errors import nearest, plain
from harness.base.secrecy import without_secrets
from harness.base.workspace import without_paths
from harness.inputs.application import Deployment, module_of

_USUAL = ("application", "app", "asgi_app", "wsgi_app", "create_app()", "make_app()", "get_app()")
"""Names of applications, and of functions that make one."""
_QUOTED_LINES = 12
_PACKAGES = re.compile(r'"[^"\n]*/(?:site|dist)-packages/')
_SHOWN = 160
"""Characters of an exception's message within a sentence."""
_VARIABLES = (
    re.compile(r"Set the (?P<name>\w+) environment variable"),  # django-environ
    re.compile(r"(?P<name>\w+) not found\. Declare it as envvar"),  # python-decouple
    re.compile(r'Environment variable "(?P<name>\w+)" not set'),  # environs
    re.compile(r"environment variable (?P<name>DJANGO_SETTINGS_MODULE)"),
    re.compile(r"^(?P<name>[A-Za-z_]\w*)\n\s+Field required", re.MULTILINE),  # pydantic-settings
)
"""How libraries for settings say that a variable of the environment is missing."""
_MIGRATE = "apply the migrations (in Django: `python manage.py migrate`)"
_SIGNS = {
    r"no such table|relation \S+ does not exist|Table '\S+' doesn't exist":
        f"a table is missing: {_MIGRATE}",
    r"no such column|column \S+ does not exist|Unknown column":
        f"a column is missing: {_MIGRATE}",
    r"(?i:connection refused|could not connect to server|can't connect to|connectionrefusederror|"
    r"could not translate host name|failed to resolve host)":
        "a server that it needs does not answer, perhaps its database: start it",
    r"unable to open database file":
        "its SQLite file cannot be opened: name its folder with --cwd, or make the file",
    r"password authentication failed|Access denied for user":
        "its database refuses the password: set it with --env",
    r"database \S+ does not exist|Unknown database":
        "its database does not exist: make it",
    r"PoolTimeout|couldn't get a connection after":
        "its pool got no connection: start the database",
    r"Invalid HTTP_HOST header|DisallowedHost":
        "it does not serve this host: name one of ALLOWED_HOSTS with `--header 'Host: ...'`",
    r"Missing staticfiles manifest entry":
        "static files are missing: run `python manage.py collectstatic`",
    r"Application startup failed|[Ll]ifespan(?:\.startup\.failed| failure| error)|LifespanFailure":
        "its lifespan failed: mend what its startup does",
    r"Address already in use":
        "a port that it opens is in use: stop the process that has it",
    r"can't start new thread|MemoryError|Cannot allocate memory":
        "the machine has too little left for it: free memory or processes",
}  # fmt: skip
_CAUSES = tuple((re.compile(sign), words) for sign, words in _SIGNS.items())
"""By what a log says: what is wrong, and what mends it."""


class ImportFailure(msgspec.Struct, frozen=True):
    """What an import raised.

    type, message: of the exception. module: that it did not find.
    variable: of the environment, that is missing.
    own_code: whether it was raised in code of the application or below it, and not by the import.
    names: of the application's module that can be called, where it was imported.
    traceback: its last lines, without those of the import system.
    """

    type: str
    message: str
    module: str | None = None
    variable: str | None = None
    own_code: bool = False
    names: tuple[str, ...] = ()
    traceback: str = ""


def quotable(text: str, secrets: Iterable[str] = ()) -> str:
    """The end of a log or a traceback, without secrets and without this machine's paths.

    Files of packages are named by their place in the package.
    """
    lines = [line for line in text.splitlines() if line.strip()][-_QUOTED_LINES:]
    shown = _PACKAGES.sub('"', "\n".join(lines))
    return without_secrets(without_paths(shown), secrets)


def cause_in(log: str) -> str | None:
    """What is wrong by a server's log, as a clause; None where nothing known is said."""
    return next((words for sign, words in _CAUSES if sign.search(log)), None)


def import_problem(
    failure: ImportFailure,
    deployment: Deployment,
    interpreter: str,
    secrets: Iterable[str] = (),
) -> str:
    """Why an application cannot be imported, with the last lines of the traceback where they help.

    Args:
        interpreter: as a reader knows it.
        secrets: that are not shown.
    """
    # Before any text is cut: half of a secret would not be found.
    failure = msgspec.structs.replace(failure, message=without_secrets(failure.message, secrets))
    told = _import_problem(failure, deployment, interpreter)
    quoted = quotable(failure.traceback, secrets)
    return f"{told} Its traceback ends:\n{quoted}" if quoted and failure.own_code else told


def _import_problem(failure: ImportFailure, deployment: Deployment, interpreter: str) -> str:
    app, module = deployment.app, module_of(deployment.app)
    if failure.module is not None and not failure.own_code and _is_within(failure.module, module):
        return (
            f"`{app}` cannot be imported, because there is no module `{failure.module}` in "
            f"{deployment.cwd}; name the project's folder with --cwd, or correct --app."
        )
    if failure.type == "AttributeError" and not failure.own_code:
        return f"`{app}` cannot be imported: {_shown(failure.message)}; {_offer(app, failure)}."
    if failure.variable is not None or (name := _variable(failure.message)) is not None:
        variable = failure.variable or name
        return (
            f"`{app}` needs the environment variable {variable}; set it, or give it with `--env "
            f"{variable}=...`."
        )
    if failure.type == "ModuleNotFoundError" and failure.module is not None:
        return (
            f"`{app}` imports `{failure.module}`, which {interpreter} does not have; name the "
            f"project's own interpreter with --python, or install it there."
        )
    reason = cause_in(failure.message) or _shown(failure.message) or "it gave no reason"
    return f"`{app}` cannot be imported by {interpreter}: {failure.type}: {reason}."


def _offer(app: str, failure: ImportFailure) -> str:
    """What to name in place of an attribute that is not there."""
    wanted = app.partition(":")[2].removesuffix("()")
    likely = [name for name in _USUAL if name.removesuffix("()") in failure.names]
    near = next(iter(likely), None) or nearest(wanted, failure.names)
    return f"write `{module_of(app)}:{near}`" if near else "correct --app"


def _is_within(missing: str, module: str) -> bool:
    return module == missing or module.startswith(f"{missing}.")


def _variable(message: str) -> str | None:
    found = next((m for sign in _VARIABLES if (m := sign.search(message))), None)
    return None if found is None else found["name"]


def _shown(message: str) -> str:
    first = message.strip().splitlines()[:1]
    return plain("".join(first).rstrip("."), _SHOWN)
