"""The command `bridgetoll` as a process that is held at a moment; see `held`."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_REACH_S, _END_S = 240.0, 120.0


class NotReached(Exception):
    """The command ended before the moment came."""


@contextmanager
def held_command(
    moment: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command at its moment, and the file descriptor that takes the byte by which it goes on.

    It is ended with the block, if it still runs.

    Args:
        moment: its name.
        arguments: of the command.
        environment: of the process, all of it.

    Raises:
        NotReached: the moment did not come.
    """
    reached, told = os.pipe()
    waiting, go = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.held", moment, str(told), str(waiting), *arguments],
        pass_fds=(told, waiting), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    os.close(told)
    os.close(waiting)
    try:
        ready, _, _ = select.select([reached], [], [], _REACH_S)
        if not ready:
            raise NotReached(f"the moment did not come within {_REACH_S:.0f} s")
        if not os.read(reached, 1):
            raise NotReached(process.communicate(timeout=_END_S)[1])
        yield process, go
    finally:
        os.close(reached)
        os.close(go)
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
