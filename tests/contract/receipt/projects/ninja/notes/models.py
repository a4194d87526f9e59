from django.db import models


class ApiKey(models.Model):
    key = models.CharField(max_length=64, unique=True)
    owner = models.CharField(max_length=50)

    def __str__(self):
        return self.owner


class Note(models.Model):
    owner = models.CharField(max_length=50)
    text = models.TextField()
    done = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.text[:20]
