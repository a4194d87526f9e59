"""The relay's process: listens, connects onward, and lets everything take its time."""

import asyncio
import contextlib
import gc
import signal
import sys
from typing import BinaryIO

import uvloop

from harness.lab.latency import messages
from harness.lab.latency.line import Line
from harness.lab.latency.messages import Answer, Command, Count, Delay, Listen
from harness.lab.latency.sides import Near
from harness.lab.network import HOST

_BACKLOG = 2_048


class Worker:
    """Lines by leg, and the servers that listen on them."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._near: set[Near] = set()
        self._servers: list[asyncio.AbstractServer] = []

    async def carry_out(self, command: Command) -> Answer:
        """Do it, and say what came of it."""
        match command:
            case Listen(leg=leg, host=host, port=port):
                return Answer(await self._listen(self._line(leg), (host, port)))
            case Delay(leg=leg, one_way_ns=one_way_ns):
                self._line(leg).one_way_ns = one_way_ns
                return Answer()
            case Count():
                self._near = {near for near in self._near if near.transport is not None}
                return Answer(len(self._near))

    async def _listen(self, line: Line, target: tuple[str, int]) -> int:
        def accept() -> Near:
            near = Near(line, target)
            self._near.add(near)
            if len(self._near) % _BACKLOG == 0:
                self._near = {known for known in self._near if known.transport or known is near}
            return near

        server = await asyncio.get_running_loop().create_server(accept, HOST, 0, backlog=_BACKLOG)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def _line(self, leg: str) -> Line:
        if leg not in self._lines:
            self._lines[leg] = Line(asyncio.get_running_loop())
        return self._lines[leg]

    def close(self) -> None:
        """Listen no more, and let go of every connection."""
        for server in self._servers:
            server.close()
        for near in self._near:
            for side in (near, near.other):
                if side is not None and side.transport is not None:
                    side.transport.abort()
        for line in self._lines.values():
            line.close()


async def serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """Until the parent closes the stream."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), commands)
    worker = Worker()
    with contextlib.closing(worker):
        while line := await reader.readline():
            try:
                answer = await worker.carry_out(messages.read_command(line))
            except OSError as error:
                answer = Answer(problem=str(error))
            messages.write(answers, answer)


def main() -> None:
    """Entry of the process. Ctrl-C is for the parent, which then closes our stream."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.stdin.buffer, sys.stdout.buffer))


if __name__ == "__main__":
    main()
