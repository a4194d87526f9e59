"""The requests of a condition, and the answer that counts as correct, for one server."""

import random
import string
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from harness.audit.http_client import FORM
from harness.audit.subject import Subject, expect
from harness.inputs.contract import PAGE_SIZE, SAMPLE, cpu_sum, row_id
from harness.inputs.study import Condition
from harness.load.protocol import Exchange
from harness.load.worker.http1 import request_bytes

_BODIES = 256
"""Different forms, sent in turn: enough that no server receives one twice in a row."""
_TITLE, _CONTENT = 10, 100
"""Characters of the texts, as in the published experiment."""


def exchange_for(subject: Subject, url: str, condition: Condition, seed: int) -> Exchange:
    """Ask the server once, check its answer in full, and take it as the one correct body.

    The table does not change under a condition that reads, so neither does the answer. What
    `/io_create` answers differs by nature; there the forms are given, and each answer is decoded.

    Raises:
        Violation: the answer breaks the contract.
    """
    host = urlsplit(url).netloc
    operation = subject.contract.operations[condition.endpoint]
    if operation.method == "POST":
        return _forms(host, operation.path, seed)
    reply = subject.probe.get(operation.target)
    body = subject.success(condition.endpoint, reply)
    if condition.endpoint == "cpu":
        expected = cpu_sum(subject.settings.cpu_iterations)
        expect(body["ct"] == expected, f"/cpu answers {body['ct']}, expected {expected}")
    if condition.endpoint == "io_read":
        seen = (body["ct"], len(body["posts"]))
        expected_rows = (condition.rows, min(condition.rows, PAGE_SIZE))
        expect(seen == expected_rows, f"/io_read has (ct, posts) = {seen}, not {expected_rows}")
    if condition.endpoint == "io_fanout":
        ids = [None if post is None else UUID(post["id"]) for post in body["posts"]]
        expected_ids = [row_id(n) if n <= condition.rows else None for n in SAMPLE]
        expect(ids == expected_ids, f"/io_fanout has the posts {ids}, not {expected_ids}")
    return Exchange(requests=[request_bytes("GET", operation.target, host)], body=reply.body)


def _forms(host: str, path: str, seed: int) -> Exchange:
    draw = random.Random(seed)
    letters = string.ascii_letters + string.digits
    posts = [
        ("".join(draw.choices(letters, k=_TITLE)), "".join(draw.choices(letters, k=_CONTENT)))
        for _ in range(_BODIES)
    ]
    requests = [
        request_bytes(
            "POST", path, host, urlencode({"title": title, "content": content}).encode(), FORM
        )
        for title, content in posts
    ]
    return Exchange(requests=requests, posts=posts)
