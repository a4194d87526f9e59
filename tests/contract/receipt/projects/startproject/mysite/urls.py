"""URL configuration for mysite project."""

from blog import views
from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("", views.index, name="index"),
    path("about/", views.about, name="about"),
    path("posts/", views.posts, name="posts"),
    path("posts/new/", views.new_post, name="new-post"),
    path("posts/<int:pk>/", views.post, name="post"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("search/", views.search, name="search"),
    path("me/", views.me, name="me"),
    path("events/", views.events, name="events"),
    path("admin/", admin.site.urls),
]
