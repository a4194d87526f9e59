"""Messages over streams in memory, and over the pipes of real processes."""

import asyncio
import fcntl
import io
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from harness.base import channel
from harness.base.channel import Channel
from tests.waiting import PATIENCE_S


class Ask(msgspec.Struct, frozen=True, tag=True):
    number: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    pass


MESSAGES: list[Ask | Stop] = [Ask(2**60), Stop(), Ask(-1)]
DECODER: msgspec.msgpack.Decoder[Ask | Stop] = msgspec.msgpack.Decoder(Ask | Stop)
NUMBERS = msgspec.msgpack.Decoder(int)
DOUBLER = """\
import sys
import msgspec
from harness.base import channel

requests = msgspec.msgpack.Decoder(int)
while (number := channel.receive(sys.stdin.buffer, requests)) is not None:
    if number < 0:
        raise SystemExit("no negative numbers")
    channel.send(sys.stdout.buffer, 2 * number)
"""


class Died(Exception):
    pass


def stream_of(*messages: object) -> io.BytesIO:
    stream = io.BytesIO()
    for message in messages:
        channel.send(stream, message)
    stream.seek(0)
    return stream


@contextmanager
def doubler() -> Iterator[Channel[int]]:
    """A process that doubles numbers, and ends at a negative one."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", DOUBLER], stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:

        def died() -> Died:
            assert process.stderr is not None
            return Died(process.stderr.read().decode())

        yield Channel(process.stdin, process.stdout, NUMBERS, died)
        process.kill()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # a request that a dead process never read
            process.stdin.close()


def test_messages_arrive_as_they_were_sent_and_then_the_end() -> None:
    stream = stream_of(*MESSAGES)
    assert [channel.receive(stream, DECODER) for _ in MESSAGES] == MESSAGES
    assert channel.receive(stream, DECODER) is None


@pytest.mark.parametrize("left", range(1, 12))
def test_a_message_cut_anywhere_is_the_end_and_not_a_message(left: int) -> None:
    """The other process was killed while it wrote."""
    whole = stream_of(Ask(2**60)).getvalue()
    assert left < len(whole)
    assert channel.receive(io.BytesIO(whole[:left]), DECODER) is None
    assert channel.receive(io.BytesIO(whole[:-left]), DECODER) is None


def test_a_message_is_on_its_way_at_once(tmp_path: Path) -> None:
    """A buffered stream, as a pipe's is, must not keep it."""
    path = tmp_path / "stream"
    with path.open("wb") as writing, path.open("rb") as reading:
        channel.send(writing, Stop())
        assert channel.receive(reading, DECODER) == Stop()


def test_an_event_loop_reads_the_same_messages() -> None:
    async def go() -> list[object]:
        stream = asyncio.StreamReader()
        stream.feed_data(stream_of(*MESSAGES).getvalue()[:-1])
        stream.feed_eof()
        received: list[object] = []
        for _ in MESSAGES:
            message = await channel.receive_async(stream, DECODER)
            received.append(message)
        return received

    assert asyncio.run(go()) == [*MESSAGES[:2], None]


def test_a_process_answers_request_after_request() -> None:
    with doubler() as running:
        assert [running.ask(number) for number in (1, 2, 2**40)] == [2, 4, 2**41]
        running.tell(5)
        assert running.answer() == 10


def test_a_process_answers_where_many_files_are_open() -> None:
    """A thousand connections, or as many open files, leave only high descriptors for the pipes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with doubler() as running:
            high = fcntl.fcntl(running.answers.fileno(), fcntl.F_DUPFD_CLOEXEC, 2000)
            with open(high, "rb", buffering=0) as answers:  # noqa: PTH123
                running.answers = answers
                assert running.ask(2, PATIENCE_S) == 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_that_dies_raises_its_owners_error_at_every_call() -> None:
    with doubler() as running:
        with pytest.raises(Died, match="no negative numbers"):
            running.ask(-1)
        with pytest.raises(Died):
            running.ask(1)
        with pytest.raises(Died):
            running.answer()


SLEEPER = "import time; time.sleep(60)"
"""It never reads its requests, nor answers."""


class Silent(Exception):
    pass


@contextmanager
def sleeper() -> Iterator[Channel[int]]:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdin=pipe, stdout=pipe) as process:
        yield Channel(process.stdin, process.stdout, NUMBERS, Died, lambda s: Silent(f"{s:g} s"))
        process.kill()


def test_a_process_that_does_not_answer_is_given_up() -> None:
    with sleeper() as running:
        running.tell(1)
        with pytest.raises(Silent, match=r"0\.1 s"):
            running.answer(patience_s=0.1)


def test_a_process_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pipe is full, and writing must not block for good."""
    monkeypatch.setattr(channel, "PATIENCE_S", 0.1)
    with sleeper() as running, pytest.raises(Silent):
        running.tell(b"x" * 10_000_000)


def test_the_caller_may_look_around_meanwhile_and_end_the_waiting() -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise LookupError

    with sleeper() as running:
        running.tell(1)
        with pytest.raises(LookupError):
            running.answer(meanwhile=look)
    assert looks == 2
