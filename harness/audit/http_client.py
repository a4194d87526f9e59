"""An HTTP client for checks: single requests of any method and any bytes."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import urlencode, urlsplit

import msgspec

PATIENCE_S = 5.0
"""For a complete response. A check ends with the first request that has none, so a handler that
hangs costs each check as much. Checks need milliseconds, and the longest loop of `/cpu` takes half
a second on a slow core."""
FORM = "application/x-www-form-urlencoded"


class Reply(msgspec.Struct, frozen=True):
    """A response: status, header fields by lower-case name, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        """The body decoded.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)

    def shown(self) -> str:
        """Status and the beginning of the body, for error messages."""
        return f"{self.status} {self.body[:120].decode('utf-8', 'replace')!r}"


@contextlib.contextmanager
def _bounded(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Cut the connection off when the time is up, also while bytes drip in.

    Raises:
        TimeoutError: it was cut off.
    """
    cut = threading.Event()

    def cut_off() -> None:
        cut.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):  # it was closed just now
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        if not cut.is_set() and not isinstance(error, TimeoutError):
            raise
        raise TimeoutError(f"no complete response within {seconds:g} s") from error
    finally:
        timer.cancel()


class HttpSession:
    """Sends requests one after the other on one connection, if the server keeps it."""

    def __init__(self, connection: http.client.HTTPConnection, patience_s: float) -> None:
        self._connection = connection
        self._patience_s = patience_s

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        content_type: str | None = None,
    ) -> Reply:
        """Send a request; a body given as an iterable goes out in chunks, without a length.

        Raises:
            OSError, http.client.HTTPException: no complete response came, or not in time.
        """
        headers = {} if content_type is None else {"Content-Type": content_type}
        with _bounded(self._connection, self._patience_s):
            # A server may refuse a body before all of it was sent; its answer can then be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Reply(status=response.status, headers=fields, body=response.read())


class Probe:
    """Sends single requests to one server, each on a connection of its own.

    Args:
        url: of the server.
        patience_s: for each complete response.
    """

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        parts = urlsplit(url)
        self._patience_s = patience_s
        self._host, self._port = parts.hostname or "", parts.port or 80

    @contextlib.contextmanager
    def session(self) -> Iterator[HttpSession]:
        """A connection for several requests."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._patience_s)
        try:
            yield HttpSession(connection, self._patience_s)
        finally:
            connection.close()

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        content_type: str | None = None,
    ) -> Reply:
        """Send a request as `HttpSession.send` does."""
        with self.session() as session:
            return session.send(method, path, body, content_type)

    def get(self, path: str) -> Reply:
        """GET a path."""
        return self.send("GET", path)

    def post_form(self, path: str, fields: dict[str, str]) -> Reply:
        """POST a form, as a browser would encode it."""
        return self.send("POST", path, urlencode(fields).encode(), FORM)
