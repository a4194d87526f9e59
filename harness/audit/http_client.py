"""An HTTP client for checks: single requests of any method and any bytes."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Buffer, Iterable, Iterator
from copy import copy
from itertools import chain
from urllib.parse import urlencode, urlsplit

import msgspec

PATIENCE_S = 5.0
"""For a complete response. A check ends with the first request that has none, so a handler that
hangs costs each check as much. Checks need milliseconds, and the longest loop of `/cpu` takes half
a second on a slow core."""
FORM = "application/x-www-form-urlencoded"


_SHOWN = 60
"""Characters of a path or a body that are shown."""


class Request(msgspec.Struct, frozen=True):
    """A request as it was sent.

    body: its beginning where it was sent in chunks. chunked: whether it was.
    at_once: requests of this kind that were under way at the same time.
    """

    method: str
    path: str
    body: bytes | None = None
    content_type: str | None = None
    chunked: bool = False
    at_once: int = 1

    @property
    def line(self) -> str:
        """Method and path."""
        return f"{self.method} {_cut(self.path)}"

    @property
    def route(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def text(self) -> str | None:
        """The beginning of the body; None without one."""
        if self.body is None:
            return None
        text = _cut(self.body.decode("ascii", "backslashreplace")) or "(empty)"
        if self.chunked:
            return f"{text} (in chunks)"
        return text if len(self.body) <= _SHOWN else f"{text} ({len(self.body):,} bytes)"

    def same(self, other: "Request") -> bool:
        """Whether it is the same, however many are sent at once."""
        return msgspec.structs.replace(self, at_once=other.at_once) == other


def _late(seconds: float) -> str:
    return f"no complete response within {seconds:g} s"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class NoAnswer(OSError):
    """No complete response came.

    Args:
        request: the one without.
        error: what happened instead.
    """

    def __init__(self, request: Request, error: OSError | http.client.HTTPException) -> None:
        reason = _reason(error)
        super().__init__(getattr(error, "errno", None), reason)
        self.request = request
        self.reason = reason
        self.timed_out = isinstance(error, TimeoutError)

    def __str__(self) -> str:
        return self.reason


def _reason(error: OSError | http.client.HTTPException) -> str:
    """What happened to a request, as a clause."""
    match error:
        case TimeoutError():
            return str(error)
        case ConnectionRefusedError():
            return "the server accepts no connection"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "the server closed the connection without a response"
        case http.client.IncompleteRead():
            return "the server closed the connection in the middle of its response"
        case http.client.HTTPException():
            return f"the response is no HTTP/1.1: {type(error).__name__} {error}".rstrip()
        case OSError(strerror=str(words)):
            return words
    return f"{type(error).__name__} {error}".rstrip()


class Reply(msgspec.Struct, frozen=True):
    """A response: status, header fields by lower-case name, and body; and the request to it."""

    status: int
    headers: dict[str, str]
    body: bytes
    request: Request

    def json(self) -> object:
        """The body decoded.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)

    def shown(self) -> str:
        """Status and the beginning of the body, for error messages."""
        return f"{self.status} {self.body[:120].decode('utf-8', 'replace')!r}"


class Persistence(msgspec.Struct, frozen=True):
    """What became of a connection.

    version: of HTTP in the first response, as `http.client` writes it: 11 for HTTP/1.1.
    answered: requests that were answered on it, one after the other.
    """

    version: int
    answered: int


class _PunctualSocket(socket.socket):
    """A socket on which nothing lasts beyond the deadline, also while bytes drip in.

    deadline: on the monotonic clock.
    """

    deadline: float

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        self._allow_the_rest()
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        self._allow_the_rest()
        super().sendall(data, flags)

    def _allow_the_rest(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)


