"""A Dask cluster as the venue of a run: machines are found by their roles, compared, and used."""

import asyncio
import contextlib
import importlib
import logging
import math
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from harness.base.errors import DatabaseFailed, UsageError, nearest, plain
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Study
from harness.lab.limits import Limits
from harness.lab.postgres.database import Database
from harness.lab.postgres.url import address_of
from harness.lab.postgres.waits import WaitSampler
from harness.lab.thread_limits import ThreadLimit
from harness.load.ceiling import Ceiling
from harness.records.run import MachineRecord
from harness.runner.examine import Environments, Examination, most_at_once, tell_of_each
from harness.runner.instruments import Instruments
from harness.runner.laboratory import Laboratory
from harness.runner.legs import Legs
from harness.runner.locust_cells.tools import RampTools
from harness.runner.places.actor import PlaceActor
from harness.runner.places.distant import (
    DistantApplication,
    DistantGenerator,
    DistantLocusts,
    DistantPlace,
    DistantPostgres,
    DistantRelay,
)
from harness.runner.places.distant_watch import DistantWatch
from harness.runner.places.place import digests, kernel, reaches
from harness.runner.places.roles import ROLES, Duty, MachineFacts, Role, cores_of, numbered
from harness.runner.places.sets import (
    PREFIX,
    check_sets,
    find_sets,
    refuse_unequal,
    told_shared,
)
from harness.runner.servers import Launcher
from harness.runner.side_by_side import side_by_side
from harness.runner.time_left import Stage
from harness.runner.watch import Watch

_CONNECT_S = 5.0
_SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")
_DOCS = "docs/machines.md"


@contextmanager
def connected(laboratory: Laboratory, study: Study) -> Iterator[tuple["Cluster", ...]]:
    """The sets of machines of the cluster that the laboratory names, within the block.

    Raises:
        UsageError: there is none; in a set a role is missing, or two machines have it; sets are not
            equal; or a machine has other code, another contract or other locks than this one.
    """
    address = laboratory.cluster
    assert address is not None
    _check_network(study)
    laboratory.listener.step(f"connecting to the cluster at {plain(address)}", Stage.ENVIRONMENT)
    with ExitStack() as stack:
        client = stack.enter_context(_client(address))
        wanted = [r for r in ROLES if r != "database" or laboratory.database_url is None]
        offers = find_sets(_offers(client), address)
        check_sets(study, offers, laboratory.database_url)
        locust = study.load if study.ramped else None
        roles = {
            name: find_roles(own, wanted, address, locust, name) for name, own in offers.items()
        }
        places: list[DistantPlace] = []
        stack.callback(_close, places)

        def joined(own: Mapping[str, tuple[Role, ...]]) -> list[DistantPlace]:
            """The places of a set; a worker's first takes seconds, because it imports all."""
            made = []
            for place in _places(client, address, own):
                places.append(place)
                made.append(place)
            return made

        shared = Shared()
        of_sets = side_by_side(joined, list(roles.values()), len(roles))
        sets = [
            Cluster(laboratory, study, own, name, shared)
            for name, own in zip(roles, of_sets, strict=True)
        ]
        refuse_unequal(sets)
        if told := told_shared(sets):
            laboratory.listener.noticed(told)
        yield tuple(sets)


def _close(places: Sequence[DistantPlace]) -> None:
    """Stop all that was started on these machines, on all at the same time."""
    for _ in side_by_side(DistantPlace.close, places, len(places)):
        pass


