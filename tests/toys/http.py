"""A scripted HTTP/1.1 server on plain sockets: a thread per connection, and counts of everything.

A behaviour is a function of one `Visit`, called once per connection; the connection is closed when
it returns.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Self

from tests.waiting import PATIENCE_S

HOST = "127.0.0.1"
OK_BODY = b'{"status":"ok"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + OK_BODY
_RST_AT_CLOSE = struct.pack("ii", 1, 0)

type Behaviour = Callable[["Visit"], None]


class Visit:
    """One connection, seen from the server."""

    def __init__(self, toy: "Toy", connection: socket.socket) -> None:
        self.toy = toy
        self._connection = connection
        self._rest = b""

    def request(self) -> bytes | None:
        """The next complete request, counted; None when the client has gone."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if not self._more():
                return None
        length = 0
        for line in self._rest[:end].lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        whole = end + 4 + length
        while len(self._rest) < whole:
            if not self._more():
                return None
        request, self._rest = self._rest[:whole], self._rest[whole:]
        self.toy.count_request()
        return request

    def send(self, data: bytes) -> None:
        """Send all of it at once."""
        self._connection.sendall(data)

    def reset(self) -> None:
        """Have the connection end with RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_AT_CLOSE)

    def wait_for_client_to_go(self) -> None:
        """Read on, and ignore, until the client closes."""
        while self._more():
            self._rest = b""

    def _more(self) -> bool:
        data = self._connection.recv(65_536)
        self._rest += data
        return bool(data)


class Toy:
    """A listening server with one behaviour. Use as a context manager."""

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        self.requests = 0
        self.last_request_ns = 0
        self.connections = 0
        self.open = 0
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, port), backlog=1_024)
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def count_request(self) -> None:
        """Take note of one complete request."""
        with self._lock:
            self.requests += 1
            self.last_request_ns = time.monotonic_ns()

    def drop_connections(self) -> None:
        """Close every open connection, as an idle timeout would."""
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def until_open(self, count: int, seconds: float = PATIENCE_S) -> bool:
        """Wait until exactly so many connections are open."""
        end = time.monotonic() + seconds
        while self.open != count and time.monotonic() < end:
            time.sleep(0.01)
        return self.open == count

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.drop_connections()
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self.open += 1
                self._sockets.add(connection)
            self._start(partial(self._serve, connection))

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._behaviour(Visit(self, connection))
        except OSError:
            pass  # the client went away in the middle
        finally:
            with self._lock:
                self._sockets.discard(connection)
                self.open -= 1
                connection.close()


def respond(*responses: bytes) -> Behaviour:
    """Answer every request with the next of these, round and round, and keep the connection."""

    def behave(visit: Visit) -> None:
        while True:
            for response in responses:
                if visit.request() is None:
                    return
                visit.send(response)

    return behave


def respond_once(response: bytes) -> Behaviour:
    """Answer one request, then close the connection."""

    def behave(visit: Visit) -> None:
        if visit.request() is not None:
            visit.send(response)

    return behave


def respond_slowly(response: bytes, seconds: float) -> Behaviour:
    """Answer every request after a pause."""

    def behave(visit: Visit) -> None:
        while visit.request() is not None:
            time.sleep(seconds)
            visit.send(response)

    return behave


def stay_silent(visit: Visit) -> None:
    """Read requests and never answer."""
    while visit.request() is not None:
        pass


def reset_at_once(visit: Visit) -> None:
    """Accept, then cut the connection before any request."""
    visit.reset()
