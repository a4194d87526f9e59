"""The one table, as shared/schema.sql makes it."""

from uuid import uuid4

from django.db import models

from app import posts


class Post(models.Model):
    """A row. `managed` is off: the schema belongs to the suite, not to Django's migrations."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    title = models.TextField()
    content = models.TextField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "post"

    def as_post(self) -> posts.Post:
        return posts.Post(
            id=self.id,
            title=self.title,
            content=self.content,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )
