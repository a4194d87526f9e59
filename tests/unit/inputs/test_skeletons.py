"""The empty applications that `bridgetoll new` writes: what they answer, and what they refuse."""

import asyncio
import importlib
import json
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.inputs.contract import MAX_CONTENT, MAX_FIELDS, MAX_TITLE
from harness.inputs.drafts import SKELETONS

type Load = Callable[[str, str], Any]
FORM = "application/x-www-form-urlencoded"
PATHS = ("/noop", "/cpu", "/io_create", "/io_read", "/io_fanout", "/io_wait", "/nowhere")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports a module of a skeleton, with a pool that opens at once."""

    @asynccontextmanager
    async def opened(settings: object) -> AsyncIterator[object]:
        yield settings

    def one(protocol: str, name: str) -> Any:
        pool = types.ModuleType("app.posts")
        pool.__dict__["open_posts"] = opened
        monkeypatch.setitem(sys.modules, "app.posts", pool)
        monkeypatch.setitem(sys.modules, "orjson", as_orjson())
        monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h:1/d")
        monkeypatch.syspath_prepend(str(SKELETONS / protocol))
        return importlib.import_module(f"app.{name}")

    yield one
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        del sys.modules[name]


def as_orjson() -> types.ModuleType:
    """The one function of it that the skeletons call."""
    module = types.ModuleType("orjson")
    module.__dict__["dumps"] = lambda value: json.dumps(value).encode()
    return module


def test_the_wsgi_application_is_healthy_and_nothing_else(load: Load) -> None:
    app = load("wsgi", "main").app

    def ask(path: str) -> tuple[str, Any]:
        statuses: list[str] = []
        body = app(
            {"PATH_INFO": path, "REQUEST_METHOD": "GET"}, lambda status, _: statuses.append(status)
        )
        return statuses[0], json.loads(b"".join(body))

    assert ask("/health") == ("200 OK", {"status": "ok"})
    for path in PATHS:
        status, body = ask(path)
        assert status == "501 Not Implemented"
        assert path.strip("/") in body["error"]


def test_the_asgi_application_opens_its_pool_and_is_healthy_and_nothing_else(load: Load) -> None:
    app = load("asgi", "main").app
    state: dict[str, object] = {}

    async def call(scope: dict[str, Any], *events: str) -> list[dict[str, Any]]:
        coming = iter(events)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": next(coming)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent

    lived = asyncio.run(call({"type": "lifespan", "state": state}, "startup", "shutdown"))
    assert [message["type"] for message in lived] == [
        "lifespan.startup.complete", "lifespan.shutdown.complete",
    ]  # fmt: skip
    assert "posts" in state
    for path in ("/health", *PATHS):
        scope = {"type": "http", "path": path, "method": "GET"}
        start, body = asyncio.run(call(scope))
        assert start["status"] == (200 if path == "/health" else 501)
        assert json.loads(body["body"])


def test_the_settings_are_read_or_refused_in_a_sentence(load: Load) -> None:
    settings = load("wsgi", "settings").Settings
    read = settings.read({"DATABASE_URL": "x", "POOL_SIZE": "7", "POOL_TIMEOUT": "2.5"})
    assert (read.pool_size, read.pool_timeout, read.cpu_iterations) == (7, 2.5, 10_000_000)
    for name, value in (("POOL_SIZE", "0"), ("POOL_SIZE", "1.5"), ("POOL_TIMEOUT", "inf")):
        with pytest.raises(ValueError, match=f"{name} must be"):
            settings.read({"DATABASE_URL": "x", name: value})
    with pytest.raises(ValueError, match="DATABASE_URL must be set"):
        settings.read({})


@pytest.mark.parametrize(
    "kind", [FORM, FORM.upper(), f"{FORM}; charset=UTF-8", f'{FORM};Charset="utf-8"', f"{FORM}; a"]
)
def test_a_form_is_taken_however_it_is_spelled(load: Load, kind: str) -> None:
    read = load("wsgi", "forms").read_new_post
    body = b"title=first&&x&content=a%20%zz&title=caf%C3%A9+x"
    assert read(kind, body) == {"title": "café x", "content": "a %zz"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b"title=t&content=c"),
        ("application/json", b"title=t&content=c"),
        (f"{FORM}; charset=utf-16", b"title=t&content=c"),
        (FORM, b"title=t"),
        (FORM, b"title=t&content=%20%0A"),
        (FORM, b"title=t&content=a%00b"),
        (FORM, b"title=t&content=%E6%BC"),
        (FORM, b"title=t&content=c&%FF=x"),
        (FORM, "title=t&content=é".encode()),
        (FORM, b"title=" + b"t" * (MAX_TITLE + 1) + b"&content=c"),
        (FORM, b"title=t&content=" + b"c" * (MAX_CONTENT + 1)),
        (FORM, b"title=t&content=c" + b"&x=1" * (MAX_FIELDS - 1)),
    ],
)
def test_what_the_contract_refuses_of_a_form_is_refused(load: Load, kind: str, body: bytes) -> None:
    forms = load("wsgi", "forms")
    with pytest.raises(forms.BadRequest):
        forms.read_new_post(kind, body)


def test_five_ids_are_taken(load: Load) -> None:
    forms = load("wsgi", "forms")
    one = "00000000-0000-4000-8000-000000000001"
    assert len(forms.read_ids(",".join([one] * 5))) == 5
    for text in ("", one, ",".join([one] * 6), ",".join([one] * 4 + ["x"])):
        with pytest.raises(forms.BadRequest):
            forms.read_ids(text)
