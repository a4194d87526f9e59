"""A small TCP server for one behaviour, and a client's reads from it."""

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from harness.lab.network import HOST, Address
from tests.waiting import PATIENCE_S

PIECE = 65_536
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)

type Behaviour = Callable[[socket.socket], None]
"""What a server does with one connection, which is closed afterwards."""


class _Threaded(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1_024


@contextmanager
def serving(behave: Behaviour) -> Iterator[Address]:
    """The address of a server that has a thread per connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the connection ended in the middle
                behave(self.request)

    with _Threaded((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Address(HOST, server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def connect(address: Address) -> socket.socket:
    """A client's connection."""
    return socket.create_connection((address.host, address.port), timeout=PATIENCE_S)


def receive(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes, or as many as come before the end."""
    received = bytearray()
    while len(received) < count and (data := connection.recv(count - len(received))):
        received += data
    return bytes(received)


def rest(connection: socket.socket) -> bytes:
    """All bytes until the other side's end."""
    received = bytearray()
    while data := connection.recv(PIECE):
        received += data
    return bytes(received)


def ends(connection: socket.socket) -> bool:
    """Whether nothing more comes, because of an end in order or of a reset."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def reset(connection: socket.socket) -> None:
    """End it with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    connection.close()


def echo(connection: socket.socket) -> None:
    """Send everything back as it comes."""
    while data := connection.recv(PIECE):
        connection.sendall(data)
