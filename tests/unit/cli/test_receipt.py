"""What may be typed after `receipt`, and how it is refused."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.inputs.application import Wanted
from harness.runner.receipt import make
from tests.toys.applications import SERVERS_TOML, write_project
from tests.toys.entry import Call, called


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "root" / "shared").mkdir(parents=True)
    (tmp_path / "root" / "shared" / "servers.toml").write_text(SERVERS_TOML)
    monkeypatch.setenv("BRIDGETOLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BRIDGETOLL_BESIDE", "1")
    monkeypatch.chdir(write_project(tmp_path / "project"))
    return tmp_path


@pytest.fixture
def receipt(place: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    with called(Workspace(place / "root"), capsys, "receipt") as calling:
        yield calling


class _Asked(Exception):
    pass


@pytest.fixture
def asked(receipt: Call, monkeypatch: pytest.MonkeyPatch) -> "Asking":
    """What is made of the words, with nothing carried out."""
    return Asking(receipt, monkeypatch)


class Asking:
    def __init__(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        self._call = call
        self._seen: list[Wanted] = []
        monkeypatch.setattr(make, "make_receipt", self._note)

    def _note(self, wanted: Wanted, *_: object, **__: object) -> None:
        self._seen.append(wanted)
        raise _Asked

    def __call__(self, *words: str) -> Wanted:
        with pytest.raises(_Asked):
            self._call(*words)
        return self._seen[-1]


def test_requests_keep_the_order_of_the_command_line(asked: Asking) -> None:
    wanted = asked(
        "--app", "a:b", "--get", "/1", "--post", "/2", "--form", "x=1", "--form", "y=2",
        "--request", "PUT /3", "--data", "{}", "--get=/4", "--post", "/5", "--form=z=3",
    )  # fmt: skip
    assert [(r.method, r.target, r.form, r.data) for r in wanted.requests] == [
        ("GET", "/1", (), None),
        ("POST", "/2", (("x", "1"), ("y", "2")), None),
        ("PUT", "/3", (), "{}"),
        ("GET", "/4", (), None),
        ("POST", "/5", (("z", "3"),), None),
    ]


def test_headers_and_cookies_go_with_every_request(asked: Asking) -> None:
    wanted = asked(
        "--app", "a:b", "--get", "/", "--post", "/", "--cookie", "a=1", "--cookie", "b=2",
        "--header", "X-A: 1",
    )  # fmt: skip
    for request in wanted.requests:
        assert request.headers == (("X-A", "1"), ("Cookie", "a=1; b=2"))


def test_an_application_is_compared_with_itself_but_for_what_is_given(
    asked: Asking, place: Path
) -> None:
    wanted = asked(
        "--app", "a:b", "--get", "/", "--env", "A=1", "--env", "B=1", "--server", "uvicorn",
        "--against-env", "B=2",
    )  # fmt: skip
    assert wanted.deployment is not None
    assert wanted.against is not None
    assert wanted.deployment.env == {"A": "1", "B": "1"}
    assert wanted.against.env == {"A": "1", "B": "2"}
    assert wanted.against.app == "a:b"
    assert wanted.against.server == "uvicorn"
    assert wanted.against.cwd == place / "project"


def test_another_application_takes_the_server_of_its_protocol(asked: Asking) -> None:
    wanted = asked("--app", "a:b", "--get", "/", "--server", "uvicorn", "--against", "a:c")
    assert wanted.against is not None
    assert (wanted.against.app, wanted.against.server) == ("a:c", None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--get", "/"), "--app"),
        (("--app", "a:b"), "`--get /`"),
        (("--app", "mysite/asgi.py", "--get", "/"), "`mysite.asgi:application`"),
        (("--app", "a:b", "--get", "/", "--form", "x=1"), "--post"),
        (("--app", "a:b", "--post", "/", "--form", "x=1", "--data", "{}"), "leave one out"),
        (("--app", "a:b", "--post", "/", "--data", "{}", "--data", "{}"), "two bodies"),
        (("--app", "a:b", "--get", "/", "--cookie", "a=1", "--header", "Cookie: a=1"),
         "leave one out"),
        (("--url", "http://example.org", "--get", "/"), "127.0.0.1"),
        (("--url", "http://127.0.0.1:1", "--get", "/", "--env", "A=1"), "--env"),
        (("--url", "http://127.0.0.1:1", "--get", "/", "--against", "a:b"), "--app"),
        (("--app", "a:b", "--get", "/", "--expect", "99"), "200 to 599"),
        (("--app", "a:b", "--get", "/", "--cwd", "nowhere"), "--cwd"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence(
    receipt: Call, words: tuple[str, ...], told: str
) -> None:
    said = receipt(*words)
    assert said.status == 2
    assert told in said.sentence
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("nothing:application", "no module `nothing`"),
        ("shop:app", "`shop:application`"),
        ("shop:number", "cannot be called"),
    ],
)
def test_an_application_that_cannot_be_served_is_one_sentence(
    receipt: Call, app: str, told: str
) -> None:
    said = receipt("--app", app, "--python", sys.executable, "--get", "/")
    assert said.status == 2
    assert told in said.sentence
    assert "Traceback" not in said.err


def test_windows_is_told_where_it_works(receipt: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "WSL" in receipt("--app", "a:b", "--get", "/").sentence


def test_a_running_server_that_is_none_is_told(receipt: Call) -> None:
    said = receipt("--url", "http://127.0.0.1:1", "--get", "/")
    assert said.status == 2
    assert "accepts no connection" in said.sentence


def test_no_secret_of_the_command_line_is_in_any_output(receipt: Call) -> None:
    said = receipt(
        "--app", "shop:application", "--python", sys.executable, "--count-only", "--json",
        "--get", "/echo?token=t0ken-value", "--header", "Authorization: Bearer b3arer-value",
        "--cookie", "sessionid=c00kie-value", "--env", "SHOP_SECRET=s3cret-value",
        "--post", "/echo", "--form", "password=p4ss-value",
    )  # fmt: skip
    assert said.status == 0
    for secret in ("t0ken", "b3arer", "c00kie", "s3cret", "p4ss"):
        assert secret not in said.out
        assert secret not in said.err
    made = json.loads(said.out)
    names = [f"{url['request']['method']} {url['request']['target']}" for url in made["urls"]]
    assert names == ["GET /echo?token=...", "POST /echo"]
