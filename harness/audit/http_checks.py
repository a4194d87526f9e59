"""Checks of the contract's HTTP side: answers and errors.

Each check is a function of a `Subject`. Its name is the function's, with spaces for underscores.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import UUID

from harness.audit.http_client import FORM, Reply
from harness.audit.subject import Check, Subject, cause_of_status, demand, demand_allow
from harness.inputs.contract import (
    FANOUT,
    MAX_BODY_BYTES,
    MAX_CONTENT,
    MAX_FIELDS,
    MAX_TITLE,
    PAGE_SIZE,
    SAMPLE,
    cpu_sum,
    fanout_target,
    row_id,
)


def health(subject: Subject) -> None:
    """`GET /health` answers that the server is ready."""
    subject.answer("health")


def noop(subject: Subject) -> None:
    """`GET /noop` answers an empty object."""
    subject.answer("noop")


def cpu(subject: Subject) -> None:
    """`GET /cpu` answers the sum of the squares below CPU_ITERATIONS."""
    demand_sum(subject)


def demand_sum(subject: Subject) -> None:
    """Ask for `/cpu` once, and demand the right sum."""
    expected = cpu_sum(subject.settings.cpu_iterations)
    seen = subject.answer("cpu")["ct"]
    demand(seen == expected, f"ct = {expected}", f"{seen}", cause="/cpu is wrong")


def io_wait(subject: Subject) -> None:
    """`GET /io_wait` answers the number of milliseconds in WAIT_MS."""
    expected, seen = subject.settings.wait_ms, subject.answer("io_wait")["waited_ms"]
    demand(seen == expected, f"waited_ms = {expected}", f"{seen}")


def io_read(subject: Subject) -> None:
    """`GET /io_read` answers the count of all posts and the first 25 by id, value by value."""
    for rows in (0, 3, 1_000):
        subject.database.reset(rows)
        body = subject.answer("io_read")
        demand(body["ct"] == rows, f"ct = {rows} of a table with {rows} rows", f"{body['ct']}")
        stored = subject.database.rows(
            "SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT %s",
            [PAGE_SIZE],
        )
        seen = body["posts"]
        demand(
            len(seen) == len(stored),
            f"{len(stored)} posts of a table with {rows} rows", f"{len(seen)}",
        )  # fmt: skip
        for place, (wanted, got) in enumerate(zip(stored, seen, strict=True)):
            _demand_post(f"posts[{place}].", wanted, got)


def io_read_sees_changes(subject: Subject) -> None:
    """`GET /io_read` answers what is in the table now, and nothing from a cache."""
    subject.database.reset(30)
    before = subject.answer("io_read")
    lowest = UUID(int=0)
    subject.database.rows(
        "INSERT INTO post SELECT %s, 'new', 'new', now(), now() RETURNING 1", [lowest]
    )
    after = subject.answer("io_read")
    count = before["ct"] + 1
    demand(after["ct"] == count, f"ct = {count} after a row was inserted", f"{after['ct']}")
    seen = after["posts"][0]["id"]
    demand(seen == str(lowest), f"posts[0].id = {lowest}, the row that was inserted", f"{seen}")


def io_fanout(subject: Subject) -> None:
    """`GET /io_fanout` answers the posts asked for, in that order, and null where there is none."""
    subject.database.reset(1_000)
    known = [row_id(number) for number in (1_000, 1, 500, 2, 999)]
    rows = subject.database.rows(
        "SELECT id, title, content, created_at, updated_at FROM post WHERE id = ANY(%s)", [known]
    )
    stored = {row[0]: row for row in rows}
    absent = row_id(1_001)
    twice = [known[0], known[0], absent, known[1], known[0]]
    for ids in (known, known[::-1], twice, [absent] * FANOUT):
        body = subject.success("io_fanout", subject.probe.get(fanout_target(ids)))
        for place, (asked, post) in enumerate(zip(ids, body["posts"], strict=True)):
            name, wanted = f"posts[{place}]", stored.get(asked)
            if wanted is None:
                demand(post is None, f"{name} = null, as no row has the id", f"{post}")
            else:
                demand(post is not None, f"{name} = the post {asked}", "null")
                _demand_post(f"{name}.", wanted, post)


def io_create(subject: Subject) -> None:
    """`POST /io_create` answers the post as it was sent, and inserts what it answers."""
    samples = [
        ("a title", "some content"),
        ("t", "c"),
        ("é漢😀 & = + % ' \" \\ ; --", "line one\r\nline two\ttab <b>&amp;</b> \u2028 end"),
        ("😀" * MAX_TITLE, "漢" * 1_000),
        ("t" * MAX_TITLE, "c" * MAX_CONTENT),
    ]
    for title, content in samples:
        reply = subject.probe.post_form("/io_create", {"title": title, "content": content})
        post = subject.success("io_create", reply)
        for name, sent in (("title", title), ("content", content)):
            demand(post[name] == sent, f"{name} = {_short(sent)}, as sent", _short(post[name]))
        seen = UUID(post["id"])
        demand(seen.version == 4, "an id that is a UUID of version 4", f"{seen}")
        made, changed = post["created_at"], post["updated_at"]
        same = datetime.fromisoformat(made) == datetime.fromisoformat(changed)
        demand(same, f"updated_at = created_at of a new post: {made}", f"{changed}")
        stored = subject.database.rows(
            "SELECT id, title, content, created_at, updated_at FROM post WHERE id = %s", [seen]
        )
        demand(len(stored) == 1, f"a row with the id {seen} in the table", "none")
        _demand_post("the row's ", stored[0], post)


def missing_field(subject: Subject) -> None:
    """A form without `title` or `content` is answered 400."""
    for fields in ({"title": "t"}, {"content": "c"}, {"other": "x"}, {}):
        subject.refusal(subject.probe.post_form("/io_create", fields), 400)


def blank_field(subject: Subject) -> None:
    """A field that is empty, or only white space, is answered 400."""
    for blank in ("", "   ", "\t\r\n", "\u2003"):
        for fields in ({"title": blank, "content": "c"}, {"title": "t", "content": blank}):
            subject.refusal(subject.probe.post_form("/io_create", fields), 400)


def too_long_field(subject: Subject) -> None:
    """A title over 100 characters, or a content over 10,000, is answered 400."""
    for title, content in (("t" * (MAX_TITLE + 1), "c"), ("t", "c" * (MAX_CONTENT + 1))):
        reply = subject.probe.post_form("/io_create", {"title": title, "content": content})
        subject.refusal(reply, 400)


def nul_in_field(subject: Subject) -> None:
    """A field with a NUL character is answered 400: PostgreSQL cannot store it."""
    for title, content in (("a\0b", "c"), ("t", "a\0b")):
        reply = subject.probe.post_form("/io_create", {"title": title, "content": content})
        subject.refusal(reply, 400)


def not_a_form(subject: Subject) -> None:
    """A body of JSON or plain text, and no body at all, is answered 400."""
    post = json.dumps({"title": "t", "content": "c"}).encode()
    for body, kind in ((post, "application/json"), (b"hello", "text/plain"), (None, None)):
        subject.refusal(subject.probe.send("POST", "/io_create", body, kind), 400)


def charset_of_form(subject: Subject) -> None:
    """A form in UTF-8 is accepted however its charset is spelled; others are answered 400."""
    body = b"title=t&content=c"
    for kind in (FORM.upper(), f"{FORM};charset=UTF-8", f'{FORM}; Charset="utf-8"', f"{FORM}; a=b"):
        subject.success("io_create", subject.probe.send("POST", "/io_create", body, kind))
    for charset in ("iso-8859-1", "utf-16", "us-ascii", "nonsense"):
        kind = f"{FORM}; charset={charset}"
        subject.refusal(subject.probe.send("POST", "/io_create", body, kind), 400)
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nt\r\n'
    parts = part % b"title" + part % b"content" + b"--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    subject.refusal(subject.probe.send("POST", "/io_create", parts, kind), 400)


def undecodable_form(subject: Subject) -> None:
    """A form that is not percent-encoded UTF-8 is answered 400, and never repaired."""
    for title in (b"caf\xe9", "caf\u00e9".encode(), b"caf%E9", b"%C0%80", b"%ED%A0%80", b"%E6%BC"):
        for body in (b"title=%s&content=c" % title, b"title=t&content=c&x=%s" % title):
            subject.refusal(subject.probe.send("POST", "/io_create", body, FORM), 400)


def repeated_field(subject: Subject) -> None:
    """Of a field that is sent several times the last counts, in a form and in a query string."""
    body = b"title=first&content=c&title=last"
    reply = subject.probe.send("POST", "/io_create", body, FORM)
    seen = subject.success("io_create", reply)["title"]
    demand(seen == "last", "title = 'last', the last of two", f"{seen!r}")
    body = b"title=first&content=c&title="
    subject.refusal(subject.probe.send("POST", "/io_create", body, FORM), 400)
    target = fanout_target(row_id(number) for number in SAMPLE)
    subject.success("io_fanout", subject.probe.get(target.replace("?", "?ids=x&")))
    subject.refusal(subject.probe.get(f"{target}&ids=x"), 400)


def too_many_fields(subject: Subject) -> None:
    """A form of more than 1,000 fields is answered 400."""
    body = b"title=t&content=c" + b"&x=1" * (MAX_FIELDS - 2)
    subject.success("io_create", subject.probe.send("POST", "/io_create", body, FORM))
    subject.refusal(subject.probe.send("POST", "/io_create", body + b"&x=1", FORM), 400)


def head(subject: Subject) -> None:
    """HEAD is answered as GET is, without a body, and with 405 at `/io_create`.

    Its Content-Type is that of GET, and so is its Content-Length, if it has one.
    """
    for operation in subject.contract.operations.values():
        status = 405 if operation.method == "POST" else 200
        reply = subject.probe.send("HEAD", operation.target)
        demand(
            (reply.status, reply.body) == (status, b""), f"{status} without a body",
            reply.shown(), reply.request,
            None if reply.status == status else cause_of_status(reply, status),
        )  # fmt: skip
        if status == HTTPStatus.OK:
            _demand_headers(reply, subject.probe.get(operation.target))


def _demand_headers(head: Reply, get: Reply) -> None:
    """Demand that HEAD has those headers of GET that tell of its body."""
    kinds = [r.headers.get("content-type", "none").lower() for r in (head, get)]
    demand(kinds[0] == kinds[1], f"Content-Type: {kinds[1]}, as of GET", kinds[0], head.request)
    length = get.headers.get("content-length", "none")
    seen = head.headers.get("content-length", length)  # it may be left out (RFC 9110, 9.3.2)
    demand(seen == length, f"Content-Length: {length}, as of GET", seen, head.request)


def options(subject: Subject) -> None:
    """OPTIONS is refused (405), or answered 200 or 204; `Allow` is right either way."""
    for operation in subject.contract.operations.values():
        reply = subject.probe.send("OPTIONS", operation.path)
        if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
            subject.refusal(reply, 405)
        demand(
            reply.status in (200, 204, 405), "405, 200 or 204", reply.shown(), reply.request,
            f"OPTIONS is answered {reply.status}",
        )  # fmt: skip
        demand_allow(reply, operation)


def trailing_slash(subject: Subject) -> None:
    """A path with a slash at its end is 404, leads to the path without it, or is served as that."""
    for operation in subject.contract.operations.values():
        path, mark, query = operation.target.partition("?")
        body, kind = (b"title=t&content=c", FORM) if operation.method == "POST" else (None, None)
        reply = subject.probe.send(operation.method, f"{path}/{mark}{query}", body, kind)
        if reply.status in _REDIRECTS:
            to = urlsplit(reply.headers.get("location", "none")).path
            demand(to == path, f"a Location that leads to {path}", to, reply.request)
        elif reply.status == HTTPStatus.OK:
            subject.success(operation.name, reply)
        else:
            subject.refusal(reply, 404)


_REDIRECTS = (301, 302, 307, 308)


def query_is_ignored(subject: Subject) -> None:
    """A query string that an endpoint does not have is ignored."""
    for operation in subject.contract.operations.values():
        if operation.method == "GET" and "?" not in operation.target:
            reply = subject.probe.get(f"{operation.path}?ids=x&a=%FF")
            subject.success(operation.name, reply)
    reply = subject.probe.send("POST", "/io_create?title=t&content=c", b"", FORM)
    subject.refusal(reply, 400)


def not_five_ids(subject: Subject) -> None:
    """`/io_fanout` without exactly five UUIDs is answered 400."""
    five = [str(row_id(number)) for number in SAMPLE]
    four = five[:-1]
    wrong: list[list[str]] = [
        [], four, [*five, five[0]], [*four, ""], [*four, "1"], [*four, f"{five[-1][:-1]}x"],
        [*four, "%FF"],
    ]  # fmt: skip
    for target in ("/io_fanout", "/io_fanout?id=1", *map(fanout_target, wrong)):
        subject.refusal(subject.probe.get(target), 400)


def wrong_method(subject: Subject) -> None:
    """A wrong method is answered 405, and `Allow` names the methods that are served."""
    for operation in subject.contract.operations.values():
        wrong = "DELETE" if operation.method == "POST" else "POST"
        body, kind = (b"title=t&content=c", FORM) if wrong == "POST" else (None, None)
        reply = subject.probe.send(wrong, operation.path, body, kind)
        subject.refusal(reply, 405)
        demand_allow(reply, operation)


def unknown_path(subject: Subject) -> None:
    """An unknown path is answered 404, also one that is not UTF-8."""
    for path in ("/nowhere", "/", "/io_read/extra", "/io_fanout/extra", "/caf%C3%A9", "/%FF"):
        subject.refusal(subject.probe.get(path), 404)


def too_large_body(subject: Subject) -> None:
    """A body over 64 KiB is answered 413, with a Content-Length or in chunks."""
    body = b"title=t&content=c&filler=" + b"x" * MAX_BODY_BYTES
    body = body[: MAX_BODY_BYTES + 1]
    subject.refusal(subject.probe.send("POST", "/io_create", body, FORM), 413)
    subject.refusal(subject.probe.send("POST", "/io_create", _pieces(body), FORM), 413)
    allowed = subject.probe.send("POST", "/io_create", body[:MAX_BODY_BYTES], FORM)
    subject.success("io_create", allowed)


def chunked_body(subject: Subject) -> None:
    """A form that is sent in chunks, without a Content-Length, is read as any other."""
    body = b"title=t&content=chunked"
    for size in (len(body), 3):
        reply = subject.probe.send("POST", "/io_create", _pieces(body, size), FORM)
        seen = subject.success("io_create", reply)["content"]
        demand(seen == "chunked", "content = 'chunked', as sent", f"{seen!r}")
    subject.refusal(subject.probe.send("POST", "/io_create", _pieces(b"title=t", 3), FORM), 400)


HTTP_CHECKS: tuple[Check, ...] = (
    health, noop, cpu, io_wait, io_read, io_read_sees_changes, io_fanout, io_create, chunked_body,
    missing_field, blank_field, too_long_field, nul_in_field, not_a_form, charset_of_form,
    undecodable_form, repeated_field, too_many_fields, not_five_ids, head, options,
    query_is_ignored, wrong_method, unknown_path, trailing_slash, too_large_body,
)  # fmt: skip


_COLUMNS = ("id", "title", "content", "created_at", "updated_at")


def _demand_post(place: str, row: tuple[object, ...], post: dict[str, str]) -> None:
    """Demand that a post of JSON has the values of a row, and name the first that differs."""
    for column, wanted in zip(_COLUMNS, row, strict=True):
        shown = post[column]
        try:
            same = _value(column, shown) == wanted
        except ValueError:
            same = False
        expected = wanted.isoformat() if isinstance(wanted, datetime) else str(wanted)
        demand(same, f"{place}{column} = {_short(expected)}", _short(shown))


def _value(column: str, shown: str) -> object:
    """A value of JSON as PostgreSQL's."""
    if column == "id":
        return UUID(shown)
    return datetime.fromisoformat(shown) if column.endswith("_at") else shown


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}… ({len(text):,} characters)"


_SHOWN = 60


def _pieces(body: bytes, size: int = 8_192) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))
