from django.urls import path
from posts import views

urlpatterns = [
    path("health", views.Health.as_view()),
    path("noop", views.Noop.as_view()),
    path("cpu", views.Cpu.as_view()),
    path("io_create", views.CreatePost.as_view()),
    path("io_read", views.ReadPosts.as_view()),
    path("io_fanout", views.ReadEachPost.as_view()),
    path("io_wait", views.Wait.as_view()),
]

handler400 = "rest_framework.exceptions.bad_request"
handler404 = "posts.errors.not_found"
handler500 = "rest_framework.exceptions.server_error"
