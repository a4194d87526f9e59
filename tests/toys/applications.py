"""Applications of other people, in a folder of their own, and a server for them.

They need no package. `toy_server` is started as a program of the application's interpreter, as
gunicorn is.
"""

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from harness.inputs.application import Deployment
from harness.inputs.servers import Protocol, Server

SERVER = """
import importlib, os, sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


host, port, app = sys.argv[1:4]
module, _, name = app.partition(":")
found = getattr(importlib.import_module(module), name)
make_server(host, int(port), found, Threaded, Quiet).serve_forever()
"""
SHOP = """
import os, sys, time

calls = 0


def application(environ, start_response):
    global calls
    calls += 1
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size) if size else b""

    def answer(status, text, *headers):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return [text if isinstance(text, bytes) else text.encode()]

    if path == "/old":
        return answer("302 Found", "", ("Location", "/login/?next=/old"))
    if path == "/slash":
        return answer("301 Moved Permanently", "", ("Location", "/slash/"))
    if path == "/fails":
        sys.stderr.write("Traceback of the view\\npsycopg.OperationalError: connection failed: "
                         "postgresql://ada:s3cr3t-word@db/shop Connection refused\\n")
        sys.stderr.flush()
        return answer("500 Internal Server Error", "oh")
    if path == "/forbidden":
        return answer("403 Forbidden", "CSRF verification failed. Request aborted.")
    if path == "/once":
        return answer("200 OK" if calls % 2 else "409 Conflict", "")
    if path == "/echo":
        names = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_HOST", "CONTENT_TYPE")
        seen = [environ.get(name, "-") for name in names]
        seen += [body.decode(), os.environ.get("SHOP", "-")]
        return answer("200 OK", " | ".join([method, *seen]))
    if path == "/endless":
        def stream():
            while True:
                yield b"more"
                time.sleep(0.01)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream()
    return answer("200 OK", "hello")


def picky(environ, start_response):
    start_response("404 Not Found", [])
    return []


def make():
    return application


class Async:
    async def __call__(self, scope, receive, send):
        await send({})


asynchronous = Async()


async def coroutine(scope, receive, send):
    await send({})


def old(scope):
    return coroutine


class Flasky:
    def __call__(self, environ, start_response):
        return application(environ, start_response)


flasky = Flasky()
number = 7
"""


def write_project(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """A project with the module `shop`, its server, and further files; returns its folder."""
    for name, text in ({"shop.py": SHOP, "toy_server.py": SERVER} | dict(files or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def toy_servers() -> dict[str, Server]:
    """By the names of those that are taken where none is named."""
    argv = ("{python}", "-m", "toy_server", "{host}", "{port}", "{app}")
    return {
        "gunicorn-gthread": Server(Protocol.WSGI, keep_alive=False, argv=argv),
        "gunicorn-uvicorn": Server(Protocol.ASGI, keep_alive=True, argv=argv),
    }


SERVERS_TOML = """
[gunicorn-gthread]
protocol = "wsgi"
keep_alive = false
argv = ["{python}", "-m", "toy_server", "{host}", "{port}", "{app}"]

[gunicorn-uvicorn]
protocol = "asgi"
keep_alive = true
argv = ["{python}", "-m", "toy_server", "{host}", "{port}", "{app}"]
"""


def deployed(folder: Path, app: str = "shop:application", **given: object) -> Deployment:
    """As asked for, on this process's own interpreter."""
    settings = {"python": Path(sys.executable)} | given
    return Deployment(app=app, cwd=folder, **settings)  # type: ignore[arg-type]