def _check_network(study: Study) -> None:
    """The kernel's delay is of a whole interface: it would hold up Dask's messages too."""
    if study.delayed and study.network.injector == "netem":
        raise UsageError(
            "netem delays the loopback of one machine, and over a cluster it would delay the "
            'harness too; use the relay (`[network] injector = "relay"`).'
        )


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """The engine's client, connected to the scheduler."""
    if urlsplit(address).scheme not in _SCHEMES:
        raise UsageError(
            f"--cluster `{plain(address)}` is no address of a scheduler; write "
            "tcp://HOST:8786, or tls://HOST:8786."
        )
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise UsageError(
            "--cluster needs Dask's `distributed`, which is an extra; install it with "
            "`uv sync --extra cluster`."
        ) from None
    for name in ("distributed", "distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it warns of what we tell better
    try:
        asyncio.run(_greet(distributed, address))
        client = distributed.Client(address, timeout=_CONNECT_S, direct_to_workers=True)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"No Dask scheduler answers at {plain(address)} "
            f"({plain(' '.join(str(error).split()) or 'it is silent', 100)}); start one there with "
            f"`dask scheduler`, or correct --cluster ({_DOCS})."
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=_CONNECT_S)


async def _greet(distributed: Any, address: str) -> None:
    """Ask who listens there; the client itself would wait for a silent one without end.

    Raises:
        OSError: none does, or it is no scheduler.
        TimeoutError: it does not answer.
        UsageError: it is to be reached by TLS, and no certificate is named.
    """
    own = distributed.Security().get_connection_args("client")
    if urlsplit(address).scheme == "tls" and not own.get("ssl_context"):
        raise UsageError(
            "--cluster with tls:// needs certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
            f"DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY ({_DOCS})."
        )
    try:
        async with asyncio.timeout(_CONNECT_S):
            comm = await distributed.core.connect(address, timeout=_CONNECT_S, **own)
            try:
                await comm.write({"op": "identity", "reply": True})
                identity = await comm.read()
            finally:
                comm.abort()
    except MemoryError:  # its first bytes are taken for a length
        raise OSError("it speaks another protocol") from None
    if identity.get("type") != "Scheduler":
        raise OSError(f"it is a {str(identity.get('type', 'stranger')).lower()}")


def _offers(client: Any) -> dict[str, list[str]]:
    """By worker's address, the names of its resources."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {
        address: sorted(name for name, amount in worker["resources"].items() if amount > 0)
        for address, worker in sorted(workers.items())
    }


def find_roles(
    offers: Mapping[str, Sequence[str]],
    wanted: Sequence[Role],
    cluster: str,
    locust: LoadSettings | None = None,
    machine_set: str | None = None,
) -> dict[str, tuple[Role, ...]]:
    """The machine of each role in a set; with Locust, there may be one for each of its processes.

    Args:
        offers: by worker's address, the names of its resources.
        wanted: roles.
        cluster: the scheduler's address, for the remedy.
        locust: what it is given, where it loads.
        machine_set: its name; None where there is one set without.

    Returns:
        By worker's address, its roles.

    Raises:
        UsageError: no worker offers a role, or too many do.
    """
    found: dict[str, list[Role]] = {}
    where = "the cluster" if machine_set is None else f"the set {plain(machine_set)}"
    for role in wanted:
        having = [worker for worker, names in offers.items() if role in names]
        named = f"{role}=1" if machine_set is None else f'"{role}=1 {PREFIX}{plain(machine_set)}=1"'
        command = f"`dask worker {plain(cluster)} --resources {named}`"
        if not having:
            others = sorted(
                {name for names in offers.values() for name in names if not name.startswith(PREFIX)}
                - set(ROLES)
            )
            near = nearest(role, others)
            hint = f" A worker offers `{plain(near)}`, which is no role." if near else ""
            raise UsageError(
                f"No machine of {where} offers the role `{role}` "
                f"({len(offers)} worker{'s' * (len(offers) != 1)} joined).{hint} Start one with "
                f"{command}."
            )
        most = locust.processes if locust is not None and role == "load" else 1
        if len(having) > most:
            raise UsageError(
                f"{len(having)} machines offer the role `{role}` ({', '.join(having)}), and "
                f"{where} needs {'one' if most == 1 else f'{most} at most'}; stop the others"
                + _or_else(len(having), role, locust, machine_set)
            )
        for worker in having:
            found.setdefault(worker, []).append(role)
    return {worker: tuple(roles) for worker, roles in found.items()}


def _or_else(number: int, role: Role, locust: LoadSettings | None, machine_set: str | None) -> str:
    """What else can be done with so many machines of one role; the end of a sentence."""
    if locust is not None:
        several = f", or let Locust use them: `[load] processes = {number}`."
        return several if role == "load" else "."
    if machine_set is not None:
        return "."
    return f", or sort all into sets (`{PREFIX}NAME=1`, {_DOCS})."


def _places(
    client: Any, cluster: str, roles: Mapping[str, tuple[Role, ...]]
) -> Iterator[DistantPlace]:
    """An actor on each machine."""
    for address, own in roles.items():
        host = urlsplit(address).hostname or ""
        title = f"{host} ({', '.join(own)})"
        try:
            actor = client.submit(
                PlaceActor, actor=True, workers=[address], allow_other_workers=False, pure=False
            ).result(timeout=60)
        except (ImportError, AttributeError, TimeoutError, RuntimeError) as error:
            raise UsageError(
                f"The worker on {title} cannot load bridgetoll ({plain(error, 100)}); start it in "
                f"its checkout with `uv run --extra cluster dask worker {plain(cluster)}` "
                f"({_DOCS})."
            ) from error
        yield DistantPlace(actor, title, own, host)


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Names of what is not the same on two machines."""
    names = sorted({*ours, *theirs})
    return [name for name in names if ours.get(name) != theirs.get(name)]


