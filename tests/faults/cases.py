"""One case of the matrix: hold the command at a moment, strike, and check what must hold then."""

import contextlib
import csv
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec
import psutil

from harness.base.workspace import Workspace
from harness.records.packed import PACKED
from harness.records.store import Store, run_ids
from tests.faults.faults import FAULTS, Fault, Victim, small_disk
from tests.faults.holding import NotReached, held_command
from tests.faults.moments import MOMENTS, Moment, lay_out
from tests.toys.workspaces import toy_workspace
from tests.waiting import PATIENCE_S

MARK = "BRIDGETOLL_FAULT_CASE"
"""A variable of the command's environment, by which all that it has started is found."""
_END_S, _RESUME_S = 120.0, 180.0
_STALLING = {"server", "generator", "relay"}
"""Partners without which no request is answered."""
_PARTNER_GONE = "SIGKILL|ended at its start|did not answer"
"""How the command tells that a partner is gone."""
_DISK = frozenset({"disk full", "disk read-only"})
_ENDS = {"kill -9 generator", "kill -9 postgres", "kill -9 relay"}
"""The ends of partners without which a run cannot go on."""


class Limits(msgspec.Struct, frozen=True):
    """How long things may take.

    noticed_s: to answer a signal, or a dead partner. orphans_s: for processes to end after the
    command.
    """

    noticed_s: float = 5.0
    orphans_s: float = 3.0


PROMISED = Limits()
"""What docs/faults.md says; a busy machine may take longer."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a case.

    wrong: what did not hold, one sentence each. told: the command's last words. seconds: from the
        fault until it was told, or until the command ended.
    """

    fault: str
    moment: str
    wrong: tuple[str, ...]
    told: str
    seconds: float


