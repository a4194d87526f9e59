"""The one table."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {str: Text, datetime: DateTime(timezone=True)}


class Post(Base):
    __tablename__ = "post"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @classmethod
    def new(cls, title: str, content: str) -> Self:
        """Make a post: the application, not the database, chooses its id and its time."""
        now = datetime.now(UTC)
        return cls(id=uuid4(), title=title, content=content, created_at=now, updated_at=now)

    def as_json(self) -> dict[str, Any]:
        """Return what the JSON provider encodes: orjson knows UUIDs and datetimes."""
        return {
            "id": self.id,
            "title": self.title,
            "content": self.content,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
