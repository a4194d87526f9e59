"""An application that is not ours, served for a receipt: prepared once, started as often as needed.

Nothing is installed into its environment and nothing is written into its folder. See
`interpreter.py` for its interpreter and `overlay.py` for the packages of its server.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from harness.base.errors import ServerFailed, UnknownName, UsageError
from harness.base.secrecy import shown_settings
from harness.inputs.application import Deployment, WantedRequest
from harness.inputs.manifests import Variant
from harness.inputs.servers import BOTH_PROTOCOLS, Server, offered_servers
from harness.lab.applications.answers import NoWholeAnswer, ask
from harness.lab.applications.failures import cause_in, quotable
from harness.lab.applications.interpreter import (
    FoundPython,
    ProbedApplication,
    application_environment,
    find_python,
    probe_application,
)
from harness.lab.applications.overlay import Overlay, make_overlay
from harness.lab.network import HOST, Address, free_port
from harness.lab.process import Child, launch, wait_until
from harness.lab.servers import LiveServer
from harness.records.observation import ListedMiddleware, Served

START_S = 60.0
"""Time limit from the start of a server to its first answer."""
_POLL_S = 0.05
_ENDING_S = 3.0
_STUB = Path(__file__).with_name("serve.py")
_MADE = Path(__file__).with_name("made")
_MADE_APP = "bridgetoll_made:application"
_MAKER = "BRIDGETOLL_MAKER"
_DEFAULTS = {"asgi": "gunicorn-uvicorn", "wsgi": "gunicorn-gthread"}
"""By protocol: the server of an application for which none is named."""
_OPTIONAL = (("--no-control-socket",), ("--http-parser", "python"))
"""Options of gunicorn that its releases before 25.1 lack, and behave so without them."""
_UNCOMPILED = 150
"""Modules without bytecode from which on it is kept, outside of the project: Django has 200."""


class PreparedApplication(msgspec.Struct, frozen=True):
    """All that is known and needed to start an application.

    app: what the server imports. paths: folders that are searched last for it.
    server: with its knobs fitted; server_name: its key in `shared/servers.toml`.
    env: variables that are set besides those of `application_environment`.
    secrets: that no output may show. notes: what a reader should know, each as one sentence.
    """

    deployment: Deployment
    app: str
    python: FoundPython
    probed: ProbedApplication
    server_name: str
    server: Server
    overlay: Overlay
    paths: tuple[Path, ...] = ()
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def served(self) -> Served:
        """For the record."""
        return Served(
            app=self.deployment.app,
            protocol=self.server.protocol.value,
            server=self.server_name,
            python=self.probed.python,
            packages=self.probed.relevant | self.overlay.packages,
            overlaid=tuple(self.overlay.packages),
            settings=shown_settings(self.deployment.env),
            folder=self.root.name,
        )

    @property
    def middleware(self) -> tuple[ListedMiddleware, ...]:
        """Of Django's settings, outermost first; none where it is no Django."""
        return () if self.probed.django is None else self.probed.django.middleware

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(os.path.realpath(self.deployment.cwd))

    @property
    def libraries(self) -> tuple[str, ...]:
        """Folders whose files are not the project's own."""
        added = [] if self.overlay.folder is None else [os.path.realpath(self.overlay.folder)]
        ours = os.path.realpath(_STUB.parents[2])
        return (*self.probed.libraries, *added, ours)


