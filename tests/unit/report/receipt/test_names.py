"""Names in little room."""

import pytest

from harness.report.receipt.names import short_name, short_path

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"


@pytest.mark.parametrize(
    ("width", "short"),
    [
        (60, SESSION),
        (51, "django.….sessions.middleware.SessionMiddleware"),
        (36, "django.….SessionMiddleware"),
        (37, "django.….middleware.SessionMiddleware"),
        (20, "….SessionMiddleware"),
        (10, "SessionMiddleware"),
    ],
)
def test_a_name_is_cut_in_the_middle_and_its_class_stays_whole(width: int, short: str) -> None:
    assert short_name(SESSION, width) == short


def test_a_method_stays_with_its_class() -> None:
    name = "mysite.blog.views.PostView.get_queryset"
    assert short_name(name, 30) == "mysite.….PostView.get_queryset"
    assert short_name(name, 5) == "PostView.get_queryset"


def test_a_manager_needs_no_cut() -> None:
    assert short_name("Post.objects.acount", 4) == "Post.objects.acount"


def test_a_local_function_stays_with_the_one_that_makes_it() -> None:
    name = "mysite.middleware.timing.<locals>.middleware"
    assert short_name(name, 40) == "mysite.….timing.<locals>.middleware"


def test_several_names_are_told_by_their_last_parts() -> None:
    names = "django.db.reset_queries, django.db.close_old_connections"
    assert short_name(names, 60) == names
    assert short_name(names, 37) == "reset_queries, close_old_connections"
    assert short_name(names, 30) == "reset_queries and 1 more"


def test_a_path_loses_its_first_folders() -> None:
    assert short_path("mysite/blog/views.py:31", 40) == "mysite/blog/views.py:31"
    assert short_path("mysite/blog/views.py:31", 20) == "…/blog/views.py:31"
    assert short_path("mysite/blog/views.py:31", 5) == "…/views.py:31"
