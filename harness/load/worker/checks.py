"""Checks of every response, which must cost almost nothing.

A body with the same bytes as a correct one is correct: that takes one comparison. Where bodies
differ by nature (`/io_create` makes an id), each is decoded in full against the contract's shape
and compared with the request.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from harness.load.protocol import Exchange

Check = Callable[[bytes, int], bool]
"""Takes a body and the index of its request within the exchange."""


class CreatedPost(msgspec.Struct, forbid_unknown_fields=True):
    """The answer of `/io_create`."""

    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


def check_for(exchange: Exchange) -> Check:
    """The check that fits an exchange."""
    if exchange.posts is not None:
        return _created(exchange.posts)
    if exchange.any_body:
        return lambda _body, _index: True
    if exchange.body is None:
        raise ValueError("an exchange without posts names its one correct body, or takes any")
    return _same(exchange.body)


def _same(expected: bytes) -> Check:
    return lambda body, _index: body == expected


def _created(posts: list[tuple[str, str]]) -> Check:
    decode = msgspec.json.Decoder(CreatedPost).decode

    def check(body: bytes, index: int) -> bool:
        try:
            post = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        return (post.title, post.content) == posts[index] and post.created_at == post.updated_at

    return check
