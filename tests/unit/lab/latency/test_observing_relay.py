"""The relay between real sockets: what passes, who sees it, and how connections end."""

import asyncio
import os
import random
import socket
import threading
from contextlib import ExitStack, suppress
from queue import Queue
from typing import Literal

import pytest

from harness.lab.crew import listens
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.latency.relay import Line, Relay
from harness.lab.network import HOST, Address, free_port
from tests.toys.tcp import PIECE, connect, echo, ends, receive, reset, rest, serving
from tests.waiting import PATIENCE_S


class Seen:
    """An observer that keeps all that it is shown."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.into = bytearray()

    def __call__(self, direction: Literal["out", "in"], data: bytes) -> None:
        (self.out if direction == "out" else self.into).extend(data)


def client_of(relay: ObservingRelay) -> socket.socket:
    return connect(relay.address)


def say_back_at_the_end(connection: socket.socket) -> None:
    connection.sendall(rest(connection))


def test_bytes_pass_both_ways_unchanged() -> None:
    every = bytes(range(256))
    with (
        serving(echo) as there,
        ObservingRelay(there, Seen) as relay,
        client_of(relay) as client,
    ):
        client.sendall(every)
        assert receive(client, 256) == every
        client.sendall(b"\n")
        assert receive(client, 1) == b"\n"


def test_the_observer_is_shown_every_byte_and_its_direction() -> None:
    seen = Seen()

    def greet(connection: socket.socket) -> None:
        connection.sendall(b"who is there? ")
        connection.sendall(receive(connection, 3).upper())

    with (
        serving(greet) as there,
        ObservingRelay(there, lambda: seen) as relay,
        client_of(relay) as client,
    ):
        assert receive(client, 14) == b"who is there? "
        client.sendall(b"toy")
        assert rest(client) == b"TOY"
    assert seen.out == b"toy"
    assert seen.into == b"who is there? TOY"


def test_each_connection_has_an_observer_of_its_own() -> None:
    made: list[Seen] = []

    def observe() -> Seen:
        made.append(Seen())
        return made[-1]

    with (
        serving(echo) as there,
        ObservingRelay(there, observe) as relay,
        client_of(relay) as one,
        client_of(relay) as other,
    ):
        for client, word in ((one, b"one"), (other, b"other"), (one, b" more")):
            client.sendall(word)
            assert receive(client, len(word)) == word
    assert sorted(bytes(seen.out) for seen in made) == [b"one more", b"other"]
    assert all(seen.into == seen.out for seen in made)


def test_megabytes_pass_both_ways_unchanged() -> None:
    """More than the relay holds, so that each of its ends has to wait for the other."""
    seen = Seen()
    much = random.Random(7).randbytes(5_000_000)
    with (
        serving(say_back_at_the_end) as there,
        ObservingRelay(there, lambda: seen) as relay,
        client_of(relay) as client,
    ):
        client.sendall(much)
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == much
    assert seen.out == much
    assert seen.into == much


def test_a_client_that_does_not_read_holds_up_the_server() -> None:
    """Otherwise the relay would take everything into memory."""
    seen = Seen()
    most = 4_096
    poured: list[int] = []
    held = threading.Event()

    def pour(connection: socket.socket) -> None:
        connection.settimeout(0.5)  # nothing but a client that does not read takes so long
        with suppress(TimeoutError):
            for _ in range(most):
                poured.append(connection.send(bytes(PIECE)))
        held.set()

    with (
        serving(pour) as there,
        ObservingRelay(there, lambda: seen) as relay,
        client_of(relay) as client,
    ):
        assert held.wait(6 * PATIENCE_S)
        heard = len(rest(client))
    assert heard == sum(poured) == len(seen.into)
    assert heard < most * PIECE


def test_a_client_that_has_said_its_last_still_hears_the_answer() -> None:
    with (
        serving(say_back_at_the_end) as there,
        ObservingRelay(there, Seen) as relay,
        client_of(relay) as client,
    ):
        client.sendall(b"what do you say?")
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"what do you say?"


def test_a_server_that_has_said_its_last_still_hears_the_client() -> None:
    heard: Queue[bytes] = Queue()

    def listen_on(connection: socket.socket) -> None:
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        heard.put(rest(connection))

    with serving(listen_on) as there, ObservingRelay(there, Seen) as relay:
        with client_of(relay) as client:
            assert rest(client) == b"bye"
            client.sendall(b"one more thing")
        assert heard.get(timeout=PATIENCE_S) == b"one more thing"


def test_a_client_that_goes_ends_the_servers_connection() -> None:
    heard: Queue[bytes] = Queue()

    def listen(connection: socket.socket) -> None:
        heard.put(rest(connection))

    with serving(listen) as there, ObservingRelay(there, Seen) as relay:
        with client_of(relay) as client:
            client.sendall(b"that is all")
        assert heard.get(timeout=PATIENCE_S) == b"that is all"


def test_where_nobody_listens_the_clients_connection_ends() -> None:
    with (
        ObservingRelay(Address(HOST, free_port()), Seen) as relay,
        client_of(relay) as client,
    ):
        assert ends(client)


def test_a_reset_by_the_server_ends_the_clients_connection() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with (
        serving(hang_up) as there,
        ObservingRelay(there, Seen) as relay,
        client_of(relay) as client,
    ):
        client.sendall(b"x")
        assert ends(client)


def test_a_reset_by_the_client_ends_the_servers_connection() -> None:
    ended: Queue[bool] = Queue()

    def listen(connection: socket.socket) -> None:
        connection.sendall(receive(connection, 1))
        ended.put(ends(connection))

    with (
        serving(listen) as there,
        ObservingRelay(there, Seen) as relay,
        client_of(relay) as client,
    ):
        client.sendall(b"x")
        assert receive(client, 1) == b"x"
        reset(client)
        assert ended.get(timeout=PATIENCE_S)


def test_leaving_ends_what_is_open_and_frees_the_port() -> None:
    with serving(echo) as there, ExitStack() as stack:
        with ObservingRelay(there, Seen) as relay:
            clients = [stack.enter_context(client_of(relay)) for _ in range(3)]
            for client in clients:
                client.sendall(b"x")
                assert receive(client, 1) == b"x"
        assert all(ends(client) for client in clients)
    assert not listens(os.getpid(), relay.address.port)


def test_a_relay_that_nobody_used_can_be_left() -> None:
    with ObservingRelay(Address(HOST, free_port()), Seen) as relay:
        assert relay.address.port > 0
    assert not listens(os.getpid(), relay.address.port)


def test_new_connections_are_refused_and_open_ones_live_on() -> None:
    with serving(echo) as there, ObservingRelay(there) as relay, client_of(relay) as client:
        with relay.refusing():
            for _ in range(3):
                with pytest.raises(ConnectionRefusedError):
                    client_of(relay)
            client.sendall(b"still there\n")
            assert receive(client, 12) == b"still there\n"
        with client_of(relay) as again:
            again.sendall(b"back\n")
            assert receive(again, 5) == b"back\n"
    assert not listens(os.getpid(), relay.address.port)


def test_a_connection_that_was_there_before_the_refusal_lives_on_though_nobody_has_seen_it() -> (
    None
):
    """The kernel has accepted it, and the relay's loop has not looked since."""

    async def go(there: Address) -> bytes:
        loop, relayed = asyncio.get_running_loop(), Relay()
        line = Line(loop)
        port = await relayed.listen(line, (there.host, there.port))
        client = connect(Address(HOST, port))
        try:
            await relayed.refuse()
            client.sendall(b"still there\n")
            return await loop.run_in_executor(None, receive, client, 12)
        finally:
            client.close()
            relayed.close()
            line.close()
            await asyncio.sleep(0)

    with serving(echo) as there:
        assert asyncio.run(go(there)) == b"still there\n"
