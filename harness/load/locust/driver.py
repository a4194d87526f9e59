"""Runs Locust up a ramp, in its own environment and on its own processors.

With several processes, one is a master and adds the users, who send from the others, its workers.
They run on this machine, or on several.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from harness.base.errors import LocustFailed, LocustWorkerLost
from harness.inputs.manifests import Implementation
from harness.lab.clocks import process_cpu_ns
from harness.lab.environments import prepare
from harness.lab.network import HOST, Address
from harness.lab.process import Child, launch, stop_together
from harness.load.locust.notes import Notes, RampResult, merge

_FOLDER = Path(__file__).parent
LOCUST = Implementation(
    name="locust",
    title="Locust",
    folder=_FOLDER,
    requires_python=">=3.12",
    variants=(),
    dependencies=("locust~=2.47",),
)
_VARIABLE = "BRIDGETOLL_RAMP"
_GRACE_S = 90.0
"""Locust starts, spawns late on a busy processor, and writes its page after the test."""
_LOOK_S, _POLL_S = 1.0, 0.1
_SHORT_S = 1.0
"""By how much a ramp may be shorter than planned: Locust checks its time once a second."""
_LATE_S = 3.0
"""By how much a worker's part may be shorter: it begins when it hears of the ramp. With another
machine's clock nobody can tell how late that was, so its answers count as that much earlier."""
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")
"""Not HOME: Locust would read settings there and in its working directory, unseen by the reader."""
_LOST = signal.SIGUSR1
"""By this signal a master ends itself when it misses a worker; nothing else sends it."""
_BUSY_S, _BUSY_SHARE = 10.0, 0.9
"""When Locust complains of its processor (locust/runners.py, `CPU_MONITOR_INTERVAL` and
`CPU_WARNING_THRESHOLD`). Of workers that share a processor none complains by itself."""


class RampPlan(msgspec.Struct, frozen=True):
    """The plan of one ramp.

    path: of the route. users, per_s, hold_s: see `settings.Ramp`.
    body: the only correct body of a route that reads, to the byte; None for a route that writes,
        whose answer must hold the texts that were sent.
    processes: that send; with more than one, a master leads them.
    """

    path: str
    users: int
    per_s: float
    hold_s: float
    client: Literal["fast", "http"]
    body: str | None
    processes: int = 1

    @property
    def length_s(self) -> float:
        """From the first user to the end."""
        return self.users / self.per_s + self.hold_s


def prepare_locust(cache: Path) -> Path:
    """Make its environment if it does not exist yet; return its interpreter.

    Raises:
        EnvironmentFailed: uv is missing, or could not install what the lock names.
    """
    return prepare(cache, LOCUST)


class Program(msgspec.Struct, frozen=True):
    """One process of Locust, as it is started on this machine or on another.

    title: what messages call it. stem: of its files in the folder: `.json`, its notes, and `.log`.
    arguments: behind the interpreter. plan: the ramp.
    leads: whether it adds the users and ends the ramp: Locust alone, or a master.
    """

    title: str
    folder: Path
    stem: str
    arguments: tuple[str, ...]
    plan: RampPlan
    leads: bool

    @property
    def notes(self) -> Path:
        """Where it leaves its notes."""
        return self.folder / f"{self.stem}.json"

    @property
    def port(self) -> Path:
        """Where a master leaves the port that it listens on."""
        return self.folder / f"{self.stem}.port"

    @property
    def env(self) -> dict[str, str]:
        """Its whole environment."""
        own = {"notes": str(self.notes), "port": str(self.port), "lost": int(_LOST)}
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        values = json.dumps(msgspec.to_builtins(self.plan) | own)
        return inherited | {"HOME": str(self.folder), _VARIABLE: values}


_COMMON = (
    "-m", "locust", "--locustfile", str(_FOLDER / "locustfile.py"),
    "--headless", "--exit-code-on-error", "0", "--only-summary",
)  # fmt: skip


