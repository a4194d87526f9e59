"""What comes in and goes out. Litestar encodes and msgspec validates what these types say."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Raw, Struct

# A character that is neither white space nor NUL, and no NUL around it.
TEXT = r"^[^\x00]*[^\s\x00][^\x00]*$"


class NewPost(Struct):
    title: Annotated[str, Meta(max_length=100, pattern=TEXT)]
    content: Annotated[str, Meta(max_length=10_000, pattern=TEXT)]


class Post(Struct):
    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


class Page(Struct):
    ct: int
    posts: list[Post]


class Fanout(Struct):
    posts: list[Post | None]


class Health(Struct):
    status: str = "ok"


class Noop(Struct):
    pass


class Cpu(Struct):
    ct: Raw  # msgspec refuses to encode integers of more than 64 bits


class Waited(Struct):
    waited_ms: int
