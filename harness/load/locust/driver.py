"""Runs Locust up a ramp, in its own environment and on its own processors.

With several processes, one is a master and adds the users, who send from the others, its workers.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from harness.base.errors import LocustFailed, LocustWorkerLost
from harness.inputs.manifests import Implementation
from harness.lab.clocks import process_cpu_ns
from harness.lab.environments import prepare
from harness.lab.network import HOST, Address
from harness.lab.process import Child, launch, stop_together, wait_until
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
    arguments: behind the interpreter. plan: the ramp, and which process of it this is.
    """

    title: str
    folder: Path
    stem: str
    arguments: tuple[str, ...]
    plan: RampPlan

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
        plan, url, folder, name: see `climb`.
        host: the address on which a master listens; its workers must reach it.
    """
    page = ("--host", url, "--html", str(folder / f"{name}.html"))
    if plan.processes == 1:
        return Program("Locust", folder, name, (*_COMMON, *page), plan)
    leads = (
        "--master", "--master-bind-host", host, "--master-bind-port", "0",
        "--expect-workers", str(plan.processes),
    )  # fmt: skip
    return Program("Locust's master", folder, name, (*_COMMON, *page, *leads), plan)


def worker(plan: RampPlan, folder: Path, name: str, number: int, master: Address) -> Program:
    """A worker, counted from 1; it gets the server's address and its users from the master.

    Args:
        plan, folder, name: see `climb`.
        number: of the worker.
        master: where the master listens.
    """
    follows = ("--worker", "--master-host", master.host, "--master-port", str(master.port))
    title = f"Locust's worker {number} of {plan.processes}"
    return Program(title, folder, f"{name}.worker-{number}", (*_COMMON, *follows), plan)


def climb(
    python: Path,
    plan: RampPlan,
    url: str,
    *,
    folder: Path,
    name: str,
    cpus: Sequence[int] | None,
    meanwhile: Callable[[], None],
) -> RampResult:
    """Run Locust once, to its end.

    Args:
        python: of Locust's environment.
        plan: of the ramp.
        url: of the server, without a path.
        folder: where `name`.html, Locust's own page, and `name`.log are kept; each worker has a log
            of its own, `name`.worker-N.log.
        name: of the cell.
        cpus: processors that it may use; each worker gets one of them, as far as they go.
        meanwhile: called about once a second; what it raises ends Locust.

    Raises:
        LocustFailed: it died, hung, or left no readable result.
        LocustWorkerLost: one of its workers did.
    """
    folder = folder.resolve()
    team = _Team(python, leader(plan, url, folder, name), cpus)
    try:
        if plan.processes > 1:
            team.add_workers(meanwhile)
        _wait(team, plan.length_s + _GRACE_S, meanwhile)
        return team.result()
    finally:
        team.stop()


def _wait(team: "_Team", seconds: float, meanwhile: Callable[[], None]) -> None:
    if not team.look_until(team.has_ended, seconds, meanwhile):
        raise LocustFailed(
            f"Locust had not ended {seconds:.0f} s after its start, and was ended; give it a "
            "quieter machine, or fewer users."
        )


class _Running(msgspec.Struct, frozen=True):
    """A process of Locust; began_s: when, on the monotonic clock."""

    program: Program
    child: Child
    began_s: float

    @property
    def vanished(self) -> bool:
        """Whether it ended without notes, which are written last."""
        return not self.child.running and not self.program.notes.exists()

    def failed(self, what: str) -> LocustFailed:
        """The error that says how it ended, and what else is wrong."""
        return LocustFailed(
            f"{self.program.title} {self.child.ending()} and {what}; look at its log."
            + self.child.quotation()
        )

    def read(self) -> Notes:
        """What it noted of a whole ramp.

        Raises:
            LocustFailed: it left nothing, or ended before its time.
        """
        try:
            notes = msgspec.json.decode(self.program.notes.read_bytes(), type=Notes)
        except (OSError, msgspec.DecodeError) as error:
            raise self.failed("left no result") from error
        length_s = self.program.plan.length_s
        if notes.lasted_s < length_s - _SHORT_S:
            lasted_s = max(notes.lasted_s, 0)
            raise self.failed(f"was ended after {lasted_s:.0f} of {length_s:.0f} s")
        if self.child.popen.returncode != 0:
            raise self.failed("had climbed its ramp")
        return notes


class _Team:
    """Locust's processes: the first is alone, or the master of the others."""

    def __init__(self, python: Path, first: Program, cpus: Sequence[int] | None) -> None:
        self._python = python
        self._plan = first.plan
        self._cpus = cpus
        self._used: list[tuple[float, float]] = []
        self._first = self._launch(first, cpus)
        self._workers: list[_Running] = []

    def _launch(self, program: Program, cpus: Sequence[int] | None) -> _Running:
        child = launch(
            [str(self._python), *program.arguments],
            cpus=cpus, env=program.env, cwd=program.folder,
            log=program.folder / f"{program.stem}.log", prompt=True,
        )  # fmt: skip
        return _Running(program, child, time.monotonic())

    @property
    def _all(self) -> list[_Running]:
        return [self._first, *self._workers]

    def has_ended(self) -> bool:
        """Whether none of them runs."""
        return not any(one.child.running for one in self._all)

    def add_workers(self, meanwhile: Callable[[], None]) -> None:
        """Start the workers once the master listens; it waits for the last of them."""
        program = self._first.program
        if not self.look_until(program.port.exists, _GRACE_S, meanwhile):
            raise LocustFailed(
                f"{program.title} was not ready after {_GRACE_S:.0f} s; give it a quieter machine."
            )
        master = Address(HOST, int(program.port.read_text(encoding="ascii")))
        for number in range(1, self._plan.processes + 1):
            own = [self._cpus[(number - 1) % len(self._cpus)]] if self._cpus else None
            follower = worker(self._plan, program.folder, program.stem, number, master)
            self._workers.append(self._launch(follower, own))

    def look_until(
        self, condition: Callable[[], bool], seconds: float, meanwhile: Callable[[], None]
    ) -> bool:
        """Look after the processes until the condition holds; False if the time is up first.

        Raises:
            LocustFailed: the first has died.
            LocustWorkerLost: a worker has, and its users are gone with it.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            meanwhile()
            self._note_use()
            next_look = time.monotonic() + _LOOK_S
            while time.monotonic() < next_look and not condition():
                self._check()
                time.sleep(_POLL_S)
        return True

    def _check(self) -> None:
        missed = self._first.vanished and self._first.child.popen.returncode == -_LOST
        if missed:  # a worker that takes leave is missed before it has ended
            wait_until(lambda: any(one.vanished for one in self._workers), _LOOK_S)
        for one in self._workers:
            if one.vanished:
                after_s = time.monotonic() - one.began_s
                what = f"{one.program.title} {one.child.ending()}, {after_s:.0f} s after its start"
                raise LocustWorkerLost(what, one.child.quotation())
        if missed:
            what = f"one of Locust's {self._plan.processes} workers gave no sign of life"
            raise LocustWorkerLost(what, self._first.child.quotation())
        if self._first.vanished:
            raise self._first.failed("left no result")

    def _note_use(self) -> None:
        pids = [one.child.pid for one in self._all if one.child.running]
        used_ns = sum(process_cpu_ns(pid) or 0 for pid in pids)
        self._used.append((time.monotonic(), used_ns / 1e9))

    def result(self) -> RampResult:
        """What all of them noted, as one.

        Raises:
            LocustFailed: one of them left nothing, or ended before its time.
        """
        self._check()
        first = self._first.read()
        if not self._workers:
            return merge([first], self._plan.users)
        merged = merge([one.read() for one in self._workers], self._plan.users, first)
        cores = min(len(self._workers), len(self._cpus or self._workers))
        if busiest(self._used) > _BUSY_SHARE * cores:
            return msgspec.structs.replace(merged, warned=True)
        return merged

    def stop(self) -> None:
        """End what is left of them, and take away what only this module reads."""
        stop_together([one.child for one in self._all])
        for one in self._all:
            one.program.notes.unlink(missing_ok=True)
            one.program.port.unlink(missing_ok=True)


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
