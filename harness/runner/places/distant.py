"""Another machine as the runner uses it: servers, a generator, PostgreSQL, a relay."""

import contextlib
import pickle
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

import msgspec

from harness.base import errors
from harness.base.channel import POLL_S
from harness.base.errors import BridgetollError, PlaceLost, RunEnds
from harness.inputs.settings import ApplicationSettings, DatabaseSettings, ServerSettings
from harness.lab.clocks import Usage
from harness.lab.latency.injector import Leg
from harness.lab.network import Address
from harness.lab.process import Stoppable
from harness.lab.servers import RunningServer
from harness.lab.workers import WorkerState
from harness.load.generator import Edge
from harness.load.locust.driver import Member, RampPlan
from harness.load.locust.notes import Notes
from harness.load.protocol import Arrivals, Exchange, Opened, Tally
from harness.records.trial import Resource
from harness.runner.gauges import Reading
from harness.runner.places.actor import Refusal
from harness.runner.places.roles import Duty, Role
from harness.runner.watch import Seen

_PING_S, _PATIENCE_S = 2.0, 15.0
"""Between two signs of life, and until a machine that gives none is lost."""


class Pending(Protocol):
    """A call under way, as the engine has it."""

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its result; TimeoutError after so many seconds."""


class _Call:
    """A call of a method under way; its result travels pickled, as `PlaceActor.call` says."""

    def __init__(self, packed: Pending) -> None:
        self._packed = packed

    def result(self, timeout: float | None = None) -> Any:
        """See `Pending.result`."""
        return pickle.loads(self._packed.result(timeout))


class DistantPlace:
    """One machine of a cluster. It is asked for signs of life until it is closed.

    Args:
        actor: of the engine.
        title: names the machine for readers: its roles and its address.
        roles, host: of the machine.
    """

    def __init__(self, actor: Any, title: str, roles: Sequence[Role], host: str) -> None:
        self._actor = actor
        self.title = title
        self.roles = tuple(roles)
        self.host = host
        self._lost: str | None = None
        self._halted = False
        self._end = threading.Event()
        self._token = self.wait(actor.ping())
        self._thread = threading.Thread(target=self._keep_asking, name=title, daemon=True)
        self._thread.start()

    def check_alive(self) -> None:
        """Notice that the machine has gone.

        Raises:
            PlaceLost: it has.
        """
        if self._halted:
            raise RunEnds("The run ends; continue it later.")
        if self._lost is not None:
            raise PlaceLost(
                f"The machine {self.title} is lost: {self._lost}; start its worker again, then "
                "continue the run."
            )

    def halt(self) -> None:
        """Let every call under way fail soon, and every further one, except to close it."""
        self._halted = True

    def confirm(self) -> None:
        """Ask for a sign of life now, where something else failed that may be the machine's end.

        Raises:
            PlaceLost: it gives none.
        """
        self.check_alive()
        try:
            token = self._actor.ping().result(timeout=_PATIENCE_S)
        except Exception:
            self._lose("it gives no sign of life")
        if token != self._token:
            self._lose("its worker was started anew")

    def _lose(self, how: str) -> NoReturn:
        self._lost = self._lost or how
        self.check_alive()
        raise AssertionError

    def begin(self, method: str, *arguments: Any) -> Pending:
        """Call a method of the place, and do not wait."""
        self.check_alive()
        try:
            packed = self._actor.call(pickle.dumps((method, arguments)))
        except RuntimeError:  # the engine knows already
            self._lose("its worker has left the cluster")
        return _Call(packed)

    def call(
        self,
        method: str,
        *arguments: Any,
        meanwhile: Callable[[], None] | None = None,
    ) -> Any:
        """Call a method of the place.

        Args:
            method, arguments: of `OwnPlace`.
            meanwhile: is called a few times a second; what it raises ends the waiting.

        Raises:
            PlaceLost: the machine has gone.
            BridgetollError: what it refused.
        """
        return self.wait(self.begin(method, *arguments), meanwhile)

    def wait(self, pending: Pending, meanwhile: Callable[[], None] | None = None) -> Any:
        """Wait for a call; see `call`."""
        while True:
            try:
                answer = pending.result(timeout=POLL_S if meanwhile else _PING_S)
            except TimeoutError:
                self.check_alive()
                if meanwhile is not None:
                    meanwhile()
                continue
            except (OSError, RuntimeError) as error:
                if "Actor" in str(error) or isinstance(error, ConnectionError):
                    self._lose("its worker does not answer")
                raise
            if isinstance(answer, Refusal):
                raise _error(answer, self.title)
            return answer

    def facts(self, study: Any) -> Any:
        """See `place.facts`."""
        return self.wait(self._actor.facts(study))

    def open(self, duty: Duty) -> None:
        """Take up roles."""
        self.duty = duty
        self.wait(self._actor.open(duty))

    def close(self) -> None:
        """Stop all that was started there."""
        self._end.set()
        if self._lost is None:
            with contextlib.suppress(Exception):
                self._actor.close().result(timeout=_PATIENCE_S)

    def _keep_asking(self) -> None:
        heard = time.monotonic()
        while not self._end.wait(_PING_S):
            try:
                token = self._actor.ping().result(timeout=_PATIENCE_S)
            except Exception as error:  # whatever the engine raises, it is no sign of life
                silent = time.monotonic() - heard
                if isinstance(error, TimeoutError) and silent < _PATIENCE_S:
                    continue
                self._lost = f"it has given no sign of life for {silent:.0f} s"
                return
            if token != self._token:
                self._lost = "its worker was started anew"
                return
            heard = time.monotonic()


def _error(refusal: Refusal, title: str) -> BridgetollError:
    """The same error, or its nearest base that takes a text alone; it names its machine."""
    kind: type[BridgetollError] = getattr(errors, refusal.kind)
    return kind(f"On the machine {title}: {refusal.text}")


class DistantServer:
    """A server on another machine; see `RunningServer`."""

    distant = True

    def __init__(self, place: DistantPlace, key: int, port: int, name: str) -> None:
        self._place = place
        self.key = key
        self.port = port
        self.name = name
        self.process: Stoppable = _Stopping(place, key)
        self.stopped = False
        self._seen_running = False

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(self._place.host, self.port)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{self._place.host}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its main process lives; no call is made just after a look that saw it."""
        seen, self._seen_running = self._seen_running, False
        return seen or bool(self._place.call("server_runs", self.key))

    def seen_running(self) -> None:
        """The look after its turn saw its main process live."""
        self._seen_running = True

    def await_ready(self) -> None:
        """See `RunningServer.await_ready`."""
        self._place.call("await_server", self.key)

    def cpu_ns(self) -> int:
        """See `RunningServer.cpu_ns`; 0 where the machine is lost, as nothing is measured there."""
        with contextlib.suppress(PlaceLost):
            return int(self._place.call("server_cpu_ns", self.key))
        return 0

    def usage(self) -> Usage | None:
        """See `RunningServer.usage`."""
        with contextlib.suppress(PlaceLost):
            usage = self._place.call("server_usage", self.key)
            assert isinstance(usage, Usage)
            return usage
        return None

    def read_workers(self) -> dict[int, WorkerState]:
        """See `RunningServer.read_workers`; none where the machine is lost."""
        with contextlib.suppress(PlaceLost):
            workers: dict[int, WorkerState] = self._place.call("server_workers", self.key)
            return workers
        return {}

    def deviation(self) -> str | None:
        """See `RunningServer.deviation`."""
        return msgspec.convert(self._place.call("server_deviation", self.key), str | None)

    def last_words(self) -> str:
        """See `RunningServer.last_words`."""
        return str(self._place.call("server_words", self.key))

    def log_size(self) -> int:
        """See `RunningServer.log_size`."""
        return int(self._place.call("server_log_size", self.key))

    def exhausted(self, since: int = 0) -> tuple[Resource, ...]:
        """See `RunningServer.exhausted`; nothing where the machine is lost."""
        with contextlib.suppress(PlaceLost):
            found: tuple[Resource, ...] = self._place.call("server_exhausted", self.key, since)
            return found
        return ()

    def ending(self) -> str:
        """See `RunningServer.ending`."""
        return str(self._place.call("server_ending", self.key))

    def stop(self) -> None:
        """Stop it with all its children."""
        self.stopped = True
        self._place.call("stop_server", self.key)

    def stop_soon(self) -> None:
        """See `RunningServer.stop_soon`: its machine never has more patience."""
        self.stop()


