"""The one table, as shared/schema.sql makes it."""

from typing import Any
from uuid import uuid4

from django.db import models


class Post(models.Model):
    """A post. `managed` is off: the schema belongs to the suite, not to Django's migrations."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    title = models.TextField()
    content = models.TextField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "post"

    def as_dict(self) -> dict[str, Any]:
        """The post as the contract shows it; orjson spells the id and the timestamps."""
        return {
            "id": self.id,
            "title": self.title,
            "content": self.content,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
