from typing import Annotated
from uuid import UUID

from ninja import Field, ModelSchema, Schema
from pydantic import AfterValidator, BeforeValidator

from posts.models import Post


def check_text(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("the text must not be blank, nor hold NUL")
    return value


def split_ids(value: str) -> list[UUID]:
    return [UUID(text) for text in value.split(",")]


class NewPost(Schema):
    title: Annotated[str, Field(max_length=100), AfterValidator(check_text)]
    content: Annotated[str, Field(max_length=10_000), AfterValidator(check_text)]


class PostOut(ModelSchema):
    class Meta:
        model = Post
        fields = ("id", "title", "content", "created_at", "updated_at")


class Posts(Schema):
    ct: int
    posts: list[PostOut]


class EachPost(Schema):
    posts: list[PostOut | None]


PostIds = Annotated[list[UUID], BeforeValidator(split_ids), Field(min_length=5, max_length=5)]