class _Stopping:
    """Stops a distant server in one call, while others are stopped too."""

    def __init__(self, place: DistantPlace, key: int) -> None:
        self._place = place
        self._key = key
        self._pending: Pending | None = None

    @property
    def running(self) -> bool:
        """Whether it is still being stopped; its own machine waits and kills."""
        return False

    def ask_to_stop(self, _: Mapping[int, int], /) -> None:
        """Let its machine stop it."""
        with contextlib.suppress(PlaceLost):
            self._pending = self._place.begin("stop_server", self._key)

    def kill(self) -> None:
        """Its machine does."""

    def reap(self) -> None:
        """Wait until its machine has stopped it."""
        if self._pending is not None:
            with contextlib.suppress(PlaceLost):
                self._place.wait(self._pending)


class DistantApplication:
    """Starts servers on another machine; see `servers.Application`."""

    def __init__(self, place: DistantPlace) -> None:
        self._place = place

    def start(
        self, variant: str, settings: ApplicationSettings, given: ServerSettings, log: str
    ) -> DistantServer:
        """Start a server without waiting until it is ready."""
        key, port = self._place.call("start_server", variant, settings, given, log)
        return DistantServer(self._place, key, port, variant)


class DistantPostgres:
    """PostgreSQL on another machine; see `OwnPostgres`."""

    postmaster = None
    """Its own machine watches it."""
    _EVERY_S = 1.0

    def __init__(self, place: DistantPlace) -> None:
        self._place = place
        self._asked = time.monotonic()

    def check_alive(self) -> None:
        """See `OwnPostgres.check_alive`; asked once a second at most."""
        self._place.check_alive()
        if time.monotonic() - self._asked >= self._EVERY_S:
            self._asked = time.monotonic()
            self._place.call("check_database")

    def restart(self, settings: DatabaseSettings) -> None:
        """See `OwnPostgres.restart`."""
        self._place.call("restart_database", settings)


