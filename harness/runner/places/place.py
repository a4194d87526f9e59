"""One machine of a cluster, from within: it starts, loads and watches with what one machine uses.

Every method is called over the network, so it takes and returns plain values. Servers have a key
here. Times are of this machine's clocks, and nothing compares them with another's.
"""

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec
import psycopg

from harness.audit.bench import Bench
from harness.base.errors import BridgetollError, DatabaseFailed, GeneratorFailed
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings, DatabaseSettings, ServerSettings
from harness.inputs.study import Study
from harness.lab.clocks import Usage
from harness.lab.environments import installed, lock_digest, prepare
from harness.lab.latency.injector import Leg, RelayInjector
from harness.lab.limits import Limits, read_limits
from harness.lab.machine import describe, physical_cores, within
from harness.lab.measuring import measuring
from harness.lab.network import Address
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.connection import connect
from harness.lab.postgres.database import Database
from harness.lab.quota import allowed_processors
from harness.lab.servers import LiveServer
from harness.lab.speed.probe import SpeedProbe
from harness.lab.thread_limits import ThreadLimit, read_thread_limits
from harness.lab.workers import WorkerState
from harness.load.ceiling import Ceiling, measure_ceiling
from harness.load.generator import Edge, ProcessGenerator
from harness.load.locust.driver import LocustsHere, prepare_locust
from harness.load.protocol import Arrivals, Exchange, Opened, Tally
from harness.records.trial import Event, Resource
from harness.runner.clock import SystemClock
from harness.runner.describe import contract_digest, implementation_digest, room_digests
from harness.runner.examine import Examination, examine_one
from harness.runner.gauges import Gauges, Reading
from harness.runner.instruments import open_lookout
from harness.runner.places.roles import Duty, MachineFacts
from harness.runner.servers import Application
from harness.runner.venue import CEILING_S
from harness.runner.watch import Seen, WatchHere

_KEPT = frozenset({".html", ".log"})
"""Of what Locust leaves."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_REACH_S = 5
"""To connect from one machine to another; a firewall that drops packets takes as long."""


def facts(study: Study) -> MachineFacts:
    """What this machine is, and digests of what must be the same on all."""
    workspace = Workspace()
    return MachineFacts(
        kernel=kernel(),
        described=describe(),
        cores=list(within(physical_cores(os.sched_getaffinity(0)), allowed_processors())),
        digests=digests(workspace, _catalog(workspace, study), study),
    )


def kernel() -> str:
    """This machine's boot (random(4)): another one on every machine, the same in its containers."""
    return _BOOT.read_text(encoding="ascii").strip()


def digests(workspace: Workspace, catalog: Catalog, study: Study) -> dict[str, str]:
    """Of code, contract and locks, by the name of each for readers."""
    found = {"shared/contract": contract_digest(workspace)}
    for name in dict.fromkeys(catalog.variant(n).implementation for n in study.everyone):
        found[f"the lock of {name}"] = lock_digest(catalog.implementations[name])
        found[f"implementations/{name}"] = implementation_digest(catalog, name)
    return found | room_digests()


def _catalog(workspace: Workspace, study: Study) -> Catalog:
    return load_catalog(workspace).with_setups(study.setups, workers=study.server.workers)


