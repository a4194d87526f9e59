from importlib import import_module

from django.conf import settings
from django.urls import path

views = import_module(f"posts.views_{settings.VIEWS}")

urlpatterns = [
    path("health", views.Health.as_view()),
    path("noop", views.Noop.as_view()),
    path("cpu", views.Cpu.as_view()),
    path("io_create", views.CreatePost.as_view()),
    path("io_read", views.ReadPosts.as_view()),
    path("io_fanout", views.ReadEachPost.as_view()),
    path("io_wait", views.Wait.as_view()),
]

handler400 = "posts.api.bad_request"
handler404 = "posts.api.not_found"
handler500 = "posts.api.server_error"
