"""What is shown of texts, targets and variables that hold secrets."""

import pytest

from harness.base.secrecy import (
    looks_secret,
    secrets_of_environment,
    secrets_of_target,
    shown_settings,
    shown_target,
    without_secrets,
)


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "password", "DB_PASSWORD", "apiKey", "api-key", "csrfmiddlewaretoken", "sid",
     "sessionid", "AWS_SECRET_ACCESS_KEY", "X-Auth-Token", "SENTRY_DSN", "accesstoken"],
)  # fmt: skip
def test_names_of_secrets_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["title", "page", "author", "monkey", "compass", "design", "DEBUG"]
)
def test_other_names_do_not(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/posts/?page=2", "/posts/?page=2"),
        ("/posts/?token=abc&page=2", "/posts/?token=...&page=2"),
        ("/back?code=xyz", "/back?code=..."),
        ("/x?api%5Fkey=abc", "/x?api%5Fkey=..."),
        ("/x?token", "/x?token"),
    ],
)
def test_a_target_is_shown_without_secret_parameters(target: str, shown: str) -> None:
    assert shown_target(target) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ada:p@ss:w/rd@db/shop is down", "postgresql://...@db/shop is down"),
        ("https://db/shop is down", "https://db/shop is down"),
        ("SECRET_KEY = 'abc def'", "SECRET_KEY = '...'"),
        ("password=hunter2, port=5", "password=..., port=5"),
        ("{'PASSWORD': 'hunter2', 'PORT': 5}", "{'PASSWORD': '...', 'PORT': 5}"),
        ("Authorization: Bearer abc.def", "Authorization: ..."),
        ('    KEY = os.environ["KEY"]', '    KEY = os.environ["KEY"]'),
        ("    KEY = 'abc'", "    KEY = '...'"),
        ("KEY=abc(d", "KEY=..."),
        ("KeyError: 'SECRET_KEY'", "KeyError: 'SECRET_KEY'"),
        ("The SECRET_KEY setting must not be empty.", "The SECRET_KEY setting must not be empty."),
        ("FATAL: password authentication failed for user \"ada\"",
         "FATAL: password authentication failed for user \"ada\""),
    ],
)  # fmt: skip
def test_a_log_is_shown_without_values_of_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_known_secrets_are_left_out_however_they_are_spelled() -> None:
    text = "was a+b/c==, or a%2Bb%2Fc%3D%3D, not a+b/c==d"
    assert without_secrets(text, ["a+b/c=="]) == "was ..., or ..., not a+b/c==d"


def test_a_short_word_is_no_secret_to_look_for() -> None:
    assert without_secrets("on and on", ["on"]) == "on and on"


def test_secrets_of_variables_are_values_of_secret_names_and_passwords_of_urls() -> None:
    env = {"SECRET_KEY": "abc", "DATABASE_URL": "postgres://u:p%40w@h/d", "HOME": "/root"}
    assert secrets_of_environment(env) == ["abc", "p%40w", "p@w"]


def test_variables_are_shown_with_values_that_can_be_no_secret() -> None:
    env = {
        "POOL": "1", "DEBUG": "off", "DJANGO_SETTINGS_MODULE": "site.settings.live",
        "STRIPE": "sk_live_1", "PIN": "1234", "DATABASE_URL": "postgres://u:p@h/d",
    }  # fmt: skip
    assert shown_settings(env) == (
        "POOL=1", "DEBUG=off", "DJANGO_SETTINGS_MODULE=site.settings.live", "STRIPE=...",
        "PIN=...", "DATABASE_URL=...",
    )  # fmt: skip


def test_variables_beside_others_are_those_that_differ() -> None:
    env = {"POOL": "1", "STRIPE": "sk_live_2", "SAME": "x", "NEW": "y"}
    beside = {"POOL": "0", "STRIPE": "sk_live_1", "SAME": "x"}
    assert shown_settings(env, beside) == ("POOL=1", "STRIPE=another", "NEW=...")


def test_secrets_of_a_target_are_values_of_secret_parameters() -> None:
    assert secrets_of_target("/x?token=a%20b&page=2") == ["a b"]
