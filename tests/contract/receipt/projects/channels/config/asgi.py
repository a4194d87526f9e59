"""ASGI config for the chat."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Before the consumers are imported, which use models.
django_application = get_asgi_application()

from chat.consumers import ChatConsumer, LatestConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [
                path("latest/", LatestConsumer.as_asgi()),
                re_path(r"", django_application),
            ]
        ),
        "websocket": AuthMiddlewareStack(
            URLRouter([path("ws/<slug:room>/", ChatConsumer.as_asgi())])
        ),
    }
)
