"""The relay's process, between real sockets."""

import contextlib
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from harness.base.errors import RelayFailed
from harness.lab.latency.injector import Leg, RelayInjector
from harness.lab.latency.relay import HELD_BYTES
from harness.lab.network import HOST, Address, free_port
from tests.toys.tcp import connect, echo, receive, reset, serving
from tests.waiting import PATIENCE_S, gone

LEG: Leg = "database"


def answer_at_the_end(connection: socket.socket) -> None:
    """Says how much it was told, once it has heard all."""
    total = 0
    while data := connection.recv(65_536):
        total += len(data)
    connection.sendall(struct.pack("!q", total))


@pytest.fixture
def relay() -> Iterator[RelayInjector]:
    with RelayInjector() as running:
        yield running


def ping_s(connection: socket.socket) -> float:
    began = time.perf_counter()
    connection.sendall(b"ping")
    assert receive(connection, 4) == b"ping"
    return time.perf_counter() - began


def test_an_answer_takes_a_round_trip_longer(relay: RelayInjector) -> None:
    with serving(echo) as there, connect(relay.through(LEG, there)) as client:
        ping_s(client)
        relay.set_round_trip(LEG, 40)
        assert ping_s(client) >= 0.040


def test_a_handshake_takes_a_round_trip_too(relay: RelayInjector) -> None:
    relay.set_round_trip(LEG, 200)
    with serving(echo) as there:
        near = relay.through(LEG, there)
        began = time.perf_counter()
        with connect(near) as client:
            ping_s(client)
            assert time.perf_counter() - began >= 0.400
            # A busy machine may hold up some of them, and would hardly all.
            assert any(ping_s(client) < 0.400 for _ in range(20)), "only the first waits for it"


def test_each_leg_has_its_own_delay(relay: RelayInjector) -> None:
    relay.set_round_trip("client", 10_000)
    with serving(echo) as there, connect(relay.through("database", there)) as client:
        assert ping_s(client) < 10


def test_bytes_arrive_unchanged_and_in_order_on_a_long_line(relay: RelayInjector) -> None:
    relay.set_round_trip(LEG, 20)
    much = os.urandom(5_000_000)
    with serving(echo) as there, connect(relay.through(LEG, there)) as client:
        sender = threading.Thread(target=client.sendall, args=(much,))
        sender.start()
        assert receive(client, len(much)) == much
        sender.join()


@pytest.mark.parametrize("milliseconds", [0, 20])
def test_the_end_of_what_is_said_comes_after_what_was_said(
    relay: RelayInjector, milliseconds: float
) -> None:
    relay.set_round_trip(LEG, milliseconds)
    with serving(answer_at_the_end) as there, connect(relay.through(LEG, there)) as client:
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert struct.unpack("!q", receive(client, 8)) == (100_000,)
        assert client.recv(1) == b"", "and then the server's own end"


def test_a_reset_is_passed_on(relay: RelayInjector) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with serving(hang_up) as there, connect(relay.through(LEG, there)) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_where_nobody_listens_the_connection_ends(relay: RelayInjector) -> None:
    nowhere = Address(HOST, free_port())
    with (
        connect(relay.through(LEG, nowhere)) as client,
        contextlib.suppress(ConnectionResetError),
    ):
        assert client.recv(1) == b""


def test_hundreds_of_connections_lose_nothing(relay: RelayInjector) -> None:
    relay.set_round_trip(LEG, 20)
    with serving(echo) as there, contextlib.ExitStack() as stack:
        near = relay.through(LEG, there)
        clients = [stack.enter_context(connect(near)) for _ in range(500)]
        for number, client in enumerate(clients):
            client.sendall(struct.pack("!q", number))
        heard = [struct.unpack("!q", receive(client, 8))[0] for client in clients]
        assert heard == list(range(500))
        assert relay.connections() == 500


@pytest.mark.parametrize("milliseconds", [0, 200])
def test_a_peer_that_stops_reading_is_not_read_for(
    relay: RelayInjector, milliseconds: float
) -> None:
    """Memory stays bounded: the sender is made to wait instead."""
    relay.set_round_trip(LEG, milliseconds)
    go_on = threading.Event()

    def deaf(_: socket.socket) -> None:
        go_on.wait(PATIENCE_S)

    with serving(deaf) as there, connect(relay.through(LEG, there)) as client:
        (pid,) = relay.pids
        before = psutil.Process(pid).memory_info().rss
        client.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.sendall(b"x" * 400_000_000)
        assert psutil.Process(pid).memory_info().rss - before < 32 * HELD_BYTES
        go_on.set()