class OwnPlace:
    """This machine with its roles in a run. Close it at the end."""

    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._study = duty.study
        self._workspace = Workspace()
        self._cache = cache_folder()
        self._catalog = _catalog(self._workspace, self._study)
        self._contract = Contract(self._workspace)
        self._stack = ExitStack()
        self._logs = Path(tempfile.mkdtemp(prefix="place-", dir=self._workspace.logs(self._cache)))
        self._stack.callback(shutil.rmtree, self._logs, ignore_errors=True)
        self._pythons: dict[str, Path] = {}
        self._postgres: EmbeddedPostgres | None = None
        self._servers: dict[int, LiveServer] = {}
        self._ended: dict[int, LiveServer] = {}
        self._number = 0
        self._instruments = ExitStack()
        self._watch: WatchHere | None = None
        self._generators: dict[str, ProcessGenerator] = {}
        self._windows: dict[str, _Window] = {}
        self._relay: RelayInjector | None = None
        self._probe: SpeedProbe | None = None
        self._watching = ExitStack()
        self._locust: Path | None = None
        self._locusts: LocustsHere | None = None
        self._listening: socket.socket | None = None

    def close(self) -> None:
        """Stop all that was started."""
        with ExitStack() as stack:
            stack.callback(self._stack.close)
            if self._postgres is not None:
                stack.callback(self._postgres.stop)
            stack.callback(self.close_instruments)
            for key in list(self._servers):
                stack.callback(self.stop_server, key)
        self._postgres = None

    def alone(self) -> None:
        """Be the only process that measures on this machine.

        Raises:
            UsageError: another one does.
        """
        self._stack.enter_context(measuring())

    # The way between machines

    def listen(self) -> int:
        """Listen on a free port, to see whether the others reach this machine."""
        self._listening = socket.create_server((self._duty.host, 0))
        port: int = self._listening.getsockname()[1]
        return port

    def unlisten(self) -> None:
        """End that."""
        if self._listening is not None:
            self._listening.close()

    def reaches(self, host: str, port: int) -> str | None:
        """Why this machine does not reach that one; None if it does."""
        return reaches(host, port)

    def reaches_database(self, url: str) -> str | None:
        """Why this machine cannot use the database; None if it can."""
        try:
            connect(url, _REACH_S).close()
        except BridgetollError as error:
            return str(error)
        except psycopg.Error as error:
            return " ".join(str(error).split())
        return None

    # The application

    def prepare(self, name: str) -> dict[str, str]:
        """Make the environment of an implementation; returns its packages' versions."""
        python = prepare(self._cache, self._catalog.implementations[name])
        self._pythons[name] = python
        return installed(python)

    def examine(self, name: str, url: str) -> Examination:
        """Verify and audit a variant, with a database of its own at that server."""
        variant = self._catalog.variant(name)
        python = self._pythons[variant.implementation]
        with Database(url, self._contract) as database:
            bench = Bench(self._contract, database, self._catalog.servers, self._logs)
            return examine_one(self._study, variant, python, bench)

    def thread_limits(self) -> tuple[ThreadLimit, ...]:
        """The kernel's limits on threads."""
        return read_thread_limits()

    def start_server(
        self, variant: str, settings: ApplicationSettings, given: ServerSettings, log: str
    ) -> tuple[int, int]:
        """Start a server; returns its key and its port."""
        application = Application(
            self._catalog,
            self._pythons,
            self._logs,
            self._duty.cores["application"],
            self._duty.host,
        )
        server = application.start(variant, settings, given, log)
        self._number += 1
        self._servers[self._number] = server
        return self._number, server.port

    def await_server(self, key: int) -> None:
        """Wait until it is ready."""
        self._servers[key].await_ready()

    def server_runs(self, key: int) -> bool:
        """Whether its main process lives."""
        return self._servers[key].running

    def server_cpu_ns(self, key: int) -> int:
        """CPU time of its processes so far."""
        return self._servers[key].cpu_ns()

    def server_usage(self, key: int) -> Usage:
        """Memory and threads."""
        return self._servers[key].usage()

    def server_workers(self, key: int) -> dict[int, WorkerState]:
        """Its worker processes."""
        return self._servers[key].read_workers()

    def server_deviation(self, key: int) -> str | None:
        """How it differs from what it was given."""
        return self._servers[key].deviation()

    def server_words(self, key: int) -> str:
        """The end of its standard error."""
        return self._servers[key].last_words()

    def server_log_size(self, key: int) -> int:
        """Bytes of its log."""
        return self._servers[key].log_size()

    def server_exhausted(self, key: int, since: int) -> tuple[Resource, ...]:
        """What the system refused to it, by its log."""
        server = self._servers.get(key) or self._ended[key]
        return server.exhausted(since)

    def server_ending(self, key: int) -> str:
        """How its main process ended."""
        return self._servers[key].ending()

    def stop_server(self, key: int) -> None:
        """Stop it with all its children; its log can still be read."""
        if (server := self._servers.pop(key, None)) is not None:
            server.stop_soon()
            self._ended[key] = server

    # The database

    def start_database(self, peers: Sequence[str]) -> str:
        """Start PostgreSQL; returns a superuser's URL, with a password."""
        self._postgres = EmbeddedPostgres(
            self._cache,
            self._study.database,
            self._duty.cores["database"],
            self._duty.host,
            peers,
        )
        self._postgres.__enter__()
        return self._postgres.url

    def restart_database(self, settings: DatabaseSettings) -> None:
        """Restart it with other settings."""
        self._own_postgres().restart(settings)

    def check_database(self) -> None:
        """Notice that its main process has ended.

        Raises:
            DatabaseFailed: it has.
        """
        self._own_postgres().check_alive()

    def _own_postgres(self) -> EmbeddedPostgres:
        if self._postgres is None:
            raise DatabaseFailed("No PostgreSQL runs on the database's machine; try again.")
        return self._postgres

    # The load

    def limits(self) -> Limits:
        """The kernel's limits."""
        return read_limits()

    def ceiling(self) -> Ceiling:
        """The generator's ceiling, against a bare server on this machine."""
        load = self._duty.cores["load"]
        others = sorted(os.sched_getaffinity(0) - set(load)) or load
        return measure_ceiling(others, load, seconds=CEILING_S)

    def through(self, leg: Leg, host: str, port: int) -> tuple[str, int]:
        """The address of the relay that leads there."""
        assert self._relay is not None
        found = self._relay.through(leg, Address(host, port))
        return found.host, found.port

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """Make round trips longer."""
        assert self._relay is not None
        self._relay.set_round_trip(leg, milliseconds)

    def check_relay(self) -> None:
        """Notice that the relay has ended."""
        assert self._relay is not None
        self._relay.check_alive()

    def open(
        self, load: str, target: str, host: str, port: int, connections: int, keep_alive: bool
    ) -> Opened:
        """Open connections to a server under a name; `load`: "first" or "second"."""
        return self._generators[load].open(
            target, host, port, connections=connections, keep_alive=keep_alive
        )

    def close_target(self, load: str, target: str) -> None:
        """Close a target's connections."""
        self._generators[load].close(target)

    def slice(
        self, load: str, target: str, exchange: Exchange, seconds: float, timeout_s: float
    ) -> Tally:
        """Load one target with a closed loop."""
        return self._generators[load].slice(target, exchange, seconds, timeout_s)

    def watched_slice(
        self, load: str, target: str, exchange: Exchange, seconds: float, timeout_s: float
    ) -> tuple[Tally, Reading, Seen]:
        """The same with a look before and after, on a machine that does nothing but load."""
        before = self.before(None)
        tally = self.slice(load, target, exchange, seconds, timeout_s)
        return tally, before, self.after(None, tally.paused_ns, None)

    def begin_window(
        self,
        load: str,
        target: str,
        exchange: Exchange,
        warmup_s: float,
        seconds: float,
        timeout_s: float,
        arrivals: Arrivals | None,
    ) -> None:
        """Begin unbroken load. Each of its edges is then awaited, and at last its tally."""
        generator = self._generators[load]

        def run(at_edge: Callable[[Edge], None]) -> Tally:
            return generator.window(
                target, exchange, warmup_s=warmup_s, seconds=seconds, timeout_s=timeout_s,
                arrivals=arrivals, at_edge=at_edge,
            )  # fmt: skip

        self._windows[load] = _Window(run)

    def await_edge(self, load: str) -> Edge | None:
        """Wait for the window to open, then to close; None if its load has ended before."""
        return self._windows[load].edge()

    def window_tally(self, load: str) -> Tally:
        """Wait for the end of the load."""
        return self._windows.pop(load).tally()

    # Locust

    def prepare_locust(self) -> dict[str, str]:
        """Make its environment; returns its packages' versions."""
        self._locust = prepare_locust(self._cache)
        return installed(self._locust)

    def locusts(self, method: str, *arguments: Any) -> Any:
        """Call a method of `LocustsHere`."""
        assert self._locusts is not None
        return getattr(self._locusts, method)(*arguments)

    def clock_ns(self) -> int:
        """Monotonic time here."""
        return time.monotonic_ns()

    def stop_locusts(self) -> dict[str, bytes]:
        """End Locust here; returns its page and its logs, by name, which are not kept here."""
        self.locusts("stop")
        files = [path for path in self._locust_folder.iterdir() if path.suffix in _KEPT]
        bodies = {path.name: path.read_bytes() for path in files}
        for path in files:
            path.unlink()
        return bodies

    @property
    def _locust_folder(self) -> Path:
        folder = self._logs / "locust"
        folder.mkdir(exist_ok=True)
        return folder

    # The watch

    def open_instruments(self) -> None:
        """Start what loads and watches here, and keep this process off the measured cores."""
        roles, study = self._duty.roles, self._study
        enter = self._instruments.enter_context
        self._instruments.callback(self._forget_instruments)
        measured = {cpu for cpus in self._duty.cores.values() for cpu in cpus}
        self._instruments.callback(_bind, _bind(os.sched_getaffinity(0) - measured))
        load = self._duty.cores.get("load", ())
        if "load" in roles and study.delayed:
            log = self._logs / "relay.log"
            self._relay = enter(RelayInjector(load, log, self._duty.host))
        if study.ramped:
            if self._locust is not None:
                self._locusts = LocustsHere(
                    self._locust, self._locust_folder, load, self._duty.host
                )
                self._instruments.callback(self._locusts.stop)
            return
        if "load" in roles:
            self._generators["first"] = enter(
                ProcessGenerator(load, self._logs / "generator.log", study.load.generators)
            )
            if any(condition.beside is not None for condition in study.conditions):
                self._generators["second"] = enter(
                    ProcessGenerator(load, self._logs / "background.log")
                )
        if "application" in roles and study.load.probe:
            self._probe = enter(SpeedProbe(self._duty.cores["application"]))
        self.open_watch()

    def open_watch(self) -> None:
        """Watch from now on, anew where it did: PostgreSQL may be another one."""
        self._watching.close()
        probe = self._probe
        postmaster = None if self._postgres is None else self._postgres.pid
        gauges = Gauges(
            postmaster,
            tuple(pid for g in self._generators.values() for pid in g.pids),
            frozenset(self._duty.counted),
            helpers=lambda: () if probe is None else probe.pids,
            relays=() if self._relay is None else self._relay.pids,
        )
        lookout = self._watching.enter_context(open_lookout(gauges, postmaster, probe))
        self._watch = WatchHere(gauges, lookout, probe, SystemClock())

    def close_instruments(self) -> None:
        """Stop them."""
        self._watching.close()
        self._instruments.close()

    def _forget_instruments(self) -> None:
        self._watch, self._relay, self._probe, self._locusts = None, None, None, None
        self._generators.clear()

    def begin(self, key: int) -> int:
        """See `Watch.begin`."""
        return self._own_watch().begin(self._servers[key])

    def before(self, key: int | None) -> Reading:
        """See `Watch.ready` and `Watch.before`."""
        watch = self._own_watch()
        watch.ready()
        return watch.before(self._server(key))

    def read(self, key: int | None) -> Reading:
        """See `Watch.read`."""
        return self._own_watch().read(self._server(key))

    def after(self, key: int | None, paused_ns: int, period: tuple[int, int] | None) -> Seen:
        """See `Watch.after`."""
        seen = self._own_watch().after(self._server(key), paused_ns, period)
        return msgspec.structs.replace(seen, events=tuple(map(self._placed, seen.events)))

    def between(
        self,
        key: int | None,
        paused_ns: int,
        period: tuple[int, int] | None,
        following: int | None,
    ) -> tuple[Seen, Reading]:
        """Look after a turn, and before the next one: `after` and `before` in one call."""
        return self.after(key, paused_ns, period), self.before(following)

    def database_restarted(self) -> bool:
        """See `Watch.database_restarted`."""
        return self._own_watch().database_restarted()

    def _placed(self, event: Event) -> Event:
        """An event of a machine without the application names its machine."""
        if "application" in self._duty.roles:
            return event
        where = f"on the machine of the {' and the '.join(self._duty.roles)}: "
        return msgspec.structs.replace(event, detail=where + event.detail)

    def _server(self, key: int | None) -> LiveServer | None:
        return None if key is None else self._servers[key]

    def _own_watch(self) -> WatchHere:
        if self._watch is None:
            raise GeneratorFailed("The instruments of a machine are closed; try again.")
        return self._watch