class _Reader:
    """Reads what the command prints, in threads, and when it first says a word."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: list[tuple[float, str]] = []
        self._out: list[str] = []
        self._threads = [
            threading.Thread(target=self._read_errors, args=[process.stderr], daemon=True),
            threading.Thread(target=self._read_output, args=[process.stdout], daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_errors(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.append((time.monotonic(), line))

    def _read_output(self, stream: IO[str]) -> None:
        self._out.append(stream.read())

    def texts(self) -> tuple[str, str]:
        """Standard output and error, all of them."""
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return "".join(self._out), "".join(line for _, line in self._lines)

    def first(self, pattern: str) -> float | None:
        """When a line first matched, on the monotonic clock."""
        return next((at for at, line in self._lines if re.search(pattern, line)), None)


def why_not(fault: str, moment: str) -> str | None:
    """Why a fault cannot strike at a moment; None if it can."""
    struck, when = FAULTS[fault], MOMENTS[moment]
    if struck.partner is not None and struck.partner not in when.partners:
        return f"there is no {struck.partner} at that moment"
    if fault == "port taken" and moment not in ("environments", "PostgreSQL"):
        return "no port is opened afterwards"
    if fault in _DISK and when.command == "publish":
        return "the site lies elsewhere than the results"
    if fault in _DISK and os.geteuid() != 0:
        return "only root can make a small disk"
    return None


def run_case(fault: str, moment: str, limits: Limits = PROMISED) -> Outcome:
    """Run one case from an empty workspace to a run that is complete."""
    struck, when = FAULTS[fault], MOMENTS[moment]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridgetoll-fault-")))
        folder.chmod(0o755)
        workspace = toy_workspace(folder / "workspace")
        lay_out(workspace, when)
        workspace.results.mkdir()
        if fault in _DISK:
            stack.enter_context(small_disk(workspace.results))
        if when.command == "publish":
            _measure(workspace)
        return _Case(fault, struck, moment, when, workspace, limits).outcome()


def _measure(workspace: Workspace) -> None:
    done = _plain(workspace, "run", "faults")
    if done.returncode != 0:
        raise AssertionError(f"the run before has failed: {done.stderr}")


class _Case:
    def __init__(
        self,
        fault: str,
        struck: Fault,
        name: str,
        moment: Moment,
        workspace: Workspace,
        limits: Limits,
    ) -> None:
        self._fault, self._struck, self._name, self._moment = fault, struck, name, moment
        self._workspace = workspace
        self._limits = limits
        self._mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self._wrong: list[str] = []

    def outcome(self) -> Outcome:
        """Hold, strike, let go, and check."""
        with self._held() as (process, go):
            reader = _Reader(process)
            before = self._trials()
            if self._moment.trials and not before:
                raise NotReached("no trial was finished when the moment came")
            began = time.monotonic()
            undo = self._struck.strike(Victim(process.pid, self._workspace.root))
            with contextlib.suppress(OSError):
                os.write(go, self._struck.go)
            if self._struck.again:
                time.sleep(0.3)
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
            self._await_end(process)
            seconds = time.monotonic() - began
            self._check_orphans()
            undo()
            out, err = reader.texts()
            if self._fault in _ENDS and process.returncode:
                noticed = reader.first(_PARTNER_GONE)
                seconds = _END_S if noticed is None else noticed - began
            self._check_trials(before)
        told = _last_words(err or out)
        self._check_ending(process.returncode, err, told, seconds)
        self._check_resumed()
        self._check_trials(before)
        self._check_named()
        return Outcome(self._fault, self._name, tuple(self._wrong), told, seconds)

    @contextmanager
    def _held(self) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """The command at its moment, and what lets it go on."""
        runs = list(run_ids(self._workspace.results))
        arguments = (
            ["publish", *runs, "--to", str(self._workspace.root / "site")]
            if self._moment.command == "publish"
            else ["run", "faults"]
        )
        environment = _environment(self._workspace) | {MARK: self._mark}
        try:
            with held_command(self._name, arguments, environment) as held:
                yield held
        finally:
            for left in self._living():
                with contextlib.suppress(psutil.Error):
                    left.kill()

    def _await_end(self, process: subprocess.Popen[str]) -> None:
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._wrong.append(f"it still runs after {_END_S:.0f} s")
            process.kill()
            process.wait()

    def _living(self) -> dict[psutil.Process, str]:
        """Every process that the command has started, found by its environment, and its name."""
        mark = f"{MARK}={self._mark}".encode()
        living = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                own = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
                place = str(self._workspace.root)
                ours = mark in own or process.cwd().startswith(place)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    living[process] = process.name()
        return living

    def _check_orphans(self) -> None:
        end = time.monotonic() + self._limits.orphans_s
        while (left := self._living()) and time.monotonic() < end:
            time.sleep(0.05)
        if left:
            names, seconds = ", ".join(sorted(set(left.values()))), self._limits.orphans_s
            self._wrong.append(f"{len(left)} processes are left after {seconds:g} s ({names})")

    def _trials(self) -> dict[str, str]:
        """Digests of the trials that are finished."""
        return {
            str(path.relative_to(self._workspace.results)): _digest(path)
            for path in self._workspace.results.glob("*/trials/*.json")
        } | {
            str(path.relative_to(self._workspace.results)): _digest(path)
            for path in self._workspace.results.glob(f"*/{PACKED}")
        }

    def _check_trials(self, before: dict[str, str]) -> None:
        after = self._trials()
        lost = [name for name in before if name not in after]
        changed = [name for name in before if after.get(name, before[name]) != before[name]]
        if lost:
            self._wrong.append(f"{len(lost)} finished trials are lost ({lost[0]})")
        if changed:
            self._wrong.append(f"{len(changed)} finished trials have changed ({changed[0]})")

    def _check_ending(self, status: int, err: str, told: str, seconds: float) -> None:
        """Exit status, message and time."""
        if "Traceback" in err:
            self._wrong.append("it shows a traceback")
        if self._fault == "kill -9 harness":
            return
        expected = self._statuses()
        if status not in expected:
            self._wrong.append(f"its status is {status} and not {expected}")
        if status == 0:
            return
        runs = list(run_ids(self._workspace.results))
        if runs and self._moment.command == "run" and runs[0] not in told:
            self._wrong.append("its message does not name the run")
        if not re.search(r"`bridgetoll |the same command|again", told):
            self._wrong.append("its message names no way to continue")
        if not runs and not re.search("othing was measured|starts anew", told):
            self._wrong.append("its message does not say that nothing was measured")
        if self._struck.stops and seconds > self._limits.noticed_s:
            self._wrong.append(f"it took {seconds:.1f} s to end")
        if self._fault in _ENDS and seconds > self._limits.noticed_s:
            self._wrong.append(f"it took {seconds:.1f} s to tell")

    def _statuses(self) -> tuple[int, ...]:
        if self._struck.stops is not None:
            return (128 + self._struck.stops,)
        if self._fault.startswith("stop ") and self._name in ("verify", "audit"):
            return (0, 1)  # a check waits for five seconds, no longer than the partner is halted
        if self._fault == "kill -9 server" and self._name in ("verify", "audit"):
            return (0, 1)  # one of several: a variant is excluded, or the baseline fails
        if self._fault.startswith("stop ") or self._fault == "kill -9 probe":
            return (0,)
        if self._fault == "too many files":
            return (1, 2)
        if self._fault == "connection refused":  # who has all connections already needs no other
            return (0, 1)
        return (1,)

    def _check_resumed(self) -> None:
        """Resume what exists, and count the trials of the report."""
        if self._moment.command == "publish":
            again = _plain(
                self._workspace, "publish", *run_ids(self._workspace.results), "--to",
                str(self._workspace.root / "site"),
            )  # fmt: skip
            if again.returncode != 0:
                self._wrong.append(f"publishing again fails: {_last_words(again.stderr)}")
            return
        for run in list(run_ids(self._workspace.results)):
            resumed = _plain(self._workspace, "run", "--resume", run)
            if resumed.returncode != 0:
                self._wrong.append(f"it cannot be resumed: {_last_words(resumed.stderr)}")
            self._check_counts(run)

    def _check_named(self) -> None:
        """An event that befell a turn stands in its trial."""
        if not self._fault.startswith("stop ") or self._struck.partner not in _STALLING:
            return
        if self._name not in ("slice", "window"):
            return
        stores = [Store(self._workspace.results / n) for n in run_ids(self._workspace.results)]
        if not any(trial.events for store in stores for trial in store.trials()[0]):
            self._wrong.append("no trial names the event")

    def _check_counts(self, name: str) -> None:
        """Each planned trial counts once, and each attempt stands in the table of trials once."""
        store = Store(self._workspace.results / name)
        run = store.read_run()
        trials, damaged = store.trials(run)
        if damaged:
            self._wrong.append(f"{len(damaged)} trials are damaged ({damaged[0].problem})")
        kept = store.kept(run)
        if not kept.complete:
            self._wrong.append(f"{kept.trials} of {kept.planned} trials are complete at the end")
        table = store.folder / "report" / "trials.csv"
        with table.open(encoding="utf-8", newline="") as handle:
            rows = [tuple(row.values()) for row in csv.DictReader(handle) if row["block"]]
        if len(rows) != len(trials) or len(set(rows)) != len(rows):
            self._wrong.append(f"the report has {len(rows)} trials, and the store {len(trials)}")


def _plain(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command without a fault; toys are trusted."""
    return subprocess.run(
        [sys.executable, "-m", "tests.toys.trusting_command", *arguments],
        env=_environment(workspace), capture_output=True, text=True, timeout=_RESUME_S, check=False,
    )  # fmt: skip


def _environment(workspace: Workspace) -> dict[str, str]:
    return {
        **os.environ, "BRIDGETOLL_ROOT": str(workspace.root), "BRIDGETOLL_BESIDE": "1",
        "COLUMNS": "400", "PYTHONPATH": str(Workspace().root),
    }  # fmt: skip


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _last_words(text: str) -> str:
    """The message with which a command ended, in one line."""
    found = re.search(r"^(error|stopped[^:]*): .*", text, re.MULTILINE | re.DOTALL)
    return " ".join((found[0] if found else text[-300:]).split())
