"""Hosts of a network on one machine: network namespaces on a bridge, each with its own address.

The bridge and all addresses are inside; the machine's own network sees none of it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.lab.process import wait_until

SCHEDULER = "scheduler"
ROLES = ("application", "database", "load")
SECOND = "second"
"""A host that offers `load` too, where it is started."""
_NET = "10.87.0"
_PORT = 8786
_PATIENCE_S = 120.0


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


class Hosts:
    """A scheduler, one host for each role, and a second one for load, with a worker on each.

    folder: for logs and the workers' files. workspace: of every host that has none of its own.
    """

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self._folder = folder
        self._workspace = workspace
        self._id = f"bt{os.getpid()}"
        self._addresses = {
            name: f"{_NET}.{number}"
            for number, name in enumerate((SCHEDULER, *ROLES, SECOND), start=1)
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def cluster(self) -> str:
        """The scheduler's address."""
        return f"tcp://{self._addresses[SCHEDULER]}:{_PORT}"

    def address(self, host: str) -> str:
        """Its address."""
        return self._addresses[host]

    def role(self, host: str) -> str:
        """The role that it offers."""
        return "load" if host == SECOND else host

    def namespace(self, host: str) -> str:
        """The name of its namespace."""
        return f"{self._id}-{host}"

    def within(self, host: str, command: Sequence[str]) -> list[str]:
        """A command line that runs on a host."""
        return ["ip", "netns", "exec", self.namespace(host), *command]

    def cut(self, host: str) -> None:
        """Cut a host's link."""
        _ip("-n", self.namespace(SCHEDULER), "link", "set", f"p-{host[:8]}", "down")

    def join(self, host: str) -> None:
        """Mend a host's link."""
        _ip("-n", self.namespace(SCHEDULER), "link", "set", f"p-{host[:8]}", "up")

    def hide(self, host: str, other: str) -> None:
        """Let a host reach another one no more."""
        _ip("-n", self.namespace(host), "route", "add", "unreachable", self._addresses[other])

    def slow_down(self, host: str, kbit: int) -> None:
        """Let a host's link carry so many kilobits per second, each way."""
        middle, own = self.namespace(SCHEDULER), self.namespace(host)
        for namespace, device in ((middle, f"p-{host[:8]}"), (own, "eth")):
            shaped = subprocess.run(
                [
                    "tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "tbf",
                    "rate", f"{kbit}kbit", "burst", "16kb", "latency", "400ms",
                ],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert shaped.returncode == 0, shaped.stderr

    def start(
        self,
        host: str,
        workspace: Workspace | None = None,
        *,
        role: str = "",
        ahead_s: int = 0,
        faked: str | None = None,
    ) -> None:
        """Start a host's worker, or the scheduler.

        Args:
            host: which.
            workspace: of its own.
            role: that it offers; its name, if none is given.
            ahead_s: by how much its monotonic clock is ahead, as if it had booted earlier.
            faked: a library for LD_PRELOAD that sets its time of day an hour ahead.
        """
        root = (workspace or self._workspace).root
        if host == SCHEDULER:
            command = ["scheduler", "--host", self._addresses[host], "--port", str(_PORT)]
        else:
            files = self._folder / host
            command = [
                "worker", self.cluster, "--host", self._addresses[host], "--nthreads", "1",
                "--no-nanny", "--local-directory", str(files), "--resources",
                f"{role or self.role(host)}=1",
                "--preload", "tests.toys.trusting_worker", "--memory-limit", "0",
            ]  # fmt: skip
        elsewhen = ["--monotonic", str(ahead_s), "--boottime", str(ahead_s), "--kill-child"]
        before = ["unshare", "--time", "--fork", *elsewhen] if ahead_s else []
        program = [*before, sys.executable, "-m", "dask", *command, "--no-dashboard"]
        with (self._folder / f"{host}.log").open("ab") as log:
            self._processes[host] = subprocess.Popen(
                self.within(host, program),
                env={
                    **os.environ,
                    **({"LD_PRELOAD": faked, "FAKETIME": "+3600s"} if faked else {}),
                    # With it the library cannot sleep, and without it the relay's timers break.
                    **({"DONT_FAKE_MONOTONIC": "1"} if faked and host == "load" else {}),
                    "PYTHONPATH": str(Workspace().root),
                    "PYTHONWARNINGS": "ignore",
                    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
                    "BRIDGETOLL_ROOT": str(root),
                },
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def restart(self, host: str) -> None:
        """Start a worker again that was killed, and wait until it has joined."""
        (self._folder / f"{host}.log").unlink()
        self.start(host)
        self.await_joined([host])

    def await_joined(self, hosts: Sequence[str]) -> None:
        """Wait until their workers have joined, as their logs tell."""
        for host in hosts:
            log = self._folder / f"{host}.log"
            joined = wait_until(lambda log=log: "Registered to" in log.read_text(), _PATIENCE_S)  # type: ignore[misc]
            assert joined, log.read_text()

    def kill(self, host: str) -> None:
        """Kill a host's worker (SIGKILL); `ip netns exec` has become it."""
        self._processes[host].send_signal(signal.SIGKILL)
        self._processes.pop(host).wait()

    def running(self, host: str) -> list[int]:
        """Process ids on a host, without its worker."""
        own = self._processes.get(host)
        pids = [int(word) for word in _ip("netns", "pids", self.namespace(host)).stdout.split()]
        return [pid for pid in pids if own is None or pid != own.pid]

    def make(self) -> None:
        """Make the namespaces and their links."""
        for host in self._addresses:
            _must("netns", "add", self.namespace(host))
            _must("-n", self.namespace(host), "link", "set", "lo", "up")
        middle = self.namespace(SCHEDULER)
        _must("-n", middle, "link", "add", "bridge", "type", "bridge")
        _must("-n", middle, "link", "set", "bridge", "up")
        _must("-n", middle, "addr", "add", f"{self._addresses[SCHEDULER]}/24", "dev", "bridge")
        for host in (*ROLES, SECOND):
            own, port = self.namespace(host), f"p-{host[:8]}"
            _must(
                "link", "add", "eth", "netns", own, "type", "veth", "peer", "name", port,
                "netns", middle,
            )  # fmt: skip
            _must("-n", middle, "link", "set", port, "master", "bridge", "up")
            _must("-n", own, "addr", "add", f"{self._addresses[host]}/24", "dev", "eth")
            _must("-n", own, "link", "set", "eth", "up")

    def clean_up(self) -> None:
        """End all that runs on the hosts, and remove them."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        for host in self._addresses:
            end = time.monotonic() + 10
            while (left := self.running(host)) and time.monotonic() < end:
                time.sleep(0.05)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            _ip("netns", "del", self.namespace(host))


def _must(*arguments: str) -> None:
    done = _ip(*arguments)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def why_not() -> str | None:
    """Why this machine has no namespaces for a test; None if it has."""
    if shutil.which("ip") is None:
        return "the program `ip` (iproute2) is missing"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"bt{os.getpid()}-try"
    made = _ip("netns", "add", name)
    _ip("netns", "del", name)
    return f"`ip netns add` is refused: {made.stderr.strip()}" if made.returncode else None


@contextmanager
def hosts(folder: Path, workspace: Workspace) -> Iterator[Hosts]:
    """Hosts whose workers have not been started yet, within the block; skips where none can be."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    made = Hosts(folder, workspace)
    with ExitStack() as stack:
        stack.callback(made.clean_up)
        made.make()
        made.start(SCHEDULER)
        yield made