class _Window:
    """A window that runs in a thread, while its edges are awaited from elsewhere."""

    def __init__(self, run: Callable[[Callable[[Edge], None]], Tally]) -> None:
        self._edges: SimpleQueue[Edge | None] = SimpleQueue()
        self._outcome: Tally | BaseException | None = None
        self._thread = threading.Thread(target=self._load, args=(run,), name="window", daemon=True)
        self._thread.start()

    def _load(self, run: Callable[[Callable[[Edge], None]], Tally]) -> None:
        try:
            self._outcome = run(self._edges.put)
        except BaseException as error:
            self._outcome = error
        self._edges.put(None)

    def edge(self) -> Edge | None:
        """The next edge, when it comes; None if the load ended before."""
        return self._edges.get()

    def tally(self) -> Tally:
        """What was counted, at the end.

        Raises:
            BaseException: whatever ended the load.
        """
        self._thread.join()
        if isinstance(self._outcome, Tally):
            return self._outcome
        assert self._outcome is not None
        raise self._outcome


def reaches(host: str, port: int) -> str | None:
    """Why this machine does not reach a port; None if it does."""
    try:
        socket.create_connection((host, port), timeout=_REACH_S).close()
    except OSError as error:
        return error.strerror or str(error) or "no answer"
    return None


def _bind(cpus: set[int]) -> set[int]:
    """Bind all threads of this process; returns the processors that it had. None left: no change.

    Threads that start later inherit it.
    """
    before = os.sched_getaffinity(0)
    if cpus:
        for task in os.listdir("/proc/self/task"):  # noqa: PTH208
            try:
                os.sched_setaffinity(int(task), cpus)
            except (OSError, ValueError):  # it has just ended
                continue
    return before
