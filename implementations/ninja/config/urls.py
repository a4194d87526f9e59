from importlib import import_module

from django.conf import settings
from django.urls import path

views = import_module(f"posts.views_{settings.VIEWS}")
urlpatterns = [path("", views.api.urls)]

handler400 = "posts.api.bad_request"
handler404 = "posts.api.not_found"
handler500 = "posts.api.server_error"
