from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec

from posts.models import Post

TEXT = r"^[^\x00]*[^\s\x00][^\x00]*$"


class NewPost(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(max_length=100, pattern=TEXT)]
    content: Annotated[str, msgspec.Meta(max_length=10_000, pattern=TEXT)]


class PostOut(msgspec.Struct):
    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, post: Post) -> Self:
        return cls(post.id, post.title, post.content, post.created_at, post.updated_at)


class Posts(msgspec.Struct):
    ct: int
    posts: list[PostOut]


class EachPost(msgspec.Struct):
    posts: list[PostOut | None]


class Ids(msgspec.Struct):
    ids: str
