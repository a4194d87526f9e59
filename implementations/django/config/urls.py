"""The seven paths of the contract, served by the views module of this arm."""

from importlib import import_module

from django.conf import settings
from django.urls import path

from posts import responses

views = import_module(f"posts.views_{settings.VIEWS}")

urlpatterns = [
    path("health", views.health),
    path("noop", views.noop),
    path("cpu", views.cpu),
    path("io_create", views.io_create),
    path("io_read", views.io_read),
    path("io_fanout", views.io_fanout),
    path("io_wait", views.io_wait),
]

# What Django answers by itself must be JSON too.
handler400 = responses.bad_request
handler403 = responses.forbidden
handler404 = responses.not_found
handler500 = responses.server_error
