"""What may be asked for in a receipt, and how a request is sent."""

from pathlib import Path

import msgspec
import pytest

from harness.base.errors import UsageError
from harness.inputs.application import (
    Deployment,
    Wanted,
    WantedRequest,
    check_app,
    check_data,
    check_expect,
    check_header,
    check_method,
    check_pair,
    check_target,
    check_url,
    check_variable,
    check_wanted,
    cookie_header,
)

GET = WantedRequest("GET", "/")


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(UsageError) as caught:
        call(*arguments)  # type: ignore[operator]
    return str(caught.value)


@pytest.mark.parametrize("app", ["a:b", "mysite.asgi:application", "shop:make()", "a.b:c.d"])
def test_an_application_is_a_module_and_an_attribute(app: str) -> None:
    assert check_app(app) == app


@pytest.mark.parametrize(
    ("app", "guess"),
    [
        ("mysite/asgi.py", "`mysite.asgi:application`"),
        ("mysite/asgi.py:app", "`mysite.asgi:app`"),
        ("mysite.asgi", "`mysite.asgi:application`"),
        ("./main.py", "`main:application`"),
        ("my-site:x", "e.g. `mysite.asgi:application`"),
    ],
)
def test_another_path_is_refused_with_what_is_meant(app: str, guess: str) -> None:
    assert guess in refused(check_app, app)


def test_a_target_is_sent_in_ascii_and_without_its_fragment() -> None:
    assert check_target("/ä b?q=ö&x=%20#top", "--get") == "/%C3%A4%20b?q=%C3%B6&x=%20"


def test_a_target_without_a_slash_is_refused_with_one() -> None:
    assert "write `/posts`" in refused(check_target, "posts", "--get")


def test_a_url_in_place_of_a_target_is_refused_with_its_path() -> None:
    told = refused(check_target, "http://h:1/posts?token=abc", "--get")
    assert "`--get /posts?token=...`" in told
    assert "abc" not in told


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PU T", "", "1"])
def test_no_method_of_an_application_is_refused(method: str) -> None:
    refused(check_method, method, "--request")


def test_a_header_has_a_name_and_a_value() -> None:
    assert check_header("X-Token:  a: b ") == ("X-Token", "a: b")


@pytest.mark.parametrize(
    "text", ["secret", "a b: secret", "Content-Length: secret", "X: sec\nret", "X: secret☃"]
)
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(text: str) -> None:
    assert "secret" not in refused(check_header, text)


def test_cookies_become_one_header() -> None:
    assert cookie_header([("a", "1"), ("b", "2=3")]) == ("Cookie", "a=1; b=2=3")
    assert cookie_header([]) is None


def test_a_cookie_that_cannot_be_sent_is_refused_without_its_value() -> None:
    assert "secret" not in refused(cookie_header, [("a", "sec;ret secret")])


def test_a_pair_without_an_equals_sign_is_refused_without_its_value() -> None:
    assert "secret" not in refused(check_pair, "secret", "--form")


@pytest.mark.parametrize("text", ["A B=secret", "=secret", "A=secret\0"])
def test_a_variable_that_cannot_be_set_is_refused_without_its_value(text: str) -> None:
    assert "secret" not in refused(check_variable, text, "--env")


def test_a_body_that_is_no_json_is_refused_where_it_breaks() -> None:
    told = refused(check_data, '{"secret": }')
    assert "column 12" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://127.9.9.9", "http://127.9.9.9:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_server_of_this_machine_is_taken(url: str, base: str) -> None:
    assert check_url(url) == base


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://example.org", "`example.org`"),
        ("http://10.0.0.1:80", "`10.0.0.1`"),
        ("http://127.0.0.1.example.org", "`127.0.0.1.example.org`"),
        ("http://0.0.0.0:8000", "`0.0.0.0`"),
        ("https://127.0.0.1", "TLS"),
        ("127.0.0.1:8000", "is no URL"),
        ("http://127.0.0.1:99999", "is no URL"),
        ("http://ada:secret@127.0.0.1", "--header"),
        ("http://127.0.0.1/posts", "--get"),
    ],
)
def test_any_other_server_is_refused_in_one_sentence(url: str, told: str) -> None:
    text = refused(check_url, url)
    assert told in text
    assert "secret" not in text
    assert text.replace("e.g. ", "").count(". ") == 0


@pytest.mark.parametrize("status", [100, 199, 600, -1])
def test_a_status_of_no_answer_is_refused(status: int) -> None:
    refused(check_expect, status)


