"""Sends requests one after the other on one connection, as long as the server keeps it."""

import contextlib
import http.client
import socket
import time
from typing import Protocol, Self

import msgspec

from harness.base.errors import ServerFailed, check_scarce
from harness.lab.network import Address
from harness.records.observation import SentRequest

PATIENCE_S = 20.0
"""Time limit for a complete answer."""
_MOST_BYTES = 64 * 2**20
_PIECE = 65_536


class Askable(Protocol):
    """A request as it is wanted; `WantedRequest` is one."""

    @property
    def name(self) -> str:
        """Method and target, as they may be shown."""

    @property
    def method(self) -> str:
        """Of HTTP."""

    @property
    def header_names(self) -> tuple[str, ...]:
        """Of headers that were asked for."""

    @property
    def form_names(self) -> tuple[str, ...]:
        """Of a form's fields."""

    def encoded(self, host: str, port: int) -> bytes:
        """All of it, as HTTP/1.1."""


def shown(request: Askable) -> SentRequest:
    """The request for the record, without secrets."""
    return SentRequest(
        method=request.method,
        target=request.name.partition(" ")[2],
        headers=request.header_names,
        form=request.form_names,
    )


class Answered(msgspec.Struct, frozen=True):
    """A status, and when the first byte went out and the last came in."""

    status: int
    sent_ns: int
    answered_ns: int


class KeptConnection:
    """A connection to a server; it is opened anew where the server closes it. A context manager.

    Args:
        address: to connect to.
        named: the server's own address, for the field `Host`.
    """

    def __init__(self, address: Address, named: Address | None = None) -> None:
        self._address = address
        self._named = named or address
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, request: Askable) -> Answered:
        """Send a request and read its whole answer.

        Raises:
            ServerFailed: no complete answer came in time.
            SystemRefused: this process lacks something.
        """
        data = request.encoded(self._named.host, self._named.port)
        kept = self._socket is not None
        try:
            return self._exchange(request, data)
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            if not kept:
                raise ServerFailed(
                    f"`{request.name}` has no answer, because the server closed the connection; "
                    "see its log."
                ) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            check_scarce(error)
            raise ServerFailed(_without_answer(request, error)) from None
        return self.send(request)  # the server had closed the connection between two requests

    def _exchange(self, request: Askable, data: bytes) -> Answered:
        end = time.monotonic() + PATIENCE_S
        if self._socket is None:
            place = self._address.host, self._address.port
            self._socket = socket.create_connection(place, PATIENCE_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected = self._socket
        connected.settimeout(PATIENCE_S)
        sent_ns = time.monotonic_ns()
        connected.sendall(data)
        with contextlib.closing(
            http.client.HTTPResponse(connected, method=request.method)
        ) as response:
            response.begin()
            size = 0
            while piece := response.read1(_PIECE):
                size += len(piece)
                if size > _MOST_BYTES or time.monotonic() > end:
                    raise TimeoutError
            answered_ns = time.monotonic_ns()
            if response.will_close:
                self.close()
            return Answered(response.status, sent_ns, answered_ns)


def _without_answer(request: Askable, error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return (
            f"`{request.name}` has no answer that ends within {PATIENCE_S:g} s and 64 MiB; a "
            "receipt needs requests that end."
        )
    return (
        f"`{request.name}` has no answer of HTTP/1.1: {type(error).__name__}; see the server's log."
    )