def test_a_relay_that_dies_is_told_in_a_sentence(relay: RelayInjector) -> None:
    (pid,) = relay.pids
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)  # its pipes close a little earlier, and do not tell why
    with pytest.raises(RelayFailed, match=r"relay process .* SIGKILL"):
        relay.set_round_trip(LEG, 1)


def test_nobody_waits_for_others_who_are_connecting(relay: RelayInjector) -> None:
    """A variant without a pool connects for every request, beside those that are connected."""
    relay.set_round_trip(LEG, 200)
    over = threading.Event()
    with serving(echo) as there:
        near = relay.through(LEG, there)

        def come_and_go() -> None:
            while not over.wait(0.01):
                with connect(near) as client:
                    client.sendall(b"ping")

        with connect(near) as client:
            ping_s(client)
            others = threading.Thread(target=come_and_go)
            others.start()
            try:
                found = [ping_s(client) for _ in range(7)]
                while min(found) >= 0.300 and len(found) < 40:  # a busy machine holds up many
                    found.append(ping_s(client))
            finally:
                over.set()
                others.join()
    assert 0.200 <= min(found) < 0.300


def test_the_server_accepts_when_the_handshake_would_be_over_there(relay: RelayInjector) -> None:
    """Half a round trip each for SYN, SYN and ACK, and ACK; a server that waits for what it is
    told has no more to wait for."""
    relay.set_round_trip(LEG, 400)

    def waited_s() -> float:
        """For the first byte, once it has accepted."""
        accepted: list[float] = []
        heard = threading.Event()

        def note(connection: socket.socket) -> None:
            accepted.append(time.perf_counter())
            connection.recv(1)
            accepted.append(time.perf_counter())
            heard.set()

        with serving(note) as there:
            near = relay.through(LEG, there)
            began = time.perf_counter()
            with connect(near) as client:
                client.sendall(b"x")
                assert heard.wait(PATIENCE_S)
        assert accepted[0] - began >= 0.600
        return accepted[1] - accepted[0]

    # A busy machine may hold the server up now and then; one that has to wait always has to.
    assert any(waited_s() < 0.200 for _ in range(5))


@pytest.mark.parametrize("milliseconds", [0, 40])
def test_a_client_that_leaves_at_once_is_heard_to_its_end(
    relay: RelayInjector, milliseconds: float
) -> None:
    relay.set_round_trip(LEG, milliseconds)
    heard: list[bytes] = []
    over = threading.Event()

    def listen(connection: socket.socket) -> None:
        while data := connection.recv(100):
            heard.append(data)
        over.set()

    with serving(listen) as there:
        with connect(relay.through(LEG, there)) as client:
            client.sendall(b"farewell")
        assert over.wait(PATIENCE_S)
    assert b"".join(heard) == b"farewell"


def test_a_client_that_resets_before_the_handshake_is_over_is_forgotten(
    relay: RelayInjector,
) -> None:
    relay.set_round_trip(LEG, 40)
    over = threading.Event()

    def listen(connection: socket.socket) -> None:
        try:
            connection.recv(100)
        finally:
            over.set()

    with serving(listen) as there:
        client = connect(relay.through(LEG, there))
        reset(client)
        assert over.wait(PATIENCE_S), "the server is not left with a connection of nobody"


def say_and_listen(connection: socket.socket) -> None:
    """Says its last at once, and hears the other out."""
    connection.sendall(b"x" * 1_000)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65_536):
        pass


def test_ends_that_cross_each_other_on_the_line_cut_nothing_off(relay: RelayInjector) -> None:
    """Each has said its last before it heard the other's; what was said is still under way."""
    relay.set_round_trip(LEG, 60)
    with serving(say_and_listen) as there, connect(relay.through(LEG, there)) as client:
        client.sendall(b"y" * 1_000)
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 2_000) == b"x" * 1_000