class Shared(msgspec.Struct):
    """What the sets of a cluster have in common.

    kernels: of their machines, each once; its place is the number of the machine.
    locked: numbers of those on which no other process measures.
    """

    kernels: list[str] = []
    locked: set[int] = set()


class Cluster:
    """A set of machines; see `Venue`.

    Args:
        laboratory, study: of the run.
        places: its machines.
        name: of the set; None where there is one without.
        shared: with the other sets.

    Raises:
        UsageError: a machine has other code, another contract or other locks than this one.
    """

    def __init__(
        self,
        laboratory: Laboratory,
        study: Study,
        places: Sequence[DistantPlace],
        name: str | None,
        shared: Shared,
    ) -> None:
        self.name = name
        self._shared = shared
        self._laboratory = laboratory
        self._study = study
        self._places = places
        self._of: dict[Role, DistantPlace] = {
            role: place for place in reversed(places) for role in place.roles
        }
        self._loads = [place for place in places if "load" in place.roles]
        facts: list[MachineFacts] = [place.facts(study) for place in places]
        ours = digests(laboratory.workspace, laboratory.catalog, study)
        for place, told in zip(places, facts, strict=True):
            _check_same(place, differences(ours, told.digests))
        kernels = shared.kernels
        kernels += dict.fromkeys(t.kernel for t in facts if t.kernel not in kernels)
        self._among = kernel() in {told.kernel for told in facts}
        self._numbers = [kernels.index(told.kernel) for told in facts]
        self.machines = tuple(
            MachineRecord(number, place.roles, told.described, name)
            for number, place, told in zip(self._numbers, places, facts, strict=True)
        )
        self._assign(facts)

    def _assign(self, facts: Sequence[MachineFacts]) -> None:
        """Give each machine its roles and cores; a processor's time is counted by one place."""
        study = self._study
        senders = -(-study.load.senders // len(self._loads))
        own_of: list[dict[Role, tuple[int, ...]]] = [
            {
                role: cores_of(role, told.cores, workers=study.most_workers, generators=senders)
                for role in place.roles
            }
            for place, told in zip(self._places, facts, strict=True)
        ]
        self.cores = numbered(list(zip(self._numbers, own_of, strict=True)))
        counted: set[tuple[int, int]] = set()
        for number, place, own in zip(self._numbers, self._places, own_of, strict=True):
            fresh = {(number, cpu) for cpus in own.values() for cpu in cpus} - counted
            counted |= fresh
            place.open(
                Duty(
                    study=study,
                    roles=place.roles,
                    host=place.host,
                    cores=own,
                    counted=tuple(sorted(cpu for _, cpu in fresh)),
                )
            )
        for number, place in zip(self._numbers, self._places, strict=True):
            if number not in self._shared.locked:
                place.call("alone")
                self._shared.locked.add(number)

    def halt(self) -> None:
        """See `Venue.halt`."""
        for place in self._places:
            place.halt()

    @property
    def machine(self) -> dict[str, str | int]:
        """See `Venue.machine`."""
        return next(m.described for m in self.machines if "application" in m.roles)

    def prepare(self, made: Environments | None = None) -> Environments:
        """See `Venue.prepare`; only the application's machine makes environments."""
        del made  # on this machine, which measures nothing
        catalog, packages = self._laboratory.catalog, dict[str, dict[str, str]]()
        for name in self._study.everyone:
            folder = catalog.variant(name).implementation
            if folder not in packages:
                self._laboratory.listener.step(f"environment of {folder}", Stage.ENVIRONMENT)
                packages[folder] = self._application.call("prepare", folder)
        locust: dict[str, str] | None = None
        if self._study.ramped:
            self._laboratory.listener.step("environment of Locust", Stage.ENVIRONMENT)
            for place in self._loads:
                locust = place.call("prepare_locust")
        self._check_ways()
        return Environments({}, None, packages, locust)

    def _check_ways(self) -> None:
        """The load, and this machine, must reach the application; Locust's workers their master.

        Raises:
            UsageError: one of them does not.
        """
        first, *others = self._loads
        _check_way(self._application, "application's", self._loads, here=True)
        if others:
            _check_way(first, "Locust master's", others)

    def named(self, role: Role) -> str:
        """See `Venue.named`."""
        return f"the machine {self._of[role].title}"

    def thread_limits(self) -> Sequence[ThreadLimit]:
        """See `Venue.thread_limits`."""
        limits: Sequence[ThreadLimit] = self._application.call("thread_limits")
        return limits

    def limits(self) -> Limits:
        """See `Venue.limits`; the lowest of all machines that load."""
        limits: list[Limits] = [place.call("limits") for place in self._loads]
        return min(limits, key=lambda own: math.inf if own.in_all is None else own.in_all)

    def ceiling(self) -> Ceiling:
        """See `Venue.ceiling`; within the machine of the load."""
        ceiling = self._of["load"].call("ceiling")
        assert isinstance(ceiling, Ceiling)
        return ceiling

    @contextmanager
    def database(self) -> Iterator[Database]:
        """See `Venue.database`: on its machine, or the one that the user named.

        Raises:
            UsageError: the application does not reach it.
        """
        url, own = self._laboratory.database_url, None
        if url is None:
            self._laboratory.listener.step("starting PostgreSQL", Stage.DATABASE)
            there = self._of["database"]
            peers = [place.host for place in self._places if place is not there]
            url = str(there.call("start_database", [*peers, _seen_by(there.host)]))
            own = DistantPostgres(there)
        problem = self._application.call("reaches_database", url)
        if problem is not None:
            raise UsageError(
                f"The application's machine {self._application.host} cannot use the database at "
                f"{address_of(url).host}, port {address_of(url).port} ({problem}); let the "
                f"firewall and pg_hba.conf admit it ({_DOCS})."
            )
        with Database(url, self._laboratory.contract, own) as database:
            yield database

    def examine(
        self,
        environments: Environments,
        database: Database,
        logs: Path,
    ) -> Sequence[Examination]:
        """See `Venue.examine`: on the application's machine."""
        del environments, logs  # both are there

        def one(name: str) -> Examination:
            found = self._application.call("examine", name, database.url)
            assert isinstance(found, Examination)
            return found

        processors = int(self.machine["processors"])
        at_once = most_at_once(self._laboratory, self._study, processors)
        coming = side_by_side(one, self._study.everyone, at_once)
        return tell_of_each(self._laboratory.listener, self._study, coming, at_once)

    def launcher(self, environments: Environments, logs: Path) -> Launcher:
        """See `Venue.launcher`."""
        del environments, logs  # both are on the application's machine
        there = DistantApplication(self._application)
        return Launcher(self._study, self._laboratory.catalog, there.start)

    @contextmanager
    def instruments(self, database: Database, logs: Path) -> Iterator[Instruments]:
        """See `Venue.instruments`: each machine has its own."""
        del logs  # each machine keeps them for itself
        study, load = self._study, self._of["load"]
        with ExitStack() as stack:
            legs = stack.enter_context(self._opened())

            def meanwhile() -> None:
                for place in self._places:
                    place.check_alive()
                database.check_alive()

            second = any(condition.beside is not None for condition in study.conditions)
            alone = load if load.roles == ("load",) else None
            watch = DistantWatch(self._places, among=self._among, loading=alone)
            own_watch = None if alone is None else watch
            yield Instruments(
                generator=DistantGenerator(load, "first", meanwhile, own_watch),
                background=DistantGenerator(load, "second", meanwhile) if second else None,
                legs=legs,
                watch=watch,
                sampler=stack.enter_context(
                    WaitSampler(database.connect, study.load.samples_per_s)
                ),
                checks=(lambda: self._check(database), legs.check_alive),
            )

    @contextmanager
    def ramp_tools(
        self, environments: Environments, database: Database, logs: Path
    ) -> Iterator[RampTools]:
        """See `Venue.ramp_tools`: Locust runs on every machine that loads."""
        del environments  # they are on those machines

        @contextmanager
        def watching() -> Iterator[Watch]:
            for place in self._places:
                place.call("open_watch")
            yield DistantWatch(self._places, among=self._among)

        with self._opened() as legs:
            yield RampTools(
                machines=[DistantLocusts(place, logs) for place in self._loads],
                legs=legs,
                watching=watching,
                checks=(lambda: self._check(database), legs.check_alive),
            )

    @contextmanager
    def _opened(self) -> Iterator[Legs]:
        """The instruments of every machine; the relay is on the first that loads."""
        with ExitStack() as stack:
            for place in self._places:
                stack.callback(_quietly, place)
                place.call("open_instruments")
            yield Legs(DistantRelay(self._of["load"]) if self._study.delayed else None)

    def _check(self, database: Database) -> None:
        """Notice that a machine, or PostgreSQL, has gone; the former may be the cause of both."""
        for place in self._places:
            place.check_alive()
        try:
            database.check_answers()
        except DatabaseFailed:
            for place in self._places:
                place.confirm()
            raise

    @property
    def _application(self) -> DistantPlace:
        return self._of["application"]


def _quietly(place: DistantPlace) -> None:
    """Close its instruments; a machine that has gone has none."""
    with contextlib.suppress(Exception):
        place.call("close_instruments")


def _check_way(
    there: DistantPlace, whose: str, others: Sequence[DistantPlace], *, here: bool = False
) -> None:
    """Machines must reach another one.

    Args:
        there: which.
        whose: what it is, for readers.
        others: that must reach it.
        here: whether this machine must, too.

    Raises:
        UsageError: one of them does not.
    """
    port = int(there.call("listen"))
    try:
        ways = [("This machine", reaches(there.host, port))] if here else []
        ways += [(f"The machine {o.title}", o.call("reaches", there.host, port)) for o in others]
    finally:
        there.call("unlisten")
    for who, problem in ways:
        if problem is not None:
            raise UsageError(
                f"{who} does not reach the {whose} machine {there.host} ({problem}); open its "
                f"ports from 10,240 on to it in the firewall ({_DOCS})."
            )


def _check_same(place: DistantPlace, different: Sequence[str]) -> None:
    if different:
        raise UsageError(
            f"The machine {place.title} has something else than this one: "
            f"{', '.join(different)}; bring both checkouts to the same commit, and its files to "
            "the same state."
        )


def _seen_by(host: str) -> str:
    """The address of this machine that another one sees; no packet is sent."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((host, 9))
        seen: str = s.getsockname()[0]
    return seen