class Noting(Protocol):
    """The watch, as a machine that only loads tells it of its own looks: a `DistantWatch`."""

    def before_window(self) -> None:
        """It begins a window: it is to look now."""

    def note(self, before: Reading, after: Seen) -> None:
        """It has looked around its slice."""


class DistantGenerator:
    """The generator on another machine; see `Generator`.

    Args:
        place: the machine. load: "first" or "second".
        meanwhile: is called a few times a second while a load is waited for.
        watch: of the run, where the machine does nothing but load: it looks before and after a
            slice in the same call.
    """

    pids: tuple[int, ...] = ()
    """Its own machine watches it."""

    def __init__(
        self,
        place: DistantPlace,
        load: str,
        meanwhile: Callable[[], None],
        watch: Noting | None = None,
    ) -> None:
        self._place = place
        self._load = load
        self._meanwhile = meanwhile
        self._watch = watch

    def open(
        self, target: str, host: str, port: int, *, connections: int, keep_alive: bool = True
    ) -> Opened:
        """See `Generator.open`."""
        opened = self._place.call("open", self._load, target, host, port, connections, keep_alive)
        assert isinstance(opened, Opened)
        return opened

    def close(self, target: str) -> None:
        """See `Generator.close`."""
        self._place.call("close_target", self._load, target)

    def slice(
        self, target: str, exchange: Exchange, seconds: float, timeout_s: float = 30.0
    ) -> Tally:
        """See `Generator.slice`."""
        if self._watch is None:
            return self._tally("slice", target, exchange, seconds, timeout_s)
        tally, before, after = self._place.call(
            "watched_slice", self._load, target, exchange, seconds, timeout_s,
            meanwhile=self._meanwhile,
        )  # fmt: skip
        assert isinstance(tally, Tally)
        self._watch.note(before, after)
        return tally

    def window(
        self,
        target: str,
        exchange: Exchange,
        *,
        warmup_s: float,
        seconds: float,
        timeout_s: float = 30.0,
        arrivals: Arrivals | None = None,
        at_edge: Callable[[Edge], None] = lambda _: None,
    ) -> Tally:
        """See `Generator.window`. The clocks are read a call's time after each edge."""
        if self._watch is not None:
            self._watch.before_window()
        self._place.call(
            "begin_window", self._load, target, exchange, warmup_s, seconds, timeout_s, arrivals
        )
        for _ in range(2):
            edge = self._place.call("await_edge", self._load, meanwhile=self._meanwhile)
            if edge is None:
                break
            at_edge(edge)
        return self._tally("window_tally")

    def _tally(self, method: str, *arguments: Any) -> Tally:
        tally = self._place.call(method, self._load, *arguments, meanwhile=self._meanwhile)
        assert isinstance(tally, Tally)
        return tally


