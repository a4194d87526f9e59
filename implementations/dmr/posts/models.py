from uuid import uuid4

from django.db import models


class Post(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4)
    title = models.TextField()
    content = models.TextField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "post"
