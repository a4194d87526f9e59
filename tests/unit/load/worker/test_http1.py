"""`ResponseParser` against h11, a strict and independent HTTP/1.1 parser, and against malice."""

from dataclasses import dataclass

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.worker.http1 import (
    Head,
    ProtocolError,
    Response,
    ResponseParser,
    parse_head,
    request_bytes,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Sent:
    """A response on the wire, and whether the server then closes the connection."""

    wire: bytes
    body: bytes
    until_close: bool


token = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=8).map(
    lambda text: b"X-" + text.encode()
)
text = st.text("".join(map(chr, range(33, 127))), max_size=12).map(str.encode)
field = st.builds(lambda name, value: name + b": " + value + b"\r\n", token, text)
fields = st.lists(field, max_size=4).map(b"".join)
interim = st.builds(
    lambda status, rest: b"HTTP/1.1 %d Wait\r\n%b\r\n" % (status, rest),
    st.sampled_from([100, 102, 103]),
    fields,
)
extension = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b"  ", b"\t"])
reason = st.sampled_from([b" OK", b" ", b"", b" Not quite as it seems"])
connection = st.sampled_from([b"", b"Connection: close\r\n", b"Connection: Keep-Alive\r\n"])


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The wire form of some chunks with extensions and trailer fields, and the body they make."""
    wire, body = b"", b""
    for chunk in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5)):
        size = (b"%x" if draw(st.booleans()) else b"%04X") % len(chunk)
        wire += size + draw(extension) + b"\r\n" + chunk + b"\r\n"
        body += chunk
    return wire + b"0" + draw(extension) + b"\r\n" + draw(fields) + b"\r\n", body


@st.composite
def responses(draw: st.DrawFn) -> Sent:
    """Any response of RFC 9112's framings, perhaps with interim ones before it."""
    before = b"".join(draw(st.lists(interim, max_size=2)))
    head, body, tail, until_close = b"", b"", b"", False
    kind = draw(st.sampled_from(["length", "chunked", "until close", "bodiless"]))
    status = draw(st.sampled_from([200, 201, 301, 404, 503]))
    match kind:
        case "length":
            tail = body = draw(st.binary(max_size=80))
            length = b"%d" % len(body)
            head = draw(st.sampled_from([b"Content-Length: %b\r\n", b"content-length:%b \r\n"]))
            head = head % length
        case "chunked":
            tail, body = draw(chunked())
            head = draw(
                st.sampled_from(
                    [b"Transfer-Encoding: chunked\r\n", b"TRANSFER-ENCODING:Chunked\r\n"]
                )
            )
        case "until close":
            tail = body = draw(st.binary(max_size=80))
            until_close = True
        case "bodiless":
            status = draw(st.sampled_from([204, 304]))
            head = draw(
                st.sampled_from([b"", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n"])
            )
    around = [head, draw(fields), draw(connection)]
    line = b"HTTP/1.1 %d%b\r\n" % (status, draw(reason))
    order = draw(st.permutations(around))
    return Sent(before + line + b"".join(order) + b"\r\n" + tail, body, until_close)


def by_h11(pieces: list[bytes]) -> tuple[int, bytes]:
    """What h11 makes of the pieces, the connection ending after them."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    status, body = 0, b""
    for piece in [*pieces, b""]:
        client.receive_data(piece)
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif event is h11.NEED_DATA:
                break
    raise AssertionError("h11 saw no end")


def by_us(parser: ResponseParser, pieces: list[bytes]) -> Response | None:
    """Feed the pieces; the response must come with the last of them, or with the end."""
    found = [parser.feed(piece) for piece in pieces]
    assert found[:-1] == [None] * (len(found) - 1)
    return found[-1]


def split(wire: bytes, cuts: list[int]) -> list[bytes]:
    points = sorted({c % len(wire) for c in cuts} - {0})
    return [wire[a:b] for a, b in zip([0, *points], [*points, len(wire)], strict=True)]


@given(sent=responses(), cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_reads_every_response_as_h11_does_wherever_it_is_split(sent: Sent, cuts: list[int]) -> None:
    pieces = split(sent.wire, cuts)
    parser = ResponseParser()
    response = by_us(parser, pieces)
    if sent.until_close:
        assert response is None
        response = parser.feed_eof()
    assert response is not None
    assert (response.status, response.body) == by_h11(pieces)
    assert response.body == sent.body
    assert parser.idle


@given(sent=responses())
def test_reads_byte_by_byte(sent: Sent) -> None:
    pieces = [bytes([byte]) for byte in sent.wire]
    parser = ResponseParser()
    response = by_us(parser, pieces)
    if sent.until_close:
        response = parser.feed_eof()
    assert response is not None
    assert response.body == sent.body


@given(series=st.lists(responses().filter(lambda s: not s.until_close), min_size=2, max_size=4))
def test_one_parser_reads_one_response_after_the_other(series: list[Sent]) -> None:
    """Nothing of a response is left for the next, and remembered heads stay true."""
    heads: dict[bytes, Head] = {}
    parser = ResponseParser(heads)
    for sent in [*series, *series]:
        response = parser.feed(sent.wire)
        assert response is not None
        assert response.body == sent.body
    assert heads


@given(
    sent=responses().filter(lambda s: not s.until_close),
    extra=st.binary(min_size=1, max_size=9),
    cuts=st.lists(st.integers(0, 2000), max_size=3),
)
def test_bytes_after_the_end_in_the_same_read_are_refused(
    sent: Sent, extra: bytes, cuts: list[int]
) -> None:
    """Nobody asked for them: a server that pipelines answers would be measured wrongly."""
    *first, last = split(sent.wire, cuts)
    parser = ResponseParser()
    for piece in first:
        assert parser.feed(piece) is None
    with pytest.raises(ProtocolError, match=r"after the response's end"):
        parser.feed(last + extra)


@given(sent=responses().filter(lambda s: not s.until_close), cut=st.integers(1, 2000))
def test_truncated_response_is_refused_at_the_connections_end(sent: Sent, cut: int) -> None:
    wire = sent.wire[: -(cut % len(sent.wire)) or -1]
    parser = ResponseParser()
    assert parser.feed(wire) is None
    if parser.idle:  # nothing but whole interim responses
        assert parser.feed_eof() is None
        assert wire.endswith(b"\r\n\r\n")
        assert wire.startswith(b"HTTP/1.1 1")
        return
    with pytest.raises(ProtocolError, match=r"ended in the middle"):
        parser.feed_eof()


def test_two_responses_in_one_read_are_refused() -> None:
    with pytest.raises(ProtocolError, match=r"40 bytes after the response's end"):
        ResponseParser().feed(OK + OK)


def test_end_of_an_idle_connection_is_no_error() -> None:
    parser = ResponseParser()
    assert parser.feed_eof() is None
    assert parser.feed(OK) is not None
    assert parser.feed_eof() is None


def test_thousands_of_interim_responses_in_one_read_are_skipped() -> None:
    response = ResponseParser().feed(b"HTTP/1.1 102 Processing\r\n\r\n" * 5_000 + OK)
    assert response == Response(200, b"ok", False)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"rubbish",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 20",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 099 Low",
        b"HTTP/1.1  200 OK",
        b"HTTP/2 200 OK",
        b"http/1.1 200 OK",
        b"SSH-2.0-OpenSSH",
        b" HTTP/1.1 200 OK",
        b"\r\nHTTP/1.1 200 OK",
    ],
)
def test_status_line_rubbish_is_refused(head: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^not a status line: b"):
        ResponseParser().feed(head + b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b": no name",
        b" Content-Length: 2",
        b"Content-Length : 2",
        b"X: 1\r\n folded",
        b"X: 1\nContent-Length: 2",
    ],
)
def test_header_rubbish_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^not a header field: b"):
        ResponseParser().feed(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\nok")


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nContent-Length: 3",
        b"Content-Length: 2, 3",
        b"Content-Length: 2,",
        b"Content-Length:",
        b"Content-Length: -2",
        b"Content-Length: +2",
        b"Content-Length: 2.0",
        b"Content-Length: 0x2",
        b"Content-Length: \xb2",
        b"Content-Length: two",
        b"Content-Length: " + b"9" * 5_000,
    ],
)
def test_length_in_doubt_is_refused(lines: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"Content-Length"):
        ResponseParser().feed(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\nok")


def test_a_length_said_twice_alike_is_no_doubt() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\n"
    assert ResponseParser().feed(head + b"ok") == Response(200, b"ok", False)


@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding: chunked\r\nContent-Length: 2",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:",
    ],
)
def test_transfer_coding_in_doubt_is_refused(lines: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^transfer coding"):
        ResponseParser().feed(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\nok\r\n",
        b"\r\nok\r\n",
        b"-2\r\nok\r\n",
        b"+2\r\nok\r\n",
        b"0x2\r\nok\r\n",
        b"1_0\r\n" + b"k" * 16 + b"\r\n",
        b"2 2\r\nok\r\n",
        b";ext\r\nok\r\n",
        b"2\r\nokay\r\n",
        b"2\r\nok0\r\n\r\n",
        b"2\r\nok\r\n\r\n",
        b"3\r\nok\r\n0\r\n\r\n",
    ],
)
def test_bad_chunk_is_refused(chunks: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"chunk"):
        ResponseParser().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 1_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: " + b"x" * 1_000),
    ],
)
def test_a_line_without_an_end_is_given_up(start: bytes, more: bytes) -> None:
    """A head, a chunk's size or a trailer that never ends takes no more than a bounded memory."""
    parser = ResponseParser()
    parser.feed(start)
    with pytest.raises(ProtocolError):  # noqa: PT012 - which feed it is depends on the limit
        for _ in range(70):
            parser.feed(more)


def test_memory_of_heads_is_bounded() -> None:
    """A server that varies every head, by a request id for instance, must not fill the memory."""
    heads: dict[bytes, Head] = {}
    parser = ResponseParser(heads)
    for number in range(3_000):
        wire = b"HTTP/1.1 200 OK\r\nX-Request-Id: %d\r\nContent-Length: 2\r\n\r\nok" % number
        assert parser.feed(wire) == Response(200, b"ok", False)
        assert len(heads) <= 1_024


@pytest.mark.parametrize(
    ("head", "close"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: Upgrade, Close", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: closed", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive", False),
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 204 No Content", False),
        (b"HTTP/1.1 100 Continue", False),
    ],
)
def test_knows_whether_the_connection_ends_with_the_response(head: bytes, close: bool) -> None:
    assert parse_head(head).close is close


def test_requests_are_what_h11_reads() -> None:
    """The bytes that the generator sends, read by another's server."""
    server = h11.Connection(h11.SERVER)
    form = "application/x-www-form-urlencoded"
    server.receive_data(request_bytes("POST", "/io_create", "127.0.0.1:80", b"title=t", form))
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (b"POST", b"/io_create")
    assert dict(request.headers)[b"host"] == b"127.0.0.1:80"
    assert dict(request.headers)[b"content-type"] == form.encode()
    data = server.next_event()
    assert isinstance(data, h11.Data)
    assert data.data == b"title=t"
    assert isinstance(server.next_event(), h11.EndOfMessage)


def test_request_without_a_body_has_no_length() -> None:
    wire = request_bytes("GET", "/noop", "h")
    assert wire.endswith(b"\r\n\r\n")
    assert b"Content-" not in wire


@given(
    sent=responses(),
    at=st.integers(0, 200),
    junk=st.binary(max_size=6),
    cuts=st.lists(st.integers(0, 200), max_size=4),
)
def test_foreign_bytes_are_read_or_refused_and_never_anything_else(
    sent: Sent, at: int, junk: bytes, cuts: list[int]
) -> None:
    wire = sent.wire[:at] + junk + sent.wire[at + len(junk) // 2 :]
    parser = ResponseParser()
    try:
        found = [parser.feed(piece) for piece in split(wire, cuts)]
        found.append(parser.feed_eof())
    except ProtocolError:
        return
    for response in found:
        assert response is None or 200 <= response.status <= 999


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(wire: bytes) -> None:
    parser = ResponseParser()
    try:
        parser.feed(wire)
        parser.feed_eof()
    except ProtocolError:
        return
    assert parser.idle