class LiveApplication(LiveServer):
    """An application's server on this machine. Use as a context manager.

    prepared: what was started.
    """

    def __init__(self, prepared: PreparedApplication, child: Child, port: int, name: str) -> None:
        variant = Variant(
            name=name, title=prepared.deployment.app, framework="", implementation="",
            folder=prepared.deployment.cwd, server=prepared.server_name, app=prepared.app,
            factors={}, env=prepared.deployment.env, tags=(),
        )  # fmt: skip
        super().__init__(variant, child, port, 1, HOST, prepared.server.protocol)
        self.prepared = prepared

    @property
    def keep_alive(self) -> bool:
        """Whether the server keeps connections open between requests."""
        return self.prepared.server.keep_alive

    def last_words(self) -> str:
        """The end of its log, without secrets."""
        return quotable(self.process.said_since(0), self.prepared.secrets)

    def await_first_answer(self, request: WantedRequest | None, seconds: float) -> None:
        """Wait until the server listens and answers.

        Args:
            request: a GET of the application; None to wait only until it listens.
            seconds: time limit.

        Raises:
            ServerFailed: it ended, or did not answer in time; the end of its log is quoted.
        """
        end = time.monotonic() + seconds
        while not _listens(self.address):
            if not self.running or time.monotonic() > end:
                raise self._not_ready(f"did not listen within {seconds:g} s")
            time.sleep(_POLL_S)
        if request is None:
            return
        left_s = max(1.0, end - time.monotonic())
        try:
            ask(self.address, request, left_s, alive=lambda: self.running)
        except NoWholeAnswer as error:
            if error.silent and time.monotonic() < end:  # gunicorn ends after its worker
                wait_until(lambda: not self.running, _ENDING_S)
            if not self.running or error.silent:
                raise self._not_ready(f"`{request.name}` {error.reason}") from None
            # What is wrong with the answer, the check of all answers tells.

    def _not_ready(self, why: str) -> ServerFailed:
        app, words = self.prepared.deployment.app, self.last_words()
        what = why if self.running else self.ending()
        cause = cause_in(words)
        said = f" It said:\n{words}" if words else " It said nothing."
        reason = "" if cause is None else f": {cause}"
        return ServerFailed(
            f"`{self.prepared.server_name}` serves `{app}`, and {what}{reason}.{said}"
        )


