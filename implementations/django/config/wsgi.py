"""The entry for WSGI servers: sync views."""

import os

import django

from config.handlers import WSGIHandler
from config.pool import open_pool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
open_pool()

application = WSGIHandler()