def test_a_get_is_sent_with_its_host_and_headers() -> None:
    request = WantedRequest("GET", "/a?b=c", headers=(("X-A", "1"),))
    lines = request.encoded("127.0.0.1", 80).decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert "Host: 127.0.0.1:80" in lines
    assert "X-A: 1" in lines
    assert not any(line.startswith("Content-Length") for line in lines)
    assert lines[-2:] == ["", ""]


def test_a_header_of_the_user_replaces_ours() -> None:
    request = WantedRequest("GET", "/", headers=(("host", "example.org"),))
    text = request.encoded("127.0.0.1", 80).decode()
    assert "host: example.org" in text
    assert "Host: 127" not in text


def test_a_form_is_sent_as_a_browser_encodes_it() -> None:
    request = WantedRequest("POST", "/", form=(("title", "a b"), ("x", "ä&")))
    head, _, body = request.encoded("127.0.0.1", 80).partition(b"\r\n\r\n")
    assert body == b"title=a+b&x=%C3%A4%26"
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Content-Type: application/x-www-form-urlencoded" in head


def test_data_is_sent_as_json() -> None:
    request = WantedRequest("POST", "/", data='{"a": "ä"}')
    head, _, body = request.encoded("127.0.0.1", 80).partition(b"\r\n\r\n")
    assert body == '{"a": "ä"}'.encode()
    assert b"Content-Type: application/json" in head


def test_a_post_without_a_body_has_a_length() -> None:
    assert b"Content-Length: 0" in WantedRequest("POST", "/").encoded("127.0.0.1", 80)


def test_secrets_of_a_request_are_those_of_headers_cookies_form_and_query() -> None:
    request = WantedRequest(
        "POST", "/?token=t0ken",
        headers=(("Authorization", "Bearer b3arer"), ("Cookie", "a=c00kie; b=s3ssion"),
                 ("Accept", "text/html")),
        form=(("title", "hello"), ("password", "p4ss")),
    )  # fmt: skip
    assert {"t0ken", "b3arer", "c00kie", "s3ssion", "p4ss"} <= set(request.secrets)
    assert {"hello", "text/html"} & set(request.secrets) == set()


def test_a_request_is_named_without_its_secrets() -> None:
    assert WantedRequest("GET", "/x?token=abc").name == "GET /x?token=..."


def test_secrets_include_those_of_all_environments(tmp_path: Path) -> None:
    wanted = Wanted(
        (GET,),
        deployment=Deployment("a:b", tmp_path, env={"API_KEY": "one"}),
        against=Deployment("a:b", tmp_path, env={"API_KEY": "two"}),
    )
    assert set(wanted.secrets([("DB_PASSWORD", "three")])) == {"one", "two", "three"}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted((GET,)), "--app"),
        (Wanted((GET,), deployment=Deployment("a:b", Path("/")), url="http://127.0.0.1:1"),
         "leave one out"),
        (Wanted((GET,), url="http://127.0.0.1:1", against=Deployment("a:b", Path("/"))), "--app"),
        (Wanted((), url="http://127.0.0.1:1"), "`--get /`"),
        (Wanted((GET, GET), url="http://127.0.0.1:1"), "twice"),
        (Wanted((GET,), deployment=Deployment("a:b", Path("/nowhere"))), "--cwd"),
        (Wanted((GET,), deployment=Deployment("a:b", Path("/")),
                against=Deployment("a:b", Path("/nowhere"))), "--against-cwd"),
        (Wanted((GET,), deployment=Deployment("a:b", Path("/"), python=Path("/nowhere"))),
         "--python"),
    ],
)  # fmt: skip
def test_what_cannot_go_together_is_refused(wanted: Wanted, told: str) -> None:
    assert told in refused(check_wanted, wanted)


def test_requests_whose_names_are_equal_are_refused() -> None:
    """They differ in a secret that no name shows."""
    pair = (WantedRequest("GET", "/?key=a"), WantedRequest("GET", "/?key=b"))
    assert "twice" in refused(check_wanted, Wanted(pair, url="http://127.0.0.1:1"))


def test_a_2xx_is_accepted_and_others_only_on_request() -> None:
    wanted = Wanted((GET,))
    assert [status for status in (200, 204, 302, 404, 500) if wanted.accepts(status)] == [200, 204]
    assert msgspec.structs.replace(wanted, expect=(302,)).accepts(302)