def leader(plan: RampPlan, url: str, folder: Path, name: str, host: str = HOST) -> Program:
    """Locust alone, or the master of several processes.

    Args:
        plan: of the ramp. url: of the server, without a path.
        folder: for its files. name: of the cell, by which they begin.
        host: the address on which a master listens; its workers must reach it.
    """
    page = ("--host", url, "--html", str(folder / f"{name}.html"))
    if plan.processes == 1:
        return Program("Locust", folder, name, (*_COMMON, *page), plan, leads=True)
    leads = (
        "--master", "--master-bind-host", host, "--master-bind-port", "0",
        "--expect-workers", str(plan.processes),
    )  # fmt: skip
    return Program("Locust's master", folder, name, (*_COMMON, *page, *leads), plan, leads=True)


def worker(plan: RampPlan, folder: Path, name: str, number: int, master: Address) -> Program:
    """A worker, counted from 1; it gets the server's address and its users from the master.

    Args:
        plan, folder, name: see `leader`.
        number: of the worker.
        master: where the master listens.
    """
    follows = ("--worker", "--master-host", master.host, "--master-port", str(master.port))
    title = f"Locust's worker {number} of {plan.processes}"
    return Program(
        title, folder, f"{name}.worker-{number}", (*_COMMON, *follows), plan, leads=False
    )


class Member(msgspec.Struct, frozen=True):
    """What is seen of one process of Locust.

    title: what messages call it.
    running: whether it has not ended. noted: whether it left its notes, which are written last.
    missed: whether it is a master that ended itself because it missed a worker.
    age_s: seconds since its start. cpu_ns: processor time so far; 0 once it has ended.
    ending: how it ended, to follow its title. said: its last words, as the end of a message.
    """

    title: str
    running: bool
    noted: bool
    missed: bool
    age_s: float
    cpu_ns: int
    ending: str = ""
    said: str = ""

    @property
    def vanished(self) -> bool:
        """Whether it ended without notes."""
        return not self.running and not self.noted


class Locusts(Protocol):
    """Locust's processes on one machine: this one (`LocustsHere`), or one of a cluster.

    cpus: processors that they may use; None for all. look_s: between two looks at them.
    """

    @property
    def cpus(self) -> Sequence[int] | None:
        """See above."""

    @property
    def look_s(self) -> float:
        """See above."""

    def lead(self, plan: RampPlan, url: str, name: str) -> None:
        """Start Locust alone, or the master; see `leader`."""

    def master(self) -> Address | None:
        """Where its master listens; None as long as it does not."""

    def follow(self, plan: RampPlan, name: str, numbers: Sequence[int], master: Address) -> None:
        """Start workers of these numbers, each on one of the processors, as far as they go."""

    def look(self) -> Sequence[Member]:
        """All that were started here, in their order."""

    def notes(self) -> list[Notes]:
        """What each noted of a whole ramp, in the same order.

        Raises:
            LocustFailed: one left nothing, or ended before its time.
        """

    def ahead_ns(self) -> int:
        """How far its machine's monotonic clock is ahead of this one's, to within one call."""

    def stop(self) -> None:
        """End what is left of them, and take away what only this module reads."""


class LocustsHere:
    """Locust's processes on this machine; see `Locusts`.

    Args:
        python: of Locust's environment.
        folder: where Locust's own page, `name`.html, and the logs are kept: `name`.log, and
            `name`.worker-N.log of each worker.
        cpus: see `Locusts`.
        host: the address on which a master listens.
    """

    look_s = 0.1

    def __init__(
        self, python: Path, folder: Path, cpus: Sequence[int] | None, host: str = HOST
    ) -> None:
        self.cpus = cpus
        self._python = python
        self._folder = folder.resolve()
        self._host = host
        self._running: list[_Running] = []

    def lead(self, plan: RampPlan, url: str, name: str) -> None:
        """See `Locusts.lead`."""
        self._launch(leader(plan, url, self._folder, name, self._host), self.cpus)

    def master(self) -> Address | None:
        """See `Locusts.master`."""
        port = self._running[0].program.port
        if not port.exists():
            return None
        return Address(self._host, int(port.read_text(encoding="ascii")))

    def follow(self, plan: RampPlan, name: str, numbers: Sequence[int], master: Address) -> None:
        """See `Locusts.follow`."""
        for place, number in enumerate(numbers):
            own = [self.cpus[place % len(self.cpus)]] if self.cpus else None
            self._launch(worker(plan, self._folder, name, number, master), own)

    def _launch(self, program: Program, cpus: Sequence[int] | None) -> None:
        child = launch(
            [str(self._python), *program.arguments],
            cpus=cpus, env=program.env, cwd=program.folder,
            log=program.folder / f"{program.stem}.log", prompt=True,
        )  # fmt: skip
        self._running.append(_Running(program, child, time.monotonic()))

    def look(self) -> Sequence[Member]:
        """See `Locusts.look`."""
        return [one.seen() for one in self._running]

    def notes(self) -> list[Notes]:
        """See `Locusts.notes`."""
        return [one.read() for one in self._running]

    def ahead_ns(self) -> int:
        """See `Locusts.ahead_ns`."""
        return 0

    def stop(self) -> None:
        """See `Locusts.stop`."""
        stop_together([one.child for one in self._running])
        for one in self._running:
            one.program.notes.unlink(missing_ok=True)
            one.program.port.unlink(missing_ok=True)
        self._running.clear()


class _Running(msgspec.Struct, frozen=True):
    """A process of Locust; began_s: when, on the monotonic clock."""

    program: Program
    child: Child
    began_s: float

    def seen(self) -> Member:
        running = self.child.running  # before its notes, which it writes last
        return Member(
            title=self.program.title,
            running=running,
            noted=self.program.notes.exists(),
            missed=self.child.popen.returncode == -_LOST,
            age_s=time.monotonic() - self.began_s,
            cpu_ns=(process_cpu_ns(self.child.pid) or 0) if running else 0,
            ending="" if running else self.child.ending(),
            said="" if running else self.child.quotation(),
        )

    def read(self) -> Notes:
        """What it noted of a whole ramp.

        Raises:
            LocustFailed: it left nothing, or ended before its time.
        """
        try:
            notes = msgspec.json.decode(self.program.notes.read_bytes(), type=Notes)
        except (OSError, msgspec.DecodeError) as error:
            raise _failed(self.seen(), "left no result") from error
        length_s, leads = self.program.plan.length_s, self.program.leads
        if notes.lasted_s < length_s - (_SHORT_S if leads else _LATE_S):
            what = "was ended after" if leads else "took part in"
            lasted_s = max(notes.lasted_s, 0)
            raise _failed(self.seen(), f"{what} {lasted_s:.0f} of {length_s:.0f} s")
        if self.child.popen.returncode != 0:
            raise _failed(self.seen(), "had climbed its ramp")
        return notes


def _failed(member: Member, what: str) -> LocustFailed:
    """The error that says how a process ended, and what else is wrong."""
    return LocustFailed(f"{member.title} {member.ending} and {what}; look at its log.{member.said}")


def climb(
    machines: Sequence[Locusts],
    plan: RampPlan,
    url: str,
    *,
    name: str,
    meanwhile: Callable[[], None],
) -> RampResult:
    """Run Locust once, to its end.

    Args:
        machines: that send. Locust alone, or the master, runs on the first; workers run on all of
            them in turn.
        plan: of the ramp.
        url: of the server, without a path.
        name: of the cell.
        meanwhile: called about once a second; what it raises ends Locust.

    Raises:
        LocustFailed: it died, hung, or left no readable result.
        LocustWorkerLost: one of its workers did.
    """
    team = _Team(machines, plan, name)
    try:
        team.start(url, meanwhile)
        limit_s = plan.length_s + _GRACE_S
        if not team.look_until(team.has_ended, limit_s, meanwhile):
            raise LocustFailed(
                f"Locust had not ended {limit_s:.0f} s after its start, and was ended; give it a "
                "quieter machine, or fewer users."
            )
        return team.result()
    finally:
        team.stop()