class _Connection(http.client.HTTPConnection):
    """A connection whose requests have a deadline each."""

    _deadline: float

    def connect(self) -> None:
        super().connect()
        punctual = _PunctualSocket(fileno=self.sock.detach())
        punctual.deadline = self._deadline
        self.sock = punctual

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound all that the block does on the connection.

        Raises:
            TimeoutError: it was not done in time.
        """
        self._deadline = time.monotonic() + seconds
        if isinstance(self.sock, _PunctualSocket):
            self.sock.deadline = self._deadline
        try:
            yield
        except TimeoutError as error:
            raise TimeoutError(_late(seconds)) from error


class HttpSession:
    """Sends requests one after the other on one connection, if the server keeps it.

    last: the request that was sent last.
    """

    def __init__(self, connection: _Connection, patience_s: float, at_once: int = 1) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._at_once = at_once
        self.last: Request | None = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        content_type: str | None = None,
    ) -> Reply:
        """Send a request; a body given as an iterable goes out in chunks, without a length.

        Raises:
            NoAnswer: no complete response came, or not in time.
        """
        beginning, chunked = None, False
        if isinstance(body, bytes | None):
            beginning = body
        else:
            pieces, chunked = iter(body), True
            beginning = next(pieces, b"")
            body = chain([beginning], pieces)
        request = Request(method, path, beginning, content_type, chunked, self._at_once)
        self.last = request
        try:
            return self._answer(request, body)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(request, error) from error

    def _answer(self, request: Request, body: bytes | Iterable[bytes] | None) -> Reply:
        kind = request.content_type
        headers = {} if kind is None else {"Content-Type": kind}
        with self._connection.within(self._patience_s):
            # A server may refuse a body before all of it was sent; its answer can then be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._connection.request(request.method, request.path, body=body, headers=headers)
            response = self._connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, fields, response.read(), request)


class Probe:
    """Sends single requests to one server, each on a connection of its own.

    Args:
        url: of the server.
        patience_s: for each complete response.
        silent: requests that had no answer in time. They are not sent again, but fail at once;
            others that have none are added. None to send all.

    last: the request that was sent last, by any thread.
    """

    def __init__(
        self, url: str, patience_s: float = PATIENCE_S, silent: set[Request] | None = None
    ) -> None:
        parts = urlsplit(url)
        self._patience_s = patience_s
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._silent = silent
        self._at_once = 1
        self.last: Request | None = None

    def among(self, count: int) -> "Probe":
        """The same, for requests of which so many are under way at the same time."""
        other = copy(self)
        other._at_once = count
        return other

    @contextlib.contextmanager
    def session(self) -> Iterator[HttpSession]:
        """A connection for several requests."""
        connection = _Connection(self._host, self._port, timeout=self._patience_s)
        try:
            yield HttpSession(connection, self._patience_s, self._at_once)
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A bare connection, for a client that does not keep to HTTP."""
        return socket.create_connection((self._host, self._port), self._patience_s)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        content_type: str | None = None,
    ) -> Reply:
        """Send a request as `HttpSession.send` does."""
        known = self._silent or ()
        if isinstance(body, bytes | None):
            self.last = Request(method, path, body, content_type, at_once=self._at_once)
            if any(self.last.same(request) for request in known):
                raise NoAnswer(self.last, TimeoutError(_late(self._patience_s)))
        with self.session() as session:
            try:
                return session.send(method, path, body, content_type)
            except NoAnswer as error:
                if self._silent is not None and error.timed_out:
                    self._silent.add(error.request)
                raise
            finally:
                self.last = session.last

    def persistence(self, path: str, count: int) -> Persistence:
        """Send so many requests on one connection, and tell on how many of them it was open.

        Raises:
            NoAnswer: the first one had no complete response.
        """
        self.last = Request("GET", path)
        connection = _Connection(self._host, self._port, timeout=self._patience_s)
        version = answered = 0
        with contextlib.closing(connection), connection.within(self._patience_s):
            try:
                for _ in range(count):
                    connection.request("GET", path)
                    response = connection.getresponse()
                    response.read()
                    version = version or response.version
                    answered += 1
                    if connection.sock is None:  # which http.client closes where the server will
                        break
            except (OSError, http.client.HTTPException) as error:
                if not answered or isinstance(error, TimeoutError):
                    raise NoAnswer(self.last, error) from error
        return Persistence(version, answered)

    def get(self, path: str) -> Reply:
        """GET a path."""
        return self.send("GET", path)

    def post_form(self, path: str, fields: dict[str, str]) -> Reply:
        """POST a form, as a browser would encode it."""
        return self.send("POST", path, urlencode(fields).encode(), FORM)
