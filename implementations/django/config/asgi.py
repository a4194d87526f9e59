"""The entry for ASGI servers."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from config.arm import application  # noqa: E402  (Django must be set up before)

__all__ = ["application"]
