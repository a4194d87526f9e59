"""What the handlers know of the database: posts, and that it may fail."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, TypedDict
from uuid import UUID, uuid4

PAGE_SIZE = 25


class Post(TypedDict):
    """A row of the table, and at the same time its JSON object."""

    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


class DatabaseUnavailable(Exception):
    """The database could not serve the request; the cause is the driver's own exception."""


class Posts(Protocol):
    """The table. All methods raise `DatabaseUnavailable`, and nothing of the driver's."""

    async def add(self, post: Post) -> None:
        """Insert one row."""

    async def first_page(self) -> tuple[int, list[Post]]:
        """Count all rows, and return the first ones by id."""

    async def each(self, ids: Sequence[UUID]) -> list[Post | None]:
        """Read the post of each id, or None, at once.

        No read waits for a connection while it holds another: requests that together want more
        than there are would wait for each other.
        """


def new_post(title: str, content: str) -> Post:
    """Make a post: the application, not the database, chooses its id and its time."""
    now = datetime.now(UTC)
    return Post(id=uuid4(), title=title, content=content, created_at=now, updated_at=now)
