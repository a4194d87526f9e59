"""A Dask scheduler and its workers on loopback: a cluster for toys, without namespaces."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from harness.base.workspace import Workspace
from harness.lab.measuring import BESIDE
from harness.lab.network import free_port
from harness.lab.process import wait_until

_JOINED_S = 200.0


class Loopback:
    """The cluster's processes.

    address: of the scheduler. scheduler, workers: their processes; workers in the order given.
    """

    def __init__(self, address: str, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.address = address
        self._scheduler, *self.workers = processes

    @property
    def scheduler(self) -> psutil.Process:
        """To ask for its memory."""
        return psutil.Process(self._scheduler.pid)


@contextmanager
def loopback(folder: Path, workspace: Workspace, resources: Sequence[str]) -> Iterator[Loopback]:
    """A cluster whose workers have joined, within the block. They trust the toys.

    Args:
        folder: for logs and the workers' files.
        workspace: of every worker.
        resources: of each, such as `application=1 set_a=1`.
    """
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        BESIDE: "1",  # several places on one machine
        "BRIDGETOLL_ROOT": str(workspace.root),
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
        "PYTHONPATH": str(Workspace().root),
        "PYTHONWARNINGS": "ignore",
    }
    commands = [["scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2]]]
    commands += [
        [
            "worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny",
            "--local-directory", str(folder / f"worker-{number}"), "--resources", offered,
            "--preload", "tests.toys.trusting_worker", "--memory-limit", "0",
        ]
        for number, offered in enumerate(resources)
    ]  # fmt: skip
    logs = [folder / f"dask-{number}.log" for number in range(len(commands))]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command, log in zip(commands, logs, strict=True):
            with log.open("w") as out:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "dask", *command, "--no-dashboard"],
                        env=environment, stdout=out, stderr=out,
                    )
                )  # fmt: skip
        for log in logs[1:]:
            joined = wait_until(lambda log=log: "Registered to" in log.read_text(), _JOINED_S)  # type: ignore[misc]
            assert joined, log.read_text()
        yield Loopback(address, processes)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
