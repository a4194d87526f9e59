"""The generator's process: reads commands, loads servers, writes tallies."""

import asyncio
import gc
import signal
import sys
from typing import BinaryIO

import uvloop

from harness.base import channel
from harness.load.protocol import (
    COMMANDS,
    Answer,
    Close,
    Command,
    Done,
    Failed,
    Open,
    Slice,
    Window,
)
from harness.load.worker.target import Target


class LoadWorker:
    """Carries out one command after the other. The event loop runs only during a command."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answers: BinaryIO) -> None:
        self._loop = loop
        self._answers = answers
        self._targets: dict[str, Target] = {}

    def serve(self, commands: BinaryIO) -> None:
        """Answer commands until the harness closes the stream."""
        while (command := channel.receive(commands, COMMANDS)) is not None:
            # A garbage collection during a slice would add to the measured latency.
            gc.collect()
            gc.disable()
            try:
                answer = self._loop.run_until_complete(self._carry_out(command))
            except KeyError as error:
                answer = Failed(f"no target {error}")
            except OSError as error:
                answer = Failed(f"the system has no room for another connection ({error.strerror})")
            finally:
                gc.enable()
            channel.send(self._answers, answer)
        self._loop.run_until_complete(self._close_all())

    async def _close_all(self) -> None:
        """Close all connections, or uvloop would wait for them at its own end."""
        while self._targets:
            self._targets.popitem()[1].close()
        await asyncio.sleep(0)

    async def _carry_out(self, command: Command) -> Answer:
        match command:
            case Open(target=name):
                if name in self._targets:
                    self._targets[name].close()
                target = self._targets[name] = Target(command)
                return await target.open(command.per_s)
            case Close(target=name):
                self._targets.pop(name).close()
                return Done()
            case Slice(target=name):
                return await self._targets[name].slice(command)
            case Window(target=name):
                return await self._targets[name].window(command)


def main() -> None:
    """Run the process. It ignores Ctrl-C, because the harness then closes its stream."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # so that later collections skip the modules
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        LoadWorker(runner.get_loop(), sys.stdout.buffer).serve(sys.stdin.buffer)


if __name__ == "__main__":
    main()
