"""What the harness tells the relay's process, and what it answers: a line of JSON each."""

from typing import IO

import msgspec


class Listen(msgspec.Struct, frozen=True, tag=True):
    """Relay a new port to a target, on a leg."""

    leg: str
    host: str
    port: int


class Delay(msgspec.Struct, frozen=True, tag=True):
    """From now on, everything on this leg takes so long in each direction."""

    leg: str
    one_way_ns: int


class Count(msgspec.Struct, frozen=True, tag=True):
    """How many connections stand."""


Command = Listen | Delay | Count


class Answer(msgspec.Struct, frozen=True):
    """value: the port, or the count; None where nothing was asked. problem: why not, or None."""

    value: int | None = None
    problem: str | None = None


_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_answers = msgspec.json.Decoder(Answer)


def write(stream: IO[bytes], message: Command | Answer) -> None:
    """Send a message.

    Raises:
        OSError: nobody reads any more.
    """
    stream.write(msgspec.json.encode(message) + b"\n")
    stream.flush()


def read_command(line: bytes) -> Command:
    """Decode a line of the harness's."""
    return _commands.decode(line)


def read_answer(line: bytes) -> Answer:
    """Decode a line of the relay's."""
    return _answers.decode(line)
