"""The generator's HTTP/1.1: encodes requests and parses responses.

It finds out with little work when a response is complete, and its status and body. Message framing
follows RFC 9112, section 6.3. A response's head is parsed once and remembered by its exact bytes. A
server that answers a thousand times in a second with the same head (its Date changes once a second)
costs a thousand dictionary look-ups and one parse.
"""

import re
from typing import NamedTuple

_HEAD_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9][0-9])(?: [^\r\n]*)?")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_BODILESS = (204, 304)
"""Statuses whose response ends with its head, whatever its fields are."""
_REMEMBERED_HEADS = 1024
"""Heads kept before the memory is emptied; a server that varies every head gains nothing."""
_MAX_HEAD_BYTES = 65_536
_MAX_CHUNK_LINE = 1024


class ProtocolError(Exception):
    """The peer does not speak HTTP/1.1 as RFC 9112 has it."""


class Head(NamedTuple):
    """The relevant parts of a status line and header fields.

    length: body bytes, or None where the body is chunked or ends with the connection.
    """

    status: int
    length: int | None
    chunked: bool
    close: bool


class Response(NamedTuple):
    """A complete response. close: whether the connection ends with it."""

    status: int
    body: bytes
    close: bool


class ResponseParser:
    """Turns one connection's bytes into responses, one at a time: the generator never pipelines.

    It keeps the bytes of an unfinished response.
    """

    __slots__ = ("_body", "_chunk_left", "_head", "_heads", "_rest")

    def __init__(self, heads: dict[bytes, Head] | None = None) -> None:
        self._heads = {} if heads is None else heads
        self._rest = b""
        self._head: Head | None = None
        self._body = bytearray()
        self._chunk_left = 0

    @property
    def idle(self) -> bool:
        """Whether no byte of an unfinished response has arrived."""
        return not self._rest and self._head is None

    def feed(self, data: bytes) -> Response | None:
        """Take bytes as they arrive; return the response if it is now complete.

        Raises:
            ProtocolError: the bytes are no HTTP/1.1 response, or go on after its end.
        """
        while self._head is None:
            if self._rest:
                data = self._rest + data
                self._rest = b""
            end = data.find(_HEAD_END)
            if end < 0:
                self._keep_head(data)
                return None
            head = self._heads.get(data[:end]) or self._remember(data[:end])
            data = data[end + 4 :]
            if head.length == len(data):  # the whole response in one read: by far the most common
                return Response(head.status, data, head.close)
            if head.status >= 200:
                self._head = head  # else an interim response: the final one follows
        return self._feed_body(self._head, data)

    def feed_eof(self) -> Response | None:
        """Note the end of the connection; return the response if its body ends with it.

        Raises:
            ProtocolError: the response was cut short.
        """
        head = self._head
        if head is not None and head.length is None and not head.chunked:
            return self._complete(head, bytes(self._rest))
        if self.idle:
            return None
        raise ProtocolError("the connection ended in the middle of a response")

    def _keep_head(self, data: bytes) -> None:
        if len(data) > _MAX_HEAD_BYTES:
            raise ProtocolError(f"a head of more than {_MAX_HEAD_BYTES} bytes")
        self._rest = data

    def _remember(self, raw: bytes) -> Head:
        if len(self._heads) >= _REMEMBERED_HEADS:
            self._heads.clear()
        head = self._heads[raw] = parse_head(raw)
        return head

    def _feed_body(self, head: Head, data: bytes) -> Response | None:
        if head.chunked:
            return self._feed_chunks(head, data)
        self._rest += data
        if head.length is None:  # until the connection ends
            return None
        if len(self._rest) < head.length:
            return None
        if len(self._rest) > head.length:
            raise ProtocolError(f"{len(self._rest) - head.length} bytes after the response's end")
        return self._complete(head, self._rest)

    def _feed_chunks(self, head: Head, data: bytes) -> Response | None:
        """Take chunk by chunk; `_chunk_left` counts a chunk's missing bytes with its CRLF."""
        rest = self._rest + data
        while True:
            if self._chunk_left:
                taken = rest[: self._chunk_left]
                self._body += taken
                self._chunk_left -= len(taken)
                rest = rest[len(taken) :]
                if self._chunk_left:
                    break
                if self._body[-2:] != b"\r\n":
                    raise ProtocolError("a chunk that does not end where its size says")
                del self._body[-2:]
            line, found, after = rest.partition(b"\r\n")
            if not found:
                if len(rest) > _MAX_CHUNK_LINE:
                    raise ProtocolError("a chunk without a size")
                break
            size = _chunk_size(line)
            if size == 0:
                return self._end_of_chunks(head, rest, after)
            self._chunk_left = size + 2
            rest = after
        self._rest = rest
        return None

    def _end_of_chunks(self, head: Head, last: bytes, after: bytes) -> Response | None:
        """After the last chunk come trailer fields, if any, and an empty line."""
        if after.startswith(b"\r\n"):
            trailer = after[2:]
        else:
            fields, found, trailer = after.partition(_HEAD_END)
            if not found:
                if len(fields) > _MAX_HEAD_BYTES:
                    raise ProtocolError("a trailer without an end")
                self._rest = last  # the size line again, until the rest is here
                return None
        if trailer:
            raise ProtocolError(f"{len(trailer)} bytes after the response's end")
        return self._complete(head, bytes(self._body))

    def _complete(self, head: Head, body: bytes) -> Response:
        self._rest, self._head = b"", None
        self._body.clear()
        return Response(head.status, body, head.close)


