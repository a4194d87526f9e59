"""The relay's process: it listens, connects onward, and delays what it passes on.

Requests and answers go through `base.channel`.
"""

import asyncio
import gc
import signal
import sys
from typing import BinaryIO

import msgspec

from harness.base import channel
from harness.lab.latency.relay import Line, Relay


class Listen(msgspec.Struct, frozen=True, tag=True):
    """Relay a new port to a target, on a leg. Answered by the port.

    at: the address of the new port.
    """

    leg: str
    host: str
    port: int
    at: str


class Delay(msgspec.Struct, frozen=True, tag=True):
    """From now on, everything on this leg takes this long in each direction."""

    leg: str
    one_way_ns: int


class Count(msgspec.Struct, frozen=True, tag=True):
    """Answered by the number of open connections."""


RelayRequest = Listen | Delay | Count


class RelayAnswer(msgspec.Struct, frozen=True):
    """value: the port or the count; None if there is none. problem: the reason for a failure."""

    value: int | None = None
    problem: str | None = None


_REQUESTS: msgspec.msgpack.Decoder[RelayRequest] = msgspec.msgpack.Decoder(RelayRequest)
ANSWERS = msgspec.msgpack.Decoder(RelayAnswer)


class _DelayedLegs:
    """The relay, and one line for each leg."""

    def __init__(self) -> None:
        self._relay = Relay()
        self._lines: dict[str, Line] = {}

    async def answer(self, request: RelayRequest) -> RelayAnswer:
        """Carry out a request."""
        match request:
            case Listen(leg=leg, host=host, port=port, at=at):
                target = host, port
                return RelayAnswer(await self._relay.listen(self._line(leg), target, host=at))
            case Delay(leg=leg, one_way_ns=one_way_ns):
                self._line(leg).one_way_ns = one_way_ns
                return RelayAnswer()
            case Count():
                return RelayAnswer(self._relay.connections())

    def close(self) -> None:
        """Abort every connection."""
        self._relay.close()
        for line in self._lines.values():
            line.close()

    def _line(self, leg: str) -> Line:
        if leg not in self._lines:
            self._lines[leg] = Line(asyncio.get_running_loop())
        return self._lines[leg]


async def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the harness closes the stream."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), requests
    )
    legs = _DelayedLegs()
    try:
        while (request := await channel.receive_async(reader, _REQUESTS)) is not None:
            try:
                answer = await legs.answer(request)
            except OSError as error:
                answer = RelayAnswer(problem=str(error))
            channel.send(answers, answer)
    finally:
        legs.close()


def main() -> None:
    """Run the process. It ignores Ctrl-C, because the harness then closes its stream."""
    import uvloop  # here, because the harness imports the messages above

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.stdin.buffer, sys.stdout.buffer))


if __name__ == "__main__":
    main()
