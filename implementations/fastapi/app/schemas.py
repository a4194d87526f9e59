"""The form that comes in, and the JSON that goes out where Pydantic makes it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _check_text(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "is required")
    if "\0" in value:
        raise PydanticCustomError("nul", "must not contain NUL characters")
    return value


class NewPost(BaseModel):
    """The form fields of a post to be."""

    title: Annotated[str, Field(max_length=100), AfterValidator(_check_text)]
    content: Annotated[str, Field(max_length=10_000), AfterValidator(_check_text)]


class PostOut(BaseModel):
    """A post, read from the attributes of the ORM's object."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


class Posts(BaseModel):
    """The first posts, and the count of all."""

    ct: int
    posts: list[PostOut]


class EachPost(BaseModel):
    """The posts that were asked for, with null for those that there are not."""

    posts: list[PostOut | None]


class Health(BaseModel):
    """The server is ready."""

    status: Literal["ok"]


class Noop(BaseModel):
    """Nothing."""


class Cpu(BaseModel):
    """The sum."""

    ct: int


class Waited(BaseModel):
    """How long the request was told to wait."""

    waited_ms: int
