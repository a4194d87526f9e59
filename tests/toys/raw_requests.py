"""Odd requests as bytes, and what the contract says of each.

Every variant gets the same bytes. `answers` are those that the contract allows: a status and a
shape, which is the name of a schema in `shared/contract/openapi.yaml`. Several stand where the
contract leaves the choice to the framework. None stand where it leaves the answer to the HTTP
server: that may answer as it likes, or close the connection, but must not fail and must live on.
"""

import json
import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote_plus

from harness.inputs.contract import MAX_BODY_BYTES, SAMPLE, Contract, row_id

FORM = "application/x-www-form-urlencoded"
_TIMEOUT_S = 20.0
_IDS = [str(row_id(number)) for number in SAMPLE]
_ABSENT = "00000000-0000-4000-8000-000000000000"
_SERVER_ERROR, _NOT_IMPLEMENTED = 500, 501
_SHAPES = ("Error", "Health", "Noop", "Cpu", "Post", "Posts", "Fanout", "Waited")
_SCHEMAS = {
    "health": "Health", "noop": "Noop", "cpu": "Cpu", "io_read": "Posts", "io_wait": "Waited",
}  # fmt: skip


class Expected(NamedTuple):
    """A status, and the schema of the body; None for a response that has no body."""

    status: int
    shape: str | None

    def __str__(self) -> str:
        return f"{self.status} {self.shape or 'without a body'}"


class RawAnswer(NamedTuple):
    """The final response; status 0 where the server closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawRequest(NamedTuple):
    """One request, byte for byte; `title` is that of the post in a right answer, if it has one."""

    name: str
    data: bytes
    answers: tuple[Expected, ...]
    title: str | None = None

    def problem(self, contract: Contract, answer: RawAnswer) -> str | None:
        """Why an answer is none of the allowed ones, or None."""
        seen = Expected(answer.status, shape(contract, answer))
        if not self.answers:
            fails = seen.status >= _SERVER_ERROR and seen.status != _NOT_IMPLEMENTED
            return f"{seen}, but a server must not fail" if fails else None
        if seen not in self.answers:
            allowed = " or ".join(map(str, self.answers))
            return f"{seen} {answer.body[:120]!r}, expected {allowed}"
        if self.title is not None and json.loads(answer.body)["title"] != self.title:
            return (
                f"the title {json.loads(answer.body)['title']!r:.80}, expected {self.title!r:.80}"
            )
        return None


def send(port: int, data: bytes) -> RawAnswer:
    """Send bytes to a server on loopback, and read until it closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionError:
            pass  # refused in the middle of the body; what came before still counts
    return _parsed(received)


def shape(contract: Contract, answer: RawAnswer) -> str | None:
    """The schema that the body fits; None without a body."""
    if not answer.body:
        return None
    kind = answer.headers.get("content-type", "")
    if kind.partition(";")[0].strip() != "application/json":
        return f"{kind or 'nothing typed'}"
    body = json.loads(answer.body)
    fits = (name for name in _SHAPES if contract.problem(name, body) is None)
    return next(fits, "JSON of no schema")


