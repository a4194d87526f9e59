"""A Django application of one model: Django's ORM, without its handlers, URLs and settings file."""
