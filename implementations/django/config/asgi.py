"""The entry for ASGI servers: async views."""

import os

import django

from config.handlers import ASGIHandler
from config.pool import open_pool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
open_pool()

application = ASGIHandler()
