"""What is wrong by what libraries say."""

from pathlib import Path

import pytest

from harness.inputs.application import Deployment
from harness.lab.applications.failures import (
    ImportFailure,
    cause_in,
    import_problem,
    quotable,
)

HERE = Deployment("mysite.asgi:application", Path("/site"))


@pytest.mark.parametrize(
    ("log", "remedy"),
    [
        ("django.db.utils.OperationalError: no such table: blog_post", "migrate"),
        ('psycopg.errors.UndefinedTable: relation "blog_post" does not exist', "migrate"),
        ("OperationalError: no such column: blog_post.title", "migrate"),
        ('connection to server at "127.0.0.1", port 5432 failed: Connection refused', "start it"),
        ("ConnectionRefusedError: [Errno 111] Connect call failed", "start it"),
        ("sqlite3.OperationalError: unable to open database file", "--cwd"),
        ('FATAL:  password authentication failed for user "ada"', "--env"),
        ('FATAL:  database "shop" does not exist', "make it"),
        ("psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec", "database"),
        ("Invalid HTTP_HOST header: '127.0.0.1:1'. You may need to add", "Host"),
        ("ValueError: Missing staticfiles manifest entry for 'a.css'", "collectstatic"),
        ("ERROR:    Application startup failed. Exiting.", "lifespan"),
        ("hypercorn.utils.LifespanFailureError: Lifespan failure in startup.", "lifespan"),
        ("OSError: [Errno 98] Address already in use", "port"),
    ],
)
def test_a_log_tells_what_mends_it(log: str, remedy: str) -> None:
    cause = cause_in(f"Traceback\n{log}\n")
    assert cause is not None
    assert remedy in cause


def test_an_unknown_log_tells_nothing() -> None:
    assert cause_in("ZeroDivisionError: division by zero") is None


@pytest.mark.parametrize(
    ("type_", "message", "name"),
    [
        ("ImproperlyConfigured", "Set the SECRET_KEY environment variable", "SECRET_KEY"),
        ("UndefinedValueError", "DB not found. Declare it as envvar or define a default.", "DB"),
        ("EnvError", 'Environment variable "DB" not set', "DB"),
        ("ImproperlyConfigured", "Requested setting X, but settings are not configured. You must "
         "either define the environment variable DJANGO_SETTINGS_MODULE or call "
         "settings.configure()", "DJANGO_SETTINGS_MODULE"),
        ("ValidationError", "1 validation error for Settings\nSECRET_KEY\n  Field required "
         "[type=missing, input_value={}]", "SECRET_KEY"),
    ],
)  # fmt: skip
def test_a_missing_variable_is_told_with_the_option_that_sets_it(
    type_: str, message: str, name: str
) -> None:
    told = import_problem(ImportFailure(type_, message, own_code=True), HERE, "python")
    assert f"`--env {name}=...`" in told


def test_a_parent_package_that_is_not_there_is_the_folders_fault() -> None:
    failure = ImportFailure("ModuleNotFoundError", "No module named 'mysite'", module="mysite")
    assert "--cwd" in import_problem(failure, HERE, "python")


def test_a_function_that_makes_the_application_is_offered() -> None:
    failure = ImportFailure("AttributeError", "no attribute", names=("Config", "create_app"))
    assert "`mysite.asgi:create_app()`" in import_problem(failure, HERE, "python")


def test_the_same_module_missing_for_its_own_code_is_quoted() -> None:
    failure = ImportFailure(
        "ModuleNotFoundError", "No module named 'mysite'", module="mysite", own_code=True,
        traceback="line 3",
    )  # fmt: skip
    told = import_problem(failure, HERE, "python")
    assert "imports `mysite`" in told
    assert told.endswith("line 3")


def test_a_log_is_quoted_by_its_end_with_files_by_their_place_in_a_package() -> None:
    lines = [f"line {number}" for number in range(30)]
    log = "\n".join([*lines, "", '  File "/x/lib/python3.13/site-packages/django/a.py", line 3'])
    quoted = quotable(log)
    assert 'File "django/a.py", line 3' in quoted
    assert "line 29" in quoted
    assert "line 1\n" not in quoted


def test_no_half_of_a_secret_is_left_where_a_message_is_cut() -> None:
    secret = "s3cr3t" * 40
    failure = ImportFailure("ValueError", f"{'x' * 100} {secret}", own_code=True)
    assert "s3cr3t" not in import_problem(failure, HERE, "python", [secret])
