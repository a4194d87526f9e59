"""One request to an application and its answer, with limits of time and size."""

import http.client
import select
import socket
import time
from collections.abc import Callable

import msgspec

from harness.base.errors import check_scarce
from harness.inputs.application import WantedRequest
from harness.lab.network import Address

ANSWER_S = 10.0
"""Time limit for a complete answer."""
MOST_BYTES = 32 * 2**20
"""Size limit of an answer's body."""
_KEPT = 65_536
"""Bytes of a body that are kept, to tell why an answer is refused."""
_PIECE = 65_536
_POLL_S = 0.1


class ApplicationAnswer(msgspec.Struct, frozen=True):
    """A complete answer.

    headers: by lower-case name; of several fields of a name the last one.
    size: bytes of the body; body: its beginning. took_s: from the first byte out to the last in.
    """

    status: int
    headers: dict[str, str]
    size: int
    body: bytes
    took_s: float

    @property
    def beginning(self) -> str:
        """Of the body, as text."""
        return self.body.decode("utf-8", "replace")


class NoWholeAnswer(Exception):
    """No complete answer came.

    reason: why, as a clause that follows the request's name. silent: whether not even a status did.
    """

    def __init__(self, reason: str, *, silent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.silent = silent


def ask(
    address: Address,
    request: WantedRequest,
    seconds: float = ANSWER_S,
    most: int = MOST_BYTES,
    alive: Callable[[], bool] = lambda: True,
) -> ApplicationAnswer:
    """Send a request on a connection of its own, and read its answer.

    Args:
        seconds: time limit of the first byte, and once more of the rest; of that ANSWER_S at most.
        most: bytes of a body.
        alive: whether the server still runs; asked while nothing comes.

    Raises:
        NoWholeAnswer: it did not end within the limits, or is no HTTP/1.1.
        SystemRefused: this process lacks something.
    """
    began = time.monotonic()
    end = began + seconds
    try:
        with socket.create_connection((address.host, address.port), seconds) as connection:
            connection.sendall(request.encoded(_shown(address.host), address.port))
            _await_bytes(connection, end, seconds, alive)
            seconds = min(seconds, ANSWER_S)  # a long start is no reason to wait for a long answer
            end = time.monotonic() + seconds
            response = http.client.HTTPResponse(connection, method=request.method)
            try:
                connection.settimeout(max(0.01, end - time.monotonic()))
                response.begin()
                size, body = _read(connection, response, end, seconds, most)
            finally:
                response.close()
    except TimeoutError:
        raise NoWholeAnswer(f"has no answer within {seconds:g} s", silent=True) from None
    except ConnectionRefusedError:
        raise NoWholeAnswer("finds no server: it accepts no connection", silent=True) from None
    except (ConnectionError, http.client.RemoteDisconnected):
        raise NoWholeAnswer(
            "has no answer: the server closed the connection", silent=True
        ) from None
    except http.client.HTTPException as error:
        what = f"{type(error).__name__} {error}".rstrip()
        raise NoWholeAnswer(f"has an answer that is no HTTP/1.1 ({what})", silent=False) from None
    except OSError as error:
        check_scarce(error)
        raise NoWholeAnswer(f"has no answer: {error.strerror or error}", silent=True) from None
    headers = {name.lower(): value for name, value in response.getheaders()}
    return ApplicationAnswer(response.status, headers, size, body, time.monotonic() - began)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _await_bytes(
    connection: socket.socket, end: float, seconds: float, alive: Callable[[], bool]
) -> None:
    """Wait for the first byte, as long as the server lives.

    Raises:
        NoWholeAnswer: none came.
    """
    while not select.select([connection], [], [], _POLL_S)[0]:
        if time.monotonic() > end:
            raise NoWholeAnswer(f"has no answer within {seconds:g} s", silent=True)
        if not alive():
            raise NoWholeAnswer("has no answer: the server has ended", silent=True)


def _read(
    connection: socket.socket,
    response: http.client.HTTPResponse,
    end: float,
    seconds: float,
    most: int,
) -> tuple[int, bytes]:
    """The size of a body, and its beginning.

    Raises:
        NoWholeAnswer: it is too long, or takes too long, or breaks off.
    """
    size, kept = 0, bytearray()
    while True:
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise NoWholeAnswer(_endless(seconds, size), silent=False)
        connection.settimeout(left_s)
        try:
            piece = response.read1(_PIECE)
        except TimeoutError:
            raise NoWholeAnswer(_endless(seconds, size), silent=False) from None
        except (ConnectionError, http.client.IncompleteRead):
            raise NoWholeAnswer("has an answer that breaks off", silent=False) from None
        if not piece:
            break
        size += len(piece)
        kept += piece[: _KEPT - len(kept)]
        if size > most:
            raise NoWholeAnswer(
                f"has an answer of more than {most // 2**20} MiB; name one that ends", silent=False
            )
    if response.length:
        raise NoWholeAnswer("has an answer that breaks off", silent=False)
    return size, bytes(kept)


def _endless(seconds: float, size: int) -> str:
    return (
        f"has an answer that does not end within {seconds:g} s ({size:,} bytes until then), and a "
        "receipt needs one that does"
    )