class DistantLocusts:
    """Locust's processes on another machine; see `Locusts`.

    Args:
        place: the machine.
        folder: where Locust's page and logs are kept, once they have ended.
    """

    look_s = 0.5
    """Each look is a call, which costs the machine a thousandth of a core and the load a little."""

    def __init__(self, place: DistantPlace, folder: Path) -> None:
        self._place = place
        self._folder = folder

    @property
    def cpus(self) -> Sequence[int]:
        """See `Locusts`."""
        return self._place.duty.cores["load"]

    def lead(self, plan: RampPlan, url: str, name: str) -> None:
        """See `Locusts.lead`."""
        self._place.call("locusts", "lead", plan, url, name)

    def master(self) -> Address | None:
        """See `Locusts.master`."""
        return msgspec.convert(self._place.call("locusts", "master"), Address | None)

    def follow(self, plan: RampPlan, name: str, numbers: Sequence[int], master: Address) -> None:
        """See `Locusts.follow`."""
        self._place.call("locusts", "follow", plan, name, numbers, master)

    def look(self) -> Sequence[Member]:
        """See `Locusts.look`; each tells its machine."""
        seen: Sequence[Member] = self._place.call("locusts", "look")
        where = f" on {self._place.host}"
        return [msgspec.structs.replace(member, title=member.title + where) for member in seen]

    def notes(self) -> list[Notes]:
        """See `Locusts.notes`."""
        noted: list[Notes] = self._place.call("locusts", "notes")
        return noted

    def ahead_ns(self) -> int:
        """See `Locusts.ahead_ns`."""
        before_ns = time.monotonic_ns()
        there_ns = int(self._place.call("clock_ns"))
        return there_ns - (before_ns + time.monotonic_ns()) // 2

    def stop(self) -> None:
        """See `Locusts.stop`; a machine that is lost stops them by itself."""
        with contextlib.suppress(BridgetollError):
            files: dict[str, bytes] = self._place.call("stop_locusts")
            for name, body in files.items():
                (self._folder / name).write_bytes(body)


class DistantRelay:
    """The relay on another machine; see `Injector`."""

    pids: tuple[int, ...] = ()
    delays_harness = False

    def __init__(self, place: DistantPlace) -> None:
        self._place = place

    def through(self, leg: Leg, target: Address) -> Address:
        """See `Injector.through`."""
        host, port = self._place.call("through", leg, target.host, target.port)
        return Address(host, port)

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """See `Injector.set_round_trip`."""
        self._place.call("set_round_trip", leg, milliseconds)

    def check_alive(self) -> None:
        """See `Injector.check_alive`."""
        self._place.call("check_relay")


def key_of(server: RunningServer) -> int:
    """By which a machine knows one of its servers."""
    assert isinstance(server, DistantServer)
    return server.key
