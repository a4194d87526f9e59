"""A turn is read once its server rests."""

import pytest

from harness.runner.watch import await_rest

MS = 1_000_000


class Server:
    """Works off what it has left, as time passes; `unasked`: the share of a core beside that."""

    def __init__(self, left_ns: int, unasked: float = 0.0) -> None:
        self.left_ns = left_ns
        self.unasked = unasked
        self.cpu_ns = 0
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        passed = round(seconds * 1e9)
        worked = min(passed, self.left_ns)
        self.left_ns -= worked
        self.cpu_ns += worked + round(self.unasked * passed)
        self.ns += passed

    def read(self) -> int:
        return self.cpu_ns


@pytest.mark.parametrize("left_ms", [0, 1, 12, 60])
def test_what_a_server_does_after_its_last_answer_is_waited_for(left_ms: int) -> None:
    server = Server(left_ms * MS)
    await_rest(server.read, server)
    assert server.left_ns == 0
    assert server.ns <= left_ms * MS + 10 * MS


def test_a_server_that_never_rests_holds_a_turn_up_for_a_fifth_of_a_second() -> None:
    server = Server(0, unasked=0.5)
    await_rest(server.read, server)
    assert server.ns == 200 * MS


def test_a_little_work_unasked_is_rest() -> None:
    server = Server(0, unasked=0.02)
    await_rest(server.read, server)
    assert server.ns == 5 * MS