def prepare_application(
    deployment: Deployment,
    servers: Mapping[str, Server],
    cache: Path,
    secrets: Sequence[str] = (),
) -> PreparedApplication:
    """Find the interpreter, import the application in it, and get the packages of its server.

    Args:
        servers: of `shared/servers.toml`.
        cache: where packages of servers are kept.
        secrets: that no output may show.

    Raises:
        UsageError: the application cannot be imported, or not be served so.
    """
    _check_server_name(deployment.server, servers)
    python = find_python(deployment, os.environ)
    env = application_environment(deployment, os.environ)
    probed = probe_application(deployment, python, env, secrets)
    app, more, paths = deployment.app, dict[str, str](), tuple[Path, ...]()
    if app.endswith("()"):
        app, more, paths = _MADE_APP, {_MAKER: app}, (_MADE,)
    name = _server_name(deployment, probed, servers)
    server = servers[name].fitted({})
    overlay = make_overlay(cache, name, server, python, probed)
    if probed.uncompiled >= _UNCOMPILED and "PYTHONPYCACHEPREFIX" not in env:
        more |= {"PYTHONPYCACHEPREFIX": str(cache / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    return PreparedApplication(
        deployment=deployment, app=app, python=python, probed=probed, server_name=name,
        server=server, overlay=overlay, paths=paths, env=more, secrets=tuple(secrets),
        notes=tuple(_notes(deployment, probed, name)),
    )  # fmt: skip


def _check_server_name(name: str | None, servers: Mapping[str, Server]) -> None:
    single = [entry for entries in BOTH_PROTOCOLS.values() for entry in entries.values()]
    known = offered_servers(servers)
    if name is not None and name not in (*known, *single):
        raise UnknownName("server", name, known)


def _server_name(
    deployment: Deployment, probed: ProbedApplication, servers: Mapping[str, Server]
) -> str:
    """The server that serves it.

    Raises:
        UsageError: no server speaks its protocol, or not the one that is named.
    """
    app, protocol = deployment.app, probed.protocol
    if protocol is None:
        raise UsageError(f"`{app}` cannot be called, so it is no application; correct --app.")
    if protocol == "factory":
        raise UsageError(f"`{app}` is a function that makes an application; write `{app}()`.")
    if protocol == "asgi2":
        raise UsageError(
            f"`{app}` is an application of ASGI 2; wrap it with `asgiref.compatibility."
            "guarantee_single_callable`, and name the result."
        )
    named = deployment.server
    if named is not None:
        entries = BOTH_PROTOCOLS.get(named)
        if entries is not None:
            named = entries.get(protocol, entries["asgi"])
        spoken = servers[named].protocol.value
        if protocol in _DEFAULTS and spoken != protocol:
            raise UsageError(
                f"`{app}` is made for {protocol.upper()}, and `--server {named}` speaks "
                f"{spoken.upper()}; name `{_DEFAULTS[protocol]}`, or the project's "
                f"{spoken.upper()} application."
            )
        return named
    if protocol not in _DEFAULTS:
        raise UsageError(
            f"Nothing tells whether `{app}` is made for ASGI or WSGI; name its server: "
            f"`--server {_DEFAULTS['asgi']}` or `--server {_DEFAULTS['wsgi']}`."
        )
    return _DEFAULTS[protocol]


def _notes(deployment: Deployment, probed: ProbedApplication, server: str) -> Iterator[str]:
    if probed.django is not None and probed.django.debug:
        yield (
            "DEBUG is on, and Django then keeps every statement; `--env` or other settings give "
            "the receipt of production."
        )
    if server.startswith("gunicorn") and (deployment.cwd / "gunicorn.conf.py").exists():
        yield "gunicorn.conf.py is not read: the server is started as those of every receipt."


@contextmanager
def start_application(
    prepared: PreparedApplication,
    *,
    log: Path,
    first: WantedRequest | None = None,
    name: str = "application",
    extra: Mapping[str, str] | None = None,
    cpus: Sequence[int] | None = None,
    threads: int = 16,
    tell: bool = False,
    seconds: float = START_S,
) -> Iterator[LiveApplication]:
    """Serve an application with one worker, ready for requests, within the block.

    Args:
        log: a file for its output.
        first: a GET that it must answer, whatever the status; None to wait only for its port.
        name: unique among applications that run at the same time.
        extra: variables of instruments.
        cpus: the processors that it may use.
        threads: of the worker, where the server has threads.
        tell: print the tracebacks of views that fail, also where DEBUG is off.
        seconds: time limit of the start.

    Raises:
        ServerFailed: it did not get ready; it has been stopped.
    """
    port = free_port()
    log.unlink(missing_ok=True)
    child = launch(
        _command(prepared, port, threads, tell),
        cpus=cpus,
        env=application_environment(
            prepared.deployment,
            os.environ,
            prepared.server.env | prepared.env | dict(extra or {}),
        ),
        cwd=prepared.deployment.cwd,
        log=log,
    )
    with LiveApplication(prepared, child, port, name) as application:
        application.await_first_answer(first, seconds)
        yield application


def _command(prepared: PreparedApplication, port: int, threads: int, tell: bool) -> list[str]:
    """The server's command line, through the stub that extends its path."""
    places = {
        "python": str(prepared.python.path), "app": prepared.app, "host": HOST, "port": str(port),
        "workers": "1", "threads": str(threads),
    }  # fmt: skip
    words = [part.format(**places) for part in prepared.server.argv]
    python, switch, *rest = words
    program = rest if switch == "-m" else [switch, *rest]
    if program[0] == "gunicorn":
        program[1:1] = ["--config", str(_MADE / "gunicorn_settings.py")]
        if sys.platform != "linux":
            program = _without(program, "--worker-tmp-dir")
    overlay = prepared.overlay.folder
    options = {
        "paths": [str(path) for path in ([] if overlay is None else [overlay])]
        + [str(path) for path in prepared.paths],
        "tell": tell,
        "optional": _OPTIONAL,
    }
    return [python, str(_STUB), json.dumps(options), *program]


def _without(words: Sequence[str], option: str) -> list[str]:
    """A command line without an option and its value."""
    at = words.index(option) if option in words else len(words)
    return [*words[:at], *words[at + 2 :]]


def _listens(address: Address) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((address.host, address.port)) == 0
