"""What a post is, what a request may ask, and what the endpoints know of the database."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol, TypedDict
from uuid import UUID, uuid4

from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException

from app.settings import Settings

TITLE_MAX = 100
CONTENT_MAX = 10_000
FANOUT = 5


class Post(TypedDict):
    """A row of the table `post`, and its JSON."""

    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


class DatabaseUnavailableError(Exception):
    """The database could not serve the request; the cause is the driver's own exception."""


class Posts(Protocol):
    """The table. All methods raise `DatabaseUnavailableError`, and nothing of the driver's."""

    async def create(self, post: Post) -> None:
        """Insert a post; without a transaction of ours, PostgreSQL commits it by itself."""

    async def read(self) -> tuple[int, Sequence[Mapping[str, object]]]:
        """Return the count of all posts, and the first 25 by id."""

    async def read_each(self, ids: Sequence[UUID]) -> Sequence[Mapping[str, object] | None]:
        """Return the post of each id, or None; a statement each, at once if the way allows it.

        A read never waits for one connection while it holds another: requests that together ask
        for more than there are would wait for each other.
        """


OpenPosts = Callable[[Settings], AbstractAsyncContextManager[Posts]]


def new_post(form: FormData) -> Post:
    """Make a post of a form, or answer 400 with what is wrong with the first bad field."""
    title = _text(form, "title", TITLE_MAX)
    content = _text(form, "content", CONTENT_MAX)
    now = datetime.now(UTC)
    return Post(id=uuid4(), title=title, content=content, created_at=now, updated_at=now)


def post_ids(query: QueryParams) -> list[UUID]:
    """Read the ids in the query string, or answer 400 with what is wrong with them."""
    try:
        ids = [UUID(text) for text in query.get("ids", "").split(",")]
    except ValueError:
        raise HTTPException(400, "ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise HTTPException(400, f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids


def _text(form: FormData, name: str, longest: int) -> str:
    value = form.get(name, "")
    if not value.strip():
        raise HTTPException(400, f"{name} is required")
    if len(value) > longest:
        raise HTTPException(400, f"{name} must have at most {longest} characters")
    if "\0" in value:
        raise HTTPException(400, f"{name} must not contain NUL characters")
    return value
