"""A post without a model, for the views that bring their own driver."""

from datetime import datetime
from typing import TypedDict
from uuid import UUID, uuid4

from django.utils import timezone

from posts.forms import NewPost


class Row(TypedDict):
    """A row of the table, in the order of its columns, and its JSON."""

    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


def new_row(new: NewPost) -> Row:
    now = timezone.now()
    return Row(id=uuid4(), title=new.title, content=new.content, created_at=now, updated_at=now)