def parse_head(raw: bytes) -> Head:
    """Parse a status line and header fields, without the empty line that ends them.

    Raises:
        ProtocolError: for anything that leaves the length of the body in doubt.
    """
    status_line, *lines = raw.split(b"\r\n")
    if not (line_found := _STATUS_LINE.fullmatch(status_line)):
        raise ProtocolError(f"not a status line: {status_line[:80]!r}")
    version, status = line_found[1], int(line_found[2])
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\n" in line:
            raise ProtocolError(f"not a header field: {line[:80]!r}")
        fields.setdefault(name.lower(), []).append(value.strip())
    tokens = b",".join(fields.get(b"connection", [])).lower().replace(b" ", b"").split(b",")
    close = b"close" in tokens or (version == b"HTTP/1.0" and b"keep-alive" not in tokens)
    chunked = status not in _BODILESS and _is_chunked(fields)
    length = None if chunked else _length(fields, status)
    until_end = length is None and not chunked and status >= 200
    return Head(status, length, chunked, close or until_end)


def request_bytes(
    method: str, target: str, host: str, body: bytes | None = None, content_type: str | None = None
) -> bytes:
    """A request ready to be sent, keep-alive being HTTP/1.1's default."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: bridgetoll",
        "Accept: */*",
    ]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


def _is_chunked(fields: dict[bytes, list[bytes]]) -> bool:
    if b"transfer-encoding" not in fields:
        return False
    coding = b",".join(fields[b"transfer-encoding"]).lower().strip()
    if coding != b"chunked" or b"content-length" in fields:
        raise ProtocolError(f"transfer coding {coding[:40]!r}, or a length beside it")
    return True


def _length(fields: dict[bytes, list[bytes]], status: int) -> int | None:
    if 100 <= status < 200:
        return None  # no body, but not the end either: never mistaken for a complete response
    if status in _BODILESS:
        return 0
    values = {v.strip() for item in fields.get(b"content-length", []) for v in item.split(b",")}
    if not values:
        return None
    if len(values) > 1 or not _DIGITS.fullmatch(value := values.pop()):
        raise ProtocolError("a Content-Length that is no number, or two that differ")
    return int(value)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        if not digits or digits[:1] in b"+-" or b"_" in digits or digits[:2].lower() == b"0x":
            raise ValueError
        return int(digits, 16)
    except ValueError:
        raise ProtocolError(f"not a chunk size: {line[:40]!r}") from None
