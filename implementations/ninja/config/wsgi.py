import os

import django
from django.conf import settings
from django.db import connection

from config.handlers import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
connection.pool.open(wait=True, timeout=settings.POOL_TIMEOUT)  # before the first request
application = WSGIHandler()