class _Team:
    """Locust's processes on all machines: the first is alone, or the master of the others."""

    def __init__(self, machines: Sequence[Locusts], plan: RampPlan, name: str) -> None:
        self._machines = machines
        self._plan = plan
        self._name = name
        self._used: list[tuple[float, float]] = []
        self._members: list[Member] = []

    def start(self, url: str, meanwhile: Callable[[], None]) -> None:
        """Start Locust alone; or the master, and once it listens the workers that it waits for."""
        plan, first = self._plan, self._machines[0]
        first.lead(plan, url, self._name)
        if plan.processes == 1:
            return
        if not self.look_until(lambda: first.master() is not None, _GRACE_S, meanwhile):
            raise LocustFailed(
                f"{self._members[0].title} was not ready after {_GRACE_S:.0f} s; give it a "
                "quieter machine."
            )
        master = first.master()
        assert master is not None
        for machine, numbers in zip(self._machines, self._shares(), strict=True):
            machine.follow(plan, self._name, numbers, master)

    def _shares(self) -> list[Sequence[int]]:
        """The workers of each machine, by number."""
        numbers = range(1, self._plan.processes + 1)
        return [numbers[at :: len(self._machines)] for at in range(len(self._machines))]

    def has_ended(self) -> bool:
        """Whether none of them runs."""
        return not any(member.running for member in self._members)

    def look_until(
        self, condition: Callable[[], bool], seconds: float, meanwhile: Callable[[], None]
    ) -> bool:
        """Look after the processes until the condition holds; False if the time is up first.

        Raises:
            LocustFailed: the first has died.
            LocustWorkerLost: a worker has, and its users are gone with it.
        """
        end = time.monotonic() + seconds
        next_s = 0.0
        while True:
            members, now = self._look(), time.monotonic()
            if condition():
                return True
            if now > end:
                return False
            self._check(members)
            if now >= next_s:
                meanwhile()
                self._used.append((now, sum(member.cpu_ns for member in members) / 1e9))
                next_s = time.monotonic() + _LOOK_S
            time.sleep(max(machine.look_s for machine in self._machines))

    def _look(self) -> list[Member]:
        self._members = [member for machine in self._machines for member in machine.look()]
        return self._members

    def _check(self, members: Sequence[Member]) -> None:
        first, *workers = members
        end = time.monotonic() + _LOOK_S
        # A worker that takes leave is missed before it has ended.
        while first.missed and time.monotonic() < end and not any(w.vanished for w in workers):
            time.sleep(_POLL_S)
            first, *workers = self._look()
        for worker in workers:
            if worker.vanished:
                what = f"{worker.title} {worker.ending}, {worker.age_s:.0f} s after its start"
                raise LocustWorkerLost(what, worker.said)
        if first.missed:
            what = f"one of Locust's {self._plan.processes} workers gave no sign of life"
            raise LocustWorkerLost(what, first.said)
        if first.vanished:
            raise _failed(first, "left no result")

    def result(self) -> RampResult:
        """What all of them noted, as one, by this machine's clock.

        Raises:
            LocustFailed: one of them left nothing, or ended before its time.
        """
        self._check(self._look())
        first, *workers = (notes for machine in self._machines for notes in machine.notes())
        master = first if workers else None
        merged = merge(workers or [first], self._plan.users, master)
        overworked = bool(workers) and busiest(self._used) > _BUSY_SHARE * self._cores
        ahead_ns = self._machines[0].ahead_ns()
        return msgspec.structs.replace(
            merged,
            began_ns=merged.began_ns - ahead_ns,
            ended_ns=merged.ended_ns - ahead_ns,
            warned=merged.warned or overworked,
        )

    @property
    def _cores(self) -> int:
        """That the workers can fill at most."""
        parts = zip(self._machines, self._shares(), strict=True)
        return sum(min(len(share), len(machine.cpus or share)) for machine, share in parts)

    def stop(self) -> None:
        """End what is left of them."""
        for machine in reversed(self._machines):  # the master last: it ends when it misses a worker
            machine.stop()


def busiest(used: Sequence[tuple[float, float]]) -> float:
    """The most cores used over ten seconds.

    Args:
        used: times and CPU seconds used until then, both in seconds.
    """
    most = 0.0
    for at, (began_s, before_s) in enumerate(used):
        later = next((u for u in used[at:] if u[0] - began_s >= _BUSY_S), None)
        if later is not None:
            most = max(most, (later[1] - before_s) / (later[0] - began_s))
    return most
