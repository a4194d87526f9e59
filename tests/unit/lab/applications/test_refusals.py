"""Which answers are refused, and what is said to be done."""

import pytest

from harness.base.secrecy import without_secrets
from harness.inputs.application import Wanted, WantedRequest
from harness.lab.applications.answers import ApplicationAnswer
from harness.lab.applications.refusals import refusal


def told(
    status: int,
    *,
    target: str = "/posts",
    method: str = "GET",
    location: str = "",
    body: str = "",
    log: str = "",
    expect: tuple[int, ...] = (),
    **headers: str,
) -> str:
    request = WantedRequest(method, target)
    fields = headers | ({"location": location} if location else {})
    answer = ApplicationAnswer(status, fields, len(body), body.encode(), 0.0)
    sentence = refusal(Wanted((request,), url="http://127.0.0.1:1", expect=expect), request,
                       answer, log)  # fmt: skip
    assert sentence is None or sentence.endswith(".")
    return sentence or ""


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_2xx_is_measured(status: int) -> None:
    assert told(status) == ""


def test_a_status_that_is_expected_is_measured() -> None:
    assert told(302, location="/", expect=(302,)) == ""


def test_a_redirect_says_where_it_goes_and_how_to_accept_it() -> None:
    text = told(302, location="/elsewhere/")
    assert "`/elsewhere/`" in text
    assert "--expect 302" in text


def test_a_redirect_to_a_login_says_how_to_log_in() -> None:
    text = told(302, location="/accounts/login/?next=/posts&token=abc")
    assert "--cookie" in text
    assert "abc" not in text


def test_a_post_without_a_body_is_told_to_have_one() -> None:
    assert "--form" in told(500, method="POST")
    assert "--form" not in told(500)


def test_what_a_csrf_token_is_sent_as_survives_the_removal_of_secrets() -> None:
    text = told(403, method="POST", body="CSRF verification failed")
    assert without_secrets(text) == text


def test_a_redirect_to_the_slash_names_that_path() -> None:
    assert "ask for that" in told(301, location="http://127.0.0.1:1/posts/")


def test_a_redirect_to_https_names_the_header() -> None:
    assert "X-Forwarded-Proto" in told(301, location="https://127.0.0.1:1/posts")


@pytest.mark.parametrize(
    ("status", "more", "remedy"),
    [
        (401, {}, "Authorization"),
        (403, {}, "--cookie"),
        (403, {"method": "POST", "body": "CSRF verification failed."}, "X-CSRFToken"),
        (403, {"log": "Forbidden (CSRF cookie not set.): /"}, "csrftoken"),
        (400, {"log": "Invalid HTTP_HOST header: '127.0.0.1:1'."}, "Host"),
        (404, {}, "path"),
        (405, {"allow": "POST"}, "POST"),
        (415, {"method": "POST"}, "--data"),
        (429, {}, "limit"),
        (418, {}, "--expect 418"),
        (500, {"log": "no such table: blog_post"}, "migrate"),
        (503, {}, "mend"),
    ],
)
def test_an_error_says_what_mends_it(status: int, more: dict[str, str], remedy: str) -> None:
    text = told(status, **more)  # type: ignore[arg-type]
    assert f"answers {status}" in text
    assert remedy in text
