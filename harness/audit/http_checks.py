"""Checks of the contract's HTTP side: answers and errors.

Each check is a function of a `Subject`. Its name is the function's, with spaces for underscores.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from harness.audit.http_client import FORM
from harness.audit.subject import Check, Subject, expect
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
    """The server is ready."""
    subject.answer("health")


def noop(subject: Subject) -> None:
    """The empty answer."""
    subject.answer("noop")


def cpu(subject: Subject) -> None:
    """The sum of the squares."""
    expected = cpu_sum(subject.settings.cpu_iterations)
    seen = subject.answer("cpu")["ct"]
    expect(seen == expected, f"expected ct = {expected}, got {seen}")


def io_wait(subject: Subject) -> None:
    """The answer states the configured wait."""
    seen = subject.answer("io_wait")["waited_ms"]
    expect(seen == subject.settings.wait_ms, f"expected {subject.settings.wait_ms}, got {seen}")


def io_read(subject: Subject) -> None:
    """The first posts by id, every value as it stands in the table."""
    for rows in (0, 3, 1_000):
        subject.database.reset(rows)
        body = subject.answer("io_read")
        expect(body["ct"] == rows, f"with {rows} rows, expected ct = {rows}, got {body['ct']}")
        stored = subject.database.rows(
            "SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT %s",
            [PAGE_SIZE],
        )
        seen = [_values(post) for post in body["posts"]]
        expect(len(seen) == len(stored), f"expected {len(stored)} posts, got {len(seen)}")
        for wanted, got in zip(stored, seen, strict=True):
            expect(got == wanted, f"expected the post {wanted}, got {got}")


def io_read_sees_changes(subject: Subject) -> None:
    """The answer is not cached."""
    subject.database.reset(30)
    before = subject.answer("io_read")
    lowest = UUID(int=0)
    subject.database.rows(
        "INSERT INTO post SELECT %s, 'new', 'new', now(), now() RETURNING 1", [lowest]
    )
    after = subject.answer("io_read")
    expect(after["ct"] == before["ct"] + 1, "the count did not change with the table")
    expect(after["posts"][0]["id"] == str(lowest), "the posts did not change with the table")


def io_fanout(subject: Subject) -> None:
    """The posts with the requested ids, in that order, and null where there is none."""
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
        for asked, post in zip(ids, body["posts"], strict=True):
            wanted = stored.get(asked)
            got = None if post is None else _values(post)
            expect(got == wanted, f"asked for {asked}, expected the post {wanted}, got {got}")


def io_create(subject: Subject) -> None:
    """The post comes back as sent, and stands in the table as it came back."""
    samples = [
        ("a title", "some content"),
        ("t", "c"),
        ("é漢😀 & = + % ' \" \\ ; --", "line one\r\nline two\ttab <b>&amp;</b> \u2028 end"),
        ("😀" * MAX_TITLE, "漢" * 1_000),
        ("t" * MAX_TITLE, "c" * MAX_CONTENT),
    ]
    for title, content in samples:
        reply = subject.probe.post_form("/io_create", {"title": title, "content": content})
        post = _values(subject.success("io_create", reply))
        expect(post[1:3] == (title, content), f"sent {title[:40]!r}, got back {post[1]!r:.60}")
        expect(post[0].version == 4, f"the id {post[0]} is no uuid4")
        expect(post[3] == post[4], "created_at and updated_at differ on a new post")
        stored = subject.database.rows("SELECT * FROM post WHERE id = %s", [post[0]])
        expect(stored == [post], f"answered {post}, and the table holds {stored}")


def missing_field(subject: Subject) -> None:
    """400 without one of the fields, or without both."""
    for fields in ({"title": "t"}, {"content": "c"}, {"other": "x"}, {}):
        subject.refusal(subject.probe.post_form("/io_create", fields), 400)


def blank_field(subject: Subject) -> None:
    """400 where a field is empty or only white space."""
    for blank in ("", "   ", "\t\r\n", "\u2003"):
        for fields in ({"title": blank, "content": "c"}, {"title": "t", "content": blank}):
            subject.refusal(subject.probe.post_form("/io_create", fields), 400)


def too_long_field(subject: Subject) -> None:
    """400 one character above the limit."""
    for title, content in (("t" * (MAX_TITLE + 1), "c"), ("t", "c" * (MAX_CONTENT + 1))):
        reply = subject.probe.post_form("/io_create", {"title": title, "content": content})
        subject.refusal(reply, 400)


def nul_in_field(subject: Subject) -> None:
    """400 for NUL, which PostgreSQL cannot store."""
    for title, content in (("a\0b", "c"), ("t", "a\0b")):
        reply = subject.probe.post_form("/io_create", {"title": title, "content": content})
        subject.refusal(reply, 400)


def not_a_form(subject: Subject) -> None:
    """400 for JSON, for plain text, and for no body at all."""
    post = json.dumps({"title": "t", "content": "c"}).encode()
    for body, kind in ((post, "application/json"), (b"hello", "text/plain"), (None, None)):
        subject.refusal(subject.probe.send("POST", "/io_create", body, kind), 400)


def charset_of_form(subject: Subject) -> None:
    """UTF-8 in any spelling of the Content-Type; 400 for another charset, and for multipart."""
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
    """400 for bytes that are not ASCII, and for percent-encoded ones that are not UTF-8."""
    for title in (b"caf\xe9", "caf\u00e9".encode(), b"caf%E9", b"%C0%80", b"%ED%A0%80", b"%E6%BC"):
        for body in (b"title=%s&content=c" % title, b"title=t&content=c&x=%s" % title):
            subject.refusal(subject.probe.send("POST", "/io_create", body, FORM), 400)


def repeated_field(subject: Subject) -> None:
    """The last of several counts, in a form and in a query string."""
    body = b"title=first&content=c&title=last"
    reply = subject.probe.send("POST", "/io_create", body, FORM)
    seen = subject.success("io_create", reply)["title"]
    expect(seen == "last", f"of two titles, expected the last, got {seen!r}")
    body = b"title=first&content=c&title="
    subject.refusal(subject.probe.send("POST", "/io_create", body, FORM), 400)
    target = fanout_target(row_id(number) for number in SAMPLE)
    subject.success("io_fanout", subject.probe.get(target.replace("?", "?ids=x&")))
    subject.refusal(subject.probe.get(f"{target}&ids=x"), 400)


def too_many_fields(subject: Subject) -> None:
    """400 one field above the limit."""
    body = b"title=t&content=c" + b"&x=1" * (MAX_FIELDS - 2)
    subject.success("io_create", subject.probe.send("POST", "/io_create", body, FORM))
    subject.refusal(subject.probe.send("POST", "/io_create", body + b"&x=1", FORM), 400)


def head(subject: Subject) -> None:
    """HEAD is answered as GET is, without a body; it is no method of `/io_create`."""
    for operation in subject.contract.operations.values():
        status = 405 if operation.method == "POST" else 200
        reply = subject.probe.send("HEAD", operation.target)
        expect(
            (reply.status, reply.body) == (status, b""),
            f"HEAD {operation.path}: expected {status} without a body, got {reply.shown()}",
        )


def query_is_ignored(subject: Subject) -> None:
    """A query string changes nothing where none is expected, and holds no fields of a form."""
    for operation in subject.contract.operations.values():
        if operation.method == "GET" and "?" not in operation.target:
            reply = subject.probe.get(f"{operation.path}?ids=x&a=%FF")
            subject.success(operation.name, reply)
    reply = subject.probe.send("POST", "/io_create?title=t&content=c", b"", FORM)
    subject.refusal(reply, 400)


def not_five_ids(subject: Subject) -> None:
    """400 without ids, with one too few or too many, and where one is no UUID."""
    five = [str(row_id(number)) for number in SAMPLE]
    four = five[:-1]
    wrong: list[list[str]] = [
        [], four, [*five, five[0]], [*four, ""], [*four, "1"], [*four, f"{five[-1][:-1]}x"],
    ]  # fmt: skip
    for target in ("/io_fanout", "/io_fanout?id=1", *map(fanout_target, wrong)):
        subject.refusal(subject.probe.get(target), 400)


def wrong_method(subject: Subject) -> None:
    """405, with the method that is allowed."""
    for operation in subject.contract.operations.values():
        wrong = "DELETE" if operation.method == "POST" else "POST"
        body, kind = (b"title=t&content=c", FORM) if wrong == "POST" else (None, None)
        reply = subject.probe.send(wrong, operation.path, body, kind)
        subject.refusal(reply, 405)
        allowed = {m.strip() for m in reply.headers.get("allow", "").split(",")}
        expect(operation.method in allowed, f"{operation.path}: Allow does not name its method")


def unknown_path(subject: Subject) -> None:
    """404, also where only a slash differs."""
    for path in ("/nowhere", "/", "/io_read/extra", "/io_fanout/extra"):
        subject.refusal(subject.probe.get(path), 404)


def too_large_body(subject: Subject) -> None:
    """413 one byte above the limit, with a Content-Length and without."""
    body = b"title=t&content=c&filler=" + b"x" * MAX_BODY_BYTES
    body = body[: MAX_BODY_BYTES + 1]
    subject.refusal(subject.probe.send("POST", "/io_create", body, FORM), 413)
    subject.refusal(subject.probe.send("POST", "/io_create", _pieces(body), FORM), 413)
    allowed = subject.probe.send("POST", "/io_create", body[:MAX_BODY_BYTES], FORM)
    subject.success("io_create", allowed)


def chunked_body(subject: Subject) -> None:
    """A form in chunks is accepted."""
    reply = subject.probe.send("POST", "/io_create", _pieces(b"title=t&content=chunked"), FORM)
    subject.success("io_create", reply)


HTTP_CHECKS: tuple[Check, ...] = (
    health, noop, cpu, io_wait, io_read, io_read_sees_changes, io_fanout, io_create, chunked_body,
    missing_field, blank_field, too_long_field, nul_in_field, not_a_form, charset_of_form,
    undecodable_form, repeated_field, too_many_fields, not_five_ids, head, query_is_ignored,
    wrong_method, unknown_path, too_large_body,
)  # fmt: skip


def _values(post: dict[str, str]) -> tuple[UUID, str, str, datetime, datetime]:
    """A post of JSON as PostgreSQL's values."""
    return (
        UUID(post["id"]), post["title"], post["content"],
        datetime.fromisoformat(post["created_at"]), datetime.fromisoformat(post["updated_at"]),
    )  # fmt: skip


def _pieces(body: bytes, size: int = 8_192) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))
