"""Server processes: started as `shared/servers.toml` says, awaited, stopped with their children."""

import contextlib
import http.client
import json
import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from harness.base.errors import NotReady, ServerFailed
from harness.inputs.manifests import Variant
from harness.inputs.servers import Protocol as Interface
from harness.inputs.servers import Server
from harness.inputs.settings import ApplicationSettings
from harness.lab.clocks import TreeClock, Usage
from harness.lab.crew import Crew, listens
from harness.lab.footprint import Footprint
from harness.lab.network import HOST, Address, check_free, free_port
from harness.lab.process import Child, Stoppable, launch, stop_together, wait_until
from harness.lab.workers import WorkerState, read_workers
from harness.records.trial import Resource

READY_S = 60.0
"""Time limit for the first answer to /health."""
_WORKERS_S = 10.0
"""Time limit for all workers to be there once one of them has answered."""
_SURPLUS_S = 1.0
"""Time limit for a process to go that is one too many: a server may start itself anew."""
_WRONG_S = 5.0
"""Time limit for a server that answers `/health` wrongly: the contract has it answer when it is
ready, so whatever else it says, it says for ever. A 503 is no wrong answer."""
_PROBE_S = 1.0
"""Time limit of one request for /health, which costs a server nothing; it is repeated."""
_SOON_S = 0.3
"""Most servers end in a quarter of a second when they are asked to. Some sleep for a second before
they look, and none of a group has anything to put away."""
_REFUSALS: dict[Resource, tuple[str, ...]] = {
    "threads": ("can't start new thread",),
    "memory": ("MemoryError", "Cannot allocate memory"),
    "files": ("Too many open files",),
}
"""What CPython and the C library say when the system refuses something."""
_MISFITS: dict[Interface, str] = {
    Interface.WSGI: r"missing 1 required positional argument: 'send'",
    Interface.ASGI: r"missing 1 required positional argument: 'start_response'"
    r"|takes (?:2 positional arguments but 3|3 positional arguments but 4) were given",
}
"""By what a server speaks: what CPython says of an application of the other interface, which is
called with (environ, start_response), with (scope, receive, send), or with (scope) alone."""
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class RunningServer(Protocol):
    """A variant's server, as the runner sees it: on this machine (`LiveServer`) or on another.

    distant: whether it runs on another machine. stopped: whether it has been asked to end.
    """

    distant: bool
    stopped: bool

    @property
    def name(self) -> str:
        """Of its variant."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def address(self) -> Address:
        """Where it listens."""

    @property
    def url(self) -> str:
        """Its base URL."""

    @property
    def running(self) -> bool:
        """Whether its main process lives."""

    @property
    def process(self) -> Stoppable:
        """Its main process, to be stopped with others."""

    def await_ready(self) -> None:
        """Wait until it answers, and all workers are there; see `await_ready`."""

    def cpu_ns(self) -> int:
        """CPU time of all its processes so far, in nanoseconds."""

    def usage(self) -> Usage | None:
        """Memory and threads of the processes that were found when its clock was read.

        None where its machine is lost.
        """

    def read_workers(self) -> dict[int, WorkerState]:
        """Its worker processes by process id, and what each has done so far."""

    def deviation(self) -> str | None:
        """How it differs from what it was given; None if it does not."""

    def last_words(self) -> str:
        """The end of its standard error."""

    def log_size(self) -> int:
        """Bytes that its log has now."""

    def exhausted(self, since: int = 0) -> tuple[Resource, ...]:
        """What the system refused to it, by its log from that size on."""

    def ending(self) -> str:
        """How its main process ended, to follow its name in a sentence."""

    def stop(self) -> None:
        """Stop it with all its children."""

    def stop_soon(self) -> None:
        """The same with the little patience that a group of servers is stopped with."""


class LiveServer:
    """A variant's server on this machine, ready for requests. Use as a context manager."""

    distant = False

    def __init__(
        self,
        variant: Variant,
        child: Child,
        port: int,
        workers: int,
        host: str = HOST,
        protocol: Interface = Interface.OWN,
    ) -> None:
        self.variant = variant
        self.protocol = protocol
        self.port = port
        self.host = host
        self.workers = workers
        self.clock = TreeClock(child.pid)
        self.crew = Crew(self.clock, lambda pid: listens(pid, port))
        self.process = child
        self.stopped = False

    @property
    def name(self) -> str:
        """Of its variant."""
        return self.variant.name

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(self.host, self.port)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{self.host}:{self.port}"

    def await_ready(self) -> None:
        """See `await_ready`."""
        await_ready(self)

    def cpu_ns(self) -> int:
        """CPU time of all its processes so far, in nanoseconds."""
        return self.clock.read_ns()

    def usage(self) -> Usage:
        """Memory and threads of the processes that were found when its clock was read."""
        return Usage.of(self.clock.pids)

    @property
    def running(self) -> bool:
        """Whether its main process lives."""
        return self.process.running

    def listens(self) -> bool:
        """Whether this server has the port, and not another one that took it first."""
        return any(socket.port == self.port for socket in self.footprint().sockets)

    def healthy(self) -> bool:
        """Whether `/health` answers at once, and as the contract wants it."""
        return _health(self.address) == _READY

    def footprint(self) -> Footprint:
        """Its worker processes, and where it listens, at this moment."""
        self.clock.read_ns()  # updates the set of processes
        return Footprint.of(self.clock.pids, self.port)

    def read_workers(self) -> dict[int, WorkerState]:
        """Its worker processes by process id, and what each has done so far."""
        return read_workers(self.footprint().workers, self.port)

    def deviation(self) -> str | None:
        """How it differs from what it was given, as every other server is; None if it does not."""
        return self.footprint().problem(self.port, self.workers, self.host)

    def misfit(self) -> str | None:
        """That its application is of another interface, by its log; None if nothing says so."""
        if self.protocol not in _MISFITS or not self.process.log_size():
            return None
        attribute = re.escape(self.variant.app.rpartition(":")[2].partition("(")[0])
        sign = rf"TypeError: (?:\S*__call__|{attribute})\(\) (?:{_MISFITS[self.protocol]})"
        if not re.search(sign, self.process.said_since(0)):
            return None
        theirs, ours = ("ASGI", "WSGI") if self.protocol is Interface.WSGI else ("WSGI", "ASGI")
        return (
            f"The server `{self.variant.server}` speaks {ours}, and the application "
            f"`{self.variant.app}` of `{self.name}` is made for {theirs}; name a server that "
            f"speaks {theirs}, or an application for {ours}."
        )

    def log_size(self) -> int:
        """Bytes that its log has now."""
        return self.process.log_size()

    def ending(self) -> str:
        """How its main process ended, to follow its name in a sentence."""
        return self.process.ending()

    def exhausted(self, since: int = 0) -> tuple[Resource, ...]:
        """What the system refused to it, by its log.

        since: the size of its log from which on it is read.
        """
        said = self.process.said_since(since)
        return tuple(
            resource for resource, signs in _REFUSALS.items() if any(sign in said for sign in signs)
        )

    def last_words(self) -> str:
        """The end of its standard error."""
        return self.process.last_words()

    def stop(self) -> None:
        """Stop it with all its children."""
        self.stopped = True
        self.process.stop()

    def stop_soon(self) -> None:
        """The same with the little patience that a group of servers is stopped with."""
        self.stopped = True
        stop_together([self.process], _SOON_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class ServerGroup:
    """Servers that are stopped together, soon. Use as a context manager.

    Threads may add servers while another one leaves the block: those are stopped at once.
    """

    def __init__(self) -> None:
        self._servers: list[RunningServer] = []
        self._guard = threading.Lock()
        self._left = False

    def add(self, server: RunningServer) -> None:
        """Stop this one too.

        Raises:
            ServerFailed: the group has been stopped already, and this one with it.
        """
        with self._guard:
            if not self._left:
                self._servers.append(server)
                return
        server.stop()
        raise ServerFailed(f"The server of `{server.name}` was stopped with all others.")

    def discard(self, server: RunningServer) -> None:
        """It has been stopped already."""
        with self._guard, contextlib.suppress(ValueError):
            self._servers.remove(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._left = True
            servers = [server for server in self._servers if not server.stopped]
        for server in servers:
            server.stopped = True
        stop_together([server.process for server in servers], _SOON_S)


def launch_server(
    variant: Variant,
    server: Server,
    python: Path,
    settings: ApplicationSettings,
    *,
    workers: int,
    threads: int,
    log: Path,
    cpus: Sequence[int] | None = None,
    port: int | None = None,
    host: str = HOST,
) -> LiveServer:
    """Start a server without waiting until it is ready; see `await_ready`.

    Args:
        variant: the one to serve.
        server: how its program is started.
        python: the interpreter of the implementation's environment.
        settings: of the implementation.
        workers: processes of the server.
        threads: threads per process, where the server has them.
        log: a file for its output.
        cpus: the processors it may use.
        port: where to listen; a free port if None.
        host: the address to listen on; another than loopback only where the load comes from
            another machine.

    Raises:
        UsageError: the port asked for is in use.
    """
    if port is None:
        port = free_port(host)
    else:
        check_free(port)
    places = {
        "python": str(python), "app": variant.app, "host": host, "port": str(port),
        "workers": str(workers), "threads": str(threads),
    }  # fmt: skip
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    fitted = server.fitted(variant.knobs)
    child = launch(
        [part.format(**places) for part in fitted.argv],
        cpus=cpus,
        env=inherited | settings.environment() | fitted.env | variant.env,
        cwd=variant.folder,
        log=log,
    )
    return LiveServer(variant, child, port, workers, host, server.protocol)


def await_ready(server: LiveServer, seconds: float = READY_S) -> None:
    """Wait until `/health` answers 200 with `{"status": "ok"}`, and all workers are there.

    Raises:
        ServerFailed: it died, or did not answer in time; the end of its standard error is quoted.
            Or its workers or addresses are not those that it was given, or its application is of
            another interface than the server's.
    """
    name = server.variant.name
    started = time.monotonic()
    misfit: str | None = None
    wrong = _WrongAnswer()

    def over() -> bool:
        """Whether it answers, or never will."""
        nonlocal misfit
        health = _health(server.address)
        if not server.running or (health == _READY and server.listens()):
            return True
        misfit = server.misfit()
        return misfit is not None or wrong.lasts(health)

    ready = wait_until(over, seconds) and wrong.told is None
    if misfit is not None:
        server.stop()
        raise ServerFailed(misfit)
    if ready and server.running:
        problem = _settled(server)
        if server.running:
            if problem is None:
                return
            server.stop()
            raise ServerFailed(f"The server of `{name}` {problem}.")
    after = f"after {time.monotonic() - started:.1f} s"
    what = f"was not ready {after}" if server.running else f"ended {after}, before it was ready"
    words = server.last_words()
    server.stop()
    answer = "" if wrong.told is None else f": it answers `/health` with {wrong.told}"
    raise NotReady(name, f"The server of `{name}` {what}{answer}.", words)


class _WrongAnswer:
    """What a server answers at `/health` instead of being ready.

    told: the answer, once it has lasted too long.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self.told: str | None = None

    def lasts(self, health: str | None) -> bool:
        """Whether the server has been answering wrongly for too long; `health` as of `_health`."""
        if health in (None, _READY, _UNAVAILABLE):
            self._since = None
            return False
        now = time.monotonic()
        self._since = self._since or now
        if now >= self._since + _WRONG_S:
            self.told = health
        return self.told is not None


def _settled(server: LiveServer) -> str | None:
    """How the server differs from what it was given, once those that still start have had time."""
    started = time.monotonic()

    def settled() -> bool:
        count = len(server.footprint().workers)
        too_many = count > server.workers and time.monotonic() > started + _SURPLUS_S
        return not server.running or count == server.workers or too_many

    wait_until(settled, _WORKERS_S)
    return server.deviation()


_READY = "200"
"""What `_health` says of a server that is ready."""
_UNAVAILABLE = "503"


def _health(there: Address) -> str | None:
    """The status that `/health` answers, with what is wrong in its body; None without an answer."""
    connection = http.client.HTTPConnection(there.host, there.port, timeout=_PROBE_S)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        return str(response.status)
    with contextlib.suppress(ValueError):
        if json.loads(body) == {"status": "ok"}:
            return _READY
    return '200 and a body that is not {"status":"ok"}'
