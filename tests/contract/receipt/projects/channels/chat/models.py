from django.db import models


class Message(models.Model):
    room = models.SlugField()
    author = models.CharField(max_length=50)
    text = models.TextField()

    def __str__(self):
        return f"{self.author}: {self.text[:20]}"