def _parsed(received: bytes) -> RawAnswer:
    head, _, body = received.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 1"):  # 100 Continue
        head, _, body = body.partition(b"\r\n\r\n")
    if not head:
        return RawAnswer(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return RawAnswer(int(first.split()[1]), headers, body)


_MADE, _REFUSED = (Expected(200, "Post"),), (Expected(400, "Error"),)
_NOTHING, _WRONG_METHOD = (Expected(404, "Error"),), (Expected(405, "Error"),)
_FOUND, _TOO_LARGE, _NOOP = (
    (Expected(200, "Fanout"),), (Expected(413, "Error"),), (Expected(200, "Noop"),),
)  # fmt: skip
_SERVERS: tuple[Expected, ...] = ()


def requests() -> Iterator[RawRequest]:
    """The whole table."""
    yield from _methods()
    yield from _paths()
    yield from _queries()
    yield from _bodies()
    yield from _forms()
    yield from _left_to_the_server()


def _request(
    method: str, target: str, body: bytes = b"", *fields: str, length: bool = True
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *fields]
    if length and (body or method in {"POST", "PUT", "PATCH"}):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


OK = _request("GET", "/noop")
"""A plain request, to see that a server still lives."""


def _post(body: bytes, kind: str | None = FORM, *fields: str) -> bytes:
    typed = () if kind is None else (f"Content-Type: {kind}",)
    return _request("POST", "/io_create", body, *typed, *fields)


def _chunked(pieces: list[bytes], *fields: str) -> bytes:
    head = _request(
        "POST", "/io_create", b"", f"Content-Type: {FORM}", "Transfer-Encoding: chunked", *fields,
        length=False,
    )  # fmt: skip
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def _methods() -> Iterator[RawRequest]:
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        for path in ("noop", "io_create", "io_read"):
            yield RawRequest(f"{method} {path}", _request(method, f"/{path}"), _WRONG_METHOD)
    for path in (*_SCHEMAS, "io_fanout"):
        yield RawRequest(f"POST {path}", _request("POST", f"/{path}"), _WRONG_METHOD)
    for path in _SCHEMAS:
        yield RawRequest(f"HEAD {path}", _request("HEAD", f"/{path}"), (Expected(200, None),))
    for name, target, status in (
        ("HEAD io_create", "/io_create", 405),
        ("HEAD io_fanout", f"/io_fanout?ids={','.join(_IDS)}", 200),
        ("HEAD io_fanout without ids", "/io_fanout", 400),
        ("HEAD nowhere", "/nowhere", 404),
    ):
        yield RawRequest(name, _request("HEAD", target), (Expected(status, None),))
    yield RawRequest("GET io_create", _request("GET", "/io_create"), _WRONG_METHOD)
    for path in ("noop", "io_create", "io_read"):
        # What comes with it, and what `Allow` says, is a check of `verify`.
        yield RawRequest(f"OPTIONS {path}", _request("OPTIONS", f"/{path}"), _SERVERS)
    yield RawRequest("unknown method", _request("BREW", "/noop"), _SERVERS)
    yield RawRequest("lower-case method", _request("get", "/noop"), _SERVERS)
    for method in ("GET", "POST", "PUT"):
        yield RawRequest(f"{method} nowhere", _request(method, "/nowhere"), _NOTHING)


def _paths() -> Iterator[RawRequest]:
    for target in (
        "/", "//", "/NOOP", "/noop.json", "/noop%00", "/noop%20", "/n%C3%B6%C3%B6p", "/%FF",
        "/noop;a=b", "/static/x", "/docs", "/openapi.json", "/admin/", "/favicon.ico",
        "/" + "x" * 2_000,
    ):  # fmt: skip
        yield RawRequest(f"path {target[:20]}", _request("GET", target), _NOTHING)
    for target in ("/noop/", "/noop//", "/noop%2F", "/io_read/"):  # see the check of the slash
        yield RawRequest(f"path {target}", _request("GET", target), _SERVERS)
    yield RawRequest("POST io_create/", _request("POST", "/io_create/"), _SERVERS)
    yield RawRequest("encoded letter", _request("GET", "/no%6Fp"), _NOOP)
    yield RawRequest("absolute target", _request("GET", "http://localhost/noop"), _NOOP)
    for target in ("//noop", "/%2Fnoop", "/noop/../noop", "/./noop"):  # resolved by some frameworks
        yield RawRequest(f"path {target}", _request("GET", target), _NOTHING + _NOOP)
    yield RawRequest("asterisk", _request("OPTIONS", "*"), _SERVERS)
    yield RawRequest("raw UTF-8 in path", _request("GET", "/n\u00c3\u00b6p"), _SERVERS)
    yield RawRequest("very long path", _request("GET", "/" + "x" * 100_000), _SERVERS)


def _queries() -> Iterator[RawRequest]:
    for path, schema in _SCHEMAS.items():
        for query in ("a=1&b=%FF&c", "", "ids=x", "?"):
            target = f"/{path}?{query}"
            yield RawRequest(target, _request("GET", target), (Expected(200, schema),))
    form = f"Content-Type: {FORM}"
    body = b"title=t&content=c"
    yield RawRequest(
        "query on io_create", _request("POST", "/io_create?title=q", body, form), _MADE, "t"
    )
    yield RawRequest(
        "fields in the query only",
        _request("POST", "/io_create?title=t&content=c", b"", form),
        _REFUSED,
    )
    yield RawRequest("body on GET", _request("GET", "/noop", body, form), _NOOP)
    yield from _ids()


def _ids() -> Iterator[RawRequest]:
    five = ",".join(_IDS)
    first, *rest = _IDS
    tail = ",".join(rest)
    for name, query, answers in (
        ("five ids", f"ids={five}", _FOUND),
        ("five absent ids", "ids=" + ",".join([_ABSENT] * 5), _FOUND),
        ("one id twice", f"ids={first},{first},{','.join(rest[:3])}", _FOUND),
        ("ids with encoded commas", f"ids={five.replace(',', '%2C')}", _FOUND),
        ("another parameter", f"x=1&ids={five}&y", _FOUND),
        ("upper-case ids", f"ids={five.upper()}", _FOUND),
        ("id without hyphens", f"ids={first.replace('-', '')},{tail}", _FOUND),
        ("id in braces", f"ids=%7B{first}%7D,{tail}", _FOUND),
        ("id as URN", f"ids=urn:uuid:{first},{tail}", _FOUND),
        ("first ids bad, last good", f"ids=x&ids={five}", _FOUND),
        ("first ids good, last bad", f"ids={five}&ids=x", _REFUSED),
        ("first ids good, last empty", f"ids={five}&ids=", _REFUSED),
        ("no query", "", _REFUSED),
        ("empty ids", "ids=", _REFUSED),
        ("ids without value", "ids", _REFUSED),
        ("four ids", f"ids={tail}", _REFUSED),
        ("six ids", f"ids={five},{first}", _REFUSED),
        ("ninety ids", "ids=" + ",".join([first] * 90), _REFUSED),
        ("a thousand ids", "ids=" + ",".join([first] * 1_000), _SERVERS),
        ("trailing comma", f"ids={five},", _REFUSED),
        ("an empty id", f"ids=,{tail}", _REFUSED),
        ("word for id", f"ids=abc,{tail}", _REFUSED),
        ("NUL in id", f"ids=%00,{tail}", _REFUSED),
        ("invalid UTF-8 in id", f"ids=%FF,{tail}", _REFUSED),
        ("space around id", f"ids=+{first}+,{tail}", _REFUSED),
        ("semicolons", f"ids={five.replace(',', ';')}", _REFUSED),
        ("ids in brackets", f"ids[]={five}", _REFUSED),
        ("capital IDS", f"IDS={five}", _REFUSED),
        ("ids repeated", "&".join(f"ids={post}" for post in _IDS), _REFUSED),
    ):
        yield RawRequest(name, _request("GET", f"/io_fanout?{query}"), answers)


def _bodies() -> Iterator[RawRequest]:
    good = b"title=t&content=c"
    filler = good + b"&f=" + b"x" * MAX_BODY_BYTES
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nt\r\n'
    parts = part % b"title" + part % b"content" + b"--b--\r\n"
    for name, data, answers in (
        ("empty body", _post(b""), _REFUSED),
        ("no content type", _post(good, None), _REFUSED),
        ("empty content type", _post(good, ""), _REFUSED),
        ("JSON", _post(b'{"title": "t", "content": "c"}', "application/json"), _REFUSED),
        ("text", _post(good, "text/plain"), _REFUSED),
        ("another form type", _post(good, "application/x-www-form"), _REFUSED),
        ("malformed content type", _post(good, "form"), _REFUSED),
        ("two content types", _post(good, f"text/plain, {FORM}"), _REFUSED),
        ("capitals in content type", _post(good, FORM.upper()), _MADE),
        ("space before parameter", _post(good, f"{FORM} ; charset=utf-8"), _MADE),
        ("semicolon at the end", _post(good, f"{FORM};"), _MADE),
        ("unknown parameter", _post(good, f"{FORM}; a=b"), _MADE),
        ("one chunk", _chunked([good]), _MADE),
        ("many chunks", _chunked([good[n : n + 1] for n in range(len(good))]), _MADE),
        ("no chunk", _chunked([]), _REFUSED),
        ("chunks too long", _chunked([filler[:40_000], filler[40_000:]]), _TOO_LARGE),
        ("body at the limit", _post(filler[:MAX_BODY_BYTES]), _MADE),
        ("body too long", _post(filler[: MAX_BODY_BYTES + 1]), _TOO_LARGE),
        ("long JSON", _post(filler[: MAX_BODY_BYTES + 1], "application/json"), _TOO_LARGE),
        ("expect continue", _post(good, FORM, "Expect: 100-continue"), _MADE),
        ("multipart", _post(parts, "multipart/form-data; boundary=b"), _REFUSED),
        ("multipart without boundary", _post(parts, "multipart/form-data"), _REFUSED),
        ("a thousand fields", _post(good + b"&f=1" * 998), _MADE),
        ("a thousand and one fields", _post(good + b"&f=1" * 999), _REFUSED),
        ("content encoding", _post(good, FORM, "Content-Encoding: gzip"), _MADE + _REFUSED),
    ):
        yield RawRequest(name, data, answers, "t" if answers == _MADE else None)


def _forms() -> Iterator[RawRequest]:
    good = b"title=t&content=c"
    for charset in ("utf-8", "UTF-8", '"utf-8"'):
        yield RawRequest(f"charset {charset}", _post(good, f"{FORM}; charset={charset}"), _MADE)
    yield RawRequest("capital CHARSET", _post(good, f"{FORM}; CHARSET=UTF-8"), _MADE)
    for charset in ("latin-1", "iso-8859-1", "utf-16", "us-ascii", "utf-7", "nonsense"):
        yield RawRequest(f"charset {charset}", _post(good, f"{FORM}; charset={charset}"), _REFUSED)
    for title in (
        "\u00e9\u6f22\U0001f600", "a b+c&d=e", "\ufefft", "\U0001f600" * 100, "\ufffe", "\ufffd",
        "a\x01\x1f\x7f", "a\nb", " t ", "%E9", "%", "\u200b", "e\u0301",
    ):  # fmt: skip
        body = b"content=c&title=" + quote_plus(title).encode()
        yield RawRequest(f"title {title[:20]!a}", _post(body), _MADE, title)
    for name, sent, title in (
        ("equals sign", b"a=b=c", "a=b=c"), ("lone percent", b"100%", "100%"),
        ("bad hex", b"%zz", "%zz"), ("raw newline", b"a\nb", "a\nb"),
        ("lower-case hex", b"%c3%a9", "\u00e9"),
    ):  # fmt: skip
        yield RawRequest(f"title: {name}", _post(b"content=c&title=" + sent), _MADE, title)
    for name, sent in (
        ("raw UTF-8", "\u00e9".encode()),
        ("raw latin-1", b"caf\xe9"),
        ("encoded latin-1", b"caf%E9"),
        ("overlong UTF-8", b"%C0%80"),
        ("encoded surrogate", b"%ED%A0%80"),
        ("encoded pair of surrogates", b"%ED%A0%BD%ED%B8%80"),
        ("beyond Unicode", b"%F4%90%80%80"),
        ("cut UTF-8", b"%E6%BC"),
        ("UTF-16", "t".encode("utf-16")),
        ("NUL", b"a%00b"),
        ("raw NUL", b"a\x00b"),
        ("only NUL", b"%00"),
        ("empty", b""),
        ("blank", b"+%20+"),
        ("white space of Unicode", quote_plus("\u2003\u00a0").encode()),
        ("101 characters", b"t" * 101),
        ("101 characters of four bytes", quote_plus("\U0001f600" * 101).encode()),
    ):
        yield RawRequest(f"title: {name}", _post(b"content=c&title=" + sent), _REFUSED)
    for name, body, made in (
        ("title twice", b"title=a&title=t&content=c", "t"),
        ("title twice, the first bad", b"title=&title=t&content=c", "t"),
        ("title twice, the last bad", b"title=t&title=&content=c", None),
        ("another field twice", good + b"&x=1&x=2", "t"),
        ("empty pairs", b"&&" + good + b"&&", "t"),
        ("encoded field names", b"%74itle=t&con%74ent=c", "t"),
        ("invalid UTF-8 in another field", good + b"&x=%FF", None),
        ("invalid UTF-8 in a name", good + b"&%FF=x", None),
        ("semicolon between fields", b"title=t;content=c", None),
        ("capital field names", b"Title=t&Content=c", None),
        ("names without values", b"title&content", None),
        ("title without equals sign", b"title&content=c", None),
        ("bytes", bytes(range(256)), None),
    ):
        answers = _REFUSED if made is None else _MADE
        yield RawRequest(name, _post(body), answers, made)


def _left_to_the_server() -> Iterator[RawRequest]:
    good = b"title=t&content=c"

    def post(*fields: str) -> bytes:
        kind = f"Content-Type: {FORM}"
        return _request("POST", "/io_create", good, kind, *fields, length=False)

    for name, data in (
        ("negative length", post("Content-Length: -1")),
        ("length that is no number", post("Content-Length: x")),
        ("two lengths", post("Content-Length: 3", f"Content-Length: {len(good)}")),
        ("length and chunks", _chunked([good], "Content-Length: 3")),
        ("bad chunk size", _chunked([good]).replace(b"\r\n11\r\n", b"\r\nzz\r\n")),
        ("unknown transfer coding", post("Transfer-Encoding: foo")),
        ("charset without value", _post(good, f'{FORM}; charset=""')),
        ("no host", b"GET /noop HTTP/1.1\r\nConnection: close\r\n\r\n"),
        ("space before colon", _request("GET", "/noop", b"", "X-A : b")),
        ("line folding", _request("GET", "/noop", b"", "X-A: b", " c")),
        ("NUL in a header", _request("GET", "/noop", b"", "X-A: \x00")),
        ("no version", b"GET /noop\r\n\r\n"),
        ("version 3", b"GET /noop HTTP/3.0\r\nHost: a\r\nConnection: close\r\n\r\n"),
        ("nonsense", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("long header", _request("GET", "/noop", b"", "X-A: " + "b" * 200_000)),
        ("many headers", _request("GET", "/noop", b"", *[f"X-{n}: b" for n in range(500)])),
    ):
        yield RawRequest(name, data, _SERVERS)
