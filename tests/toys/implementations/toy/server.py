"""The contract on `http.server`: honest, or with the one fault that TOY_FAULT names.

It is deliberately plain. Faults are spelled where they act, as `if self.app.fault == "..."`.
"""

import argparse
import asyncio
import json
import math
import os
import queue
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_to_bytes
from uuid import UUID, uuid4

import psycopg

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
MAX_FIELDS = 1_000
LIMITS = {"title": 100, "content": 10_000}
FANOUT = 5
TOO_MANY = 64
"""Requests on one connection, after which the faults of load show. Verification sends one each, and
the audit 48: neither meets them."""
CROWD = 48
"""Connections open at once that `refuses-a-crowd` does not serve; a check opens fewer."""
NOW_AND_THEN = 8
LATER = 20
"""Sums that a server computes before it listens elsewhere too."""
TIRING_NS = 200_000
"""CPU time that a tiring server adds to a request for each that its connection carried before."""
GATHER_S = 0.005
"""How long a coalescing reader waits for others to join."""

HANGING_S = 600
"""Longer than any check waits."""
CONNECTED_S = 60
"""By then PostgreSQL gives a connection that it can give, also on a busy machine."""
RECYCLE_AFTER = 150
"""Requests of a worker that is then replaced."""
QUIET_S = 1.0
"""Without a request: a worker that is to be replaced gives its idle connections up."""
PAUSE_EVERY, PAUSE_S = 400, 1.3
"""Requests of a server that then pauses, and for how long."""

INSERT = "INSERT INTO post VALUES (%s, %s, %s, %s, %s)"
SLOW_INSERTS = {
    # one statement, as the contract has it; but it waits, in the database, for all the others
    "waits-in-line": "WITH line AS MATERIALIZED (SELECT pg_advisory_xact_lock(1)), "
    "work AS MATERIALIZED (SELECT pg_sleep(0.15) FROM line) "
    "INSERT INTO post SELECT %s, %s, %s, %s, %s FROM work",
}
COUNT = "SELECT count(*) FROM post"
BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = %s"
BY_IDS = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = ANY(%s)"
SLOW_COUNTS = {
    "sleepy": "SELECT (SELECT count(*) FROM post), pg_sleep(0.15)",
    "heavy": "SELECT (SELECT count(*) FROM post), (SELECT sum(g) FROM generate_series(1, 99999) g)",
}

Post = tuple[UUID, str, str, datetime, datetime]
Connection = psycopg.Connection[tuple[Any, ...]]


class Refused(Exception):
    """An error answer: its status, its sentence, and the method that would be allowed."""

    def __init__(self, status: int, sentence: str, allow: str | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.allow = allow


class App:
    """Settings, connections, and the work of each endpoint."""

    def __init__(self) -> None:
        self.fault = os.environ.get("TOY_FAULT", "")
        self.iterations = int(os.environ["CPU_ITERATIONS"])
        self.wait_ms = int(os.environ["WAIT_MS"])
        self._burn_ns = int(os.environ.get("TOY_BURN_US", "0")) * 1_000
        self._burn_after = int(os.environ.get("TOY_BURN_AFTER", "0"))
        self._timeout_s = float(os.environ["POOL_TIMEOUT"])
        self._url = os.environ["DATABASE_URL"]
        self._pool: queue.Queue[Connection | None] = queue.Queue()
        self._remembered: dict[str, Any] | None = None
        self.lock = threading.Lock()
        self._served = 0
        self._served_at = time.monotonic()
        self._open: list[socket.socket] = []
        self._flight: dict[str, Any] | None = None
        self._computed = 0
        size = int(os.environ["POOL_SIZE"])
        if self.fault == "connection-per-thread":
            for _ in range(THREADS.count):
                self._pool.put(None)  # opened when a thread comes to it
        elif not self.fault.startswith("connects"):
            opened = {"small-pool": size // 2, "large-pool": 2 * size, "lazy-pool": 1}
            for _ in range(opened.get(self.fault, size)):
                self._pool.put(self._connect(CONNECTED_S))
            for _ in range(size - 1 if self.fault == "lazy-pool" else 0):
                self._pool.put(None)
        self._helpers = (
            ProcessPoolExecutor(2, get_context("spawn")) if self.fault == "hands-over" else None
        )

    def burn(self, carried: int) -> None:
        burnt_ns = self._burn_ns if carried > self._burn_after else 0
        tired_ns = TIRING_NS * carried if self.fault == "tires" else 0
        end = time.thread_time_ns() + burnt_ns + tired_ns
        while time.thread_time_ns() < end:
            pass

    def serve(self) -> None:
        """Note a request; a server that pauses lets all others wait meanwhile."""
        with self.lock:
            self._served += 1
            self._served_at = time.monotonic()
            if self.fault == "pauses" and self._served % PAUSE_EVERY == 0:
                time.sleep(PAUSE_S)

    @property
    def worn_out(self) -> bool:
        """Whether the worker answers no more than the request at hand."""
        return self.fault == "recycles" and self._served >= RECYCLE_AFTER

    @property
    def open(self) -> int:
        """Connections at this moment."""
        with self.lock:
            return len(self._open)

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Any]:
        """Take a connection; a worn-out worker leaves it to the one that follows."""
        with self.lock:
            if self.worn_out:
                self._give_up()
                time.sleep(0.001)  # asked again at once, as the connection still waits
                raise BlockingIOError
            accepted = listener.accept()
            self._open.append(accepted[0])
            return accepted

    def _give_up(self) -> None:
        """Read nothing new on idle connections, which would keep the worker alive for ever.

        A client whose window has ended sends nothing on them, and waits for another's answer.
        """
        if time.monotonic() > self._served_at + QUIET_S:
            for connection in self._open:
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RD)

    def disconnected(self, connection: socket.socket) -> None:
        """Count a connection no more; a worn-out worker ends with its last one."""
        with self.lock:
            self._open.remove(connection)
            if self.worn_out and not self._open:
                os._exit(0)  # within the lock: no connection is accepted and never answered

    def health(self) -> dict[str, Any]:
        if self.fault == "never-ready":
            raise Refused(503, "not yet")
        return {"status": "ok"}

    def noop(self) -> dict[str, Any]:
        return {}

    def cpu(self) -> dict[str, Any]:
        ct = 0
        with self.lock:
            self._computed += 1
            if self._computed == LATER and self.fault == "second-port-later":
                self._beside = socket.create_server(("127.0.0.1", 0))
        if self.fault == "closed-form":
            n = self.iterations - 1
            ct = n * (n + 1) * (2 * n + 1) // 6
        elif self._helpers is not None:
            ct = self._helpers.submit(add_up, self.iterations).result()
        else:
            ct = add_up(self.iterations)
        return {"ct": ct + (self.fault == "wrong-sum")}

    def io_wait(self) -> dict[str, Any]:
        time.sleep(self.wait_ms / 1000)
        return {"waited_ms": self.wait_ms}

    def io_read(self) -> dict[str, Any]:
        if self.fault == "cached-read":
            if self._remembered is None:
                self._remembered = self._read()
            return self._remembered
        if self.fault == "coalesced-reads":
            return self._join_read()
        if self.fault == "secret-thread":
            return self._read_aside()
        if self.fault == "secret-loop":
            return asyncio.run(asyncio.to_thread(self._read))
        return self._read()

    def io_fanout(self, ids: list[UUID]) -> dict[str, Any]:
        with self._connection() as connection:
            if self.fault == "joined-fanout":
                rows = {row[0]: row for row in connection.execute(BY_IDS, [ids])}
                found = [rows.get(post_id) for post_id in ids]
            else:
                found = [connection.execute(BY_ID, [post_id]).fetchone() for post_id in ids]
        if self.fault == "reversed-fanout":
            found.reverse()
        return {"posts": [None if post is None else self._shown(post) for post in found]}

    def io_create(self, title: str, content: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        post = (uuid4(), title, content, now, now)
        if self.fault == "leaves-threads":
            threading.Thread(target=time.sleep, args=[HANGING_S], daemon=True).start()
        if self.fault != "skipped-insert":
            with self._connection() as connection:
                if self.fault in ("transactional", "leaves-transactions"):
                    connection.execute("BEGIN")
                connection.execute(SLOW_INSERTS.get(self.fault, INSERT), post)
                if self.fault == "transactional":
                    connection.execute("COMMIT")
        return self._shown(post)

    def _read(self) -> dict[str, Any]:
        with self._connection() as connection:
            posts = connection.execute(
                "SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT 25"
            ).fetchall()
            counted = connection.execute(SLOW_COUNTS.get(self.fault, COUNT)).fetchall()
        return {"ct": counted[0][0], "posts": [self._shown(post) for post in posts]}

    def _read_aside(self) -> dict[str, Any]:
        """In a thread that is started for it."""
        found: list[dict[str, Any]] = []

        def read() -> None:
            found.append(self._read())

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        return found[0]

    def _join_read(self) -> dict[str, Any]:
        """The first reader reads for all who ask while it does."""
        with self.lock:
            leads = self._flight is None
            if leads:
                self._flight = {"done": threading.Event(), "result": None}
            flight = self._flight
            assert flight is not None
        if not leads:
            flight["done"].wait()
            if flight["result"] is None:
                raise Refused(503, "the database failed")
            return dict(flight["result"])
        try:
            time.sleep(GATHER_S)
            with self.lock:
                self._flight = None  # who asks from here on has an answer of their own
            flight["result"] = self._read()
        finally:
            flight["done"].set()
        return dict(flight["result"])

    def _shown(self, post: Post) -> dict[str, Any]:
        spec = "milliseconds" if self.fault == "truncated-time" else "microseconds"
        made, changed = (moment.astimezone(UTC).isoformat("T", spec) for moment in post[3:])
        return {
            "id": str(post[0]), "title": post[1], "content": post[2],
            "created_at": made, "updated_at": changed,
        }  # fmt: skip

    def _connect(self, patience_s: float) -> Connection:
        connection = psycopg.connect(
            self._url, autocommit=True, prepare_threshold=0,
            connect_timeout=max(2, math.ceil(patience_s)),
        )  # fmt: skip
        if self.fault == "connects-visibly":
            connection.execute("SET application_name = 'toy'")
        return connection

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self.fault.startswith("connects"):
            with self._connect(CONNECTED_S) as connection:
                yield connection
            return
        if self.fault == "overflows" and self._pool.empty():
            with self._connect(CONNECTED_S) as connection:
                yield connection
            return
        try:
            patient = self.fault == "patient-pool"
            held = self._pool.get(timeout=HANGING_S if patient else self._timeout_s)
        except queue.Empty:
            raise psycopg.OperationalError("no connection became free") from None
        try:
            held = self._connect(self._timeout_s) if held is None or held.closed else held
            yield held
        finally:
            lost = self.fault == "forgets-on-hang-up" and hung_up(CLIENT.socket)
            if self.fault != "leaky" and not lost:
                self._pool.put(None if held is None or held.broken else held)


def hung_up(client: socket.socket) -> bool:
    """Whether the client has gone."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def add_up(iterations: int) -> int:
    """The loop of the contract."""
    ct = 0
    for i in range(iterations):
        ct += i * i
    return ct


class Threads:
    """A limit to the requests that are served at once. count: 0 for none."""

    def __init__(self) -> None:
        self.count = 0
        self._places: AbstractContextManager[object] = nullcontext()

    def limit(self, count: int) -> None:
        self.count = count
        self._places = threading.BoundedSemaphore(count)

    def place(self) -> AbstractContextManager[object]:
        """To be held while a request is served."""
        return self._places


THREADS = Threads()
CLIENT = threading.local()
"""By thread, the `socket` of the client that it serves."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    disable_nagle_algorithm = True
    app: App
    server: "Listener"

    def setup(self) -> None:
        super().setup()
        self.carried = 0
        if self.app.fault == "http-1-0":
            self.protocol_version = "HTTP/1.0"
        CLIENT.socket = self.connection

    def finish(self) -> None:
        super().finish()
        self.app.disconnected(self.connection)

    def handle_any(self) -> None:
        """Answer one request, whatever its method, when there is a place for it."""
        with THREADS.place():
            self._handle()

    def _handle(self) -> None:
        self.carried += 1
        self.app.serve()
        if self.carried > TOO_MANY and self.app.fault == "dies-under-load":
            print("toy: I have had enough", file=sys.stderr, flush=True)
            os._exit(3)
        self.app.burn(self.carried)
        try:
            body = self._body()
            status, answer, allow = 200, self._route(body), None
            if self.carried > TOO_MANY and self.app.fault == "wrong-under-load":
                answer = {"something": "else"}
            if self.carried % NOW_AND_THEN == 0 and self.app.fault == "fails-now-and-then":
                status, answer = 503, {"error": "the database failed"}
            if self.app.fault == "refuses-a-crowd" and self._crowded():
                status, answer = 503, {"error": "too many at once"}
        except Refused as refused:
            status, answer, allow = refused.status, {"error": str(refused)}, refused.allow
        except psycopg.Error as error:
            print(f"toy: {error}", file=sys.stderr, flush=True)
            status, answer, allow = 503, {"error": "the database failed"}, None
            if self.app.fault == "failure-as-success":
                status = 200
        except Exception as error:
            if self.app.fault == "breaks-off":
                raise
            traceback.print_exc()
            words = str(error) if self.app.fault == "ill-mannered" else "the server failed"
            status, answer, allow = 500, {"error": words}, None
        self._send(status, answer, allow)

    def _crowded(self) -> bool:
        """Whether too many are there; who still waits to be accepted is one of them."""
        while select.select([self.server.socket], [], [], 0)[0]:
            time.sleep(0.001)
        return self.app.open >= CROWD

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815
    do_OPTIONS = do_PATCH = do_TRACE = handle_any  # noqa: N815

    def _route(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "/health": self.app.health,
            "/noop": self.app.noop,
            "/cpu": self.app.cpu,
            "/io_wait": self.app.io_wait,
            "/io_read": self.app.io_read,
            "/io_fanout": lambda: self.app.io_fanout(self._ids(query)),
            "/io_create": lambda: self.app.io_create(*self._fields(body)),
        }
        if self.app.fault == "ill-mannered":
            unquote(path, errors="strict")
            if self.command == "OPTIONS":
                return {}
            if len(path) > 1 and path.endswith("/"):
                raise RuntimeError("a slash too many")
        if path not in answers:
            raise Refused(404, "there is nothing at this path")
        allowed = "POST" if path == "/io_create" else "GET"
        command = "GET" if self.command == "HEAD" and self.app.fault != "no-head" else self.command
        if command != allowed:
            also = ", PUT" if self.app.fault == "ill-mannered" else ""
            raise Refused(405, "this path does not allow this method", allowed + also)
        if self.command == "GET":
            self._fail_at(self.path)
        return answers[path]()

    def _fail_at(self, target: str) -> None:
        """Faults of one request alone."""
        if target == "/io_read" and self.app.fault in ("raises", "breaks-off"):
            sys.stderr.write(f"{1 / (len(target) - 8)}")
        if target == "/io_read" and self.app.fault in ("hangs", "hangs-with-all"):
            with self.app.lock if self.app.fault == "hangs-with-all" else nullcontext():
                time.sleep(HANGING_S)
        if target == "/io_wait" and self.app.fault == "ends-at-wait":
            print("toy: I will not wait", file=sys.stderr, flush=True)
            os._exit(3)

    def _ids(self, query: str) -> list[UUID]:
        try:
            ids = [
                UUID(text)
                for text in parse_qs(query, keep_blank_values=True)
                .get("ids", [""])[self._counts()]
                .split(",")
            ]
        except ValueError:
            raise Refused(400, "ids must be UUIDs") from None
        if len(ids) != FANOUT:
            raise Refused(400, f"ids must be {FANOUT}")
        return ids

    def _counts(self) -> int:
        """Which of several values counts."""
        return 0 if self.app.fault == "first-counts" else -1

    def _fields(self, body: bytes) -> list[str]:
        charset = self.headers.get_content_charset("utf-8")
        typed = "Content-Type" in self.headers and self.headers.get_content_type() == FORM
        if not typed or (charset != "utf-8" and self.app.fault != "any-charset"):
            raise Refused(400, "the body must be a form in UTF-8")
        if self.app.fault != "repairs-forms":
            try:
                unquote_to_bytes(body.decode("ascii")).decode()
            except UnicodeDecodeError:
                raise Refused(400, "the form must be in UTF-8") from None
        fields = 1 + body.count(b"&")
        if fields > MAX_FIELDS and self.app.fault != "any-number-of-fields":
            raise Refused(400, f"the form must have at most {MAX_FIELDS} fields")
        form = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
        values = []
        for name, most in LIMITS.items():
            value = form.get(name, [""])[self._counts()]
            if not value.strip() or "\0" in value or len(value) > most:
                raise Refused(400, f"{name} must have 1 to {most} characters, and none of them NUL")
            values.append(value)
        return values

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if len(body) > MAX_BODY and self.app.fault != "no-413":
            raise Refused(413, f"the body must have at most {MAX_BODY} bytes")
        return body

    def _chunks(self) -> Iterator[bytes]:
        while (size := int(self.rfile.readline().partition(b";")[0], 16)) > 0:
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers

    def _send(self, status: int, answer: dict[str, Any], allow: str | None) -> None:
        if status != 200 and self.app.fault == "html-errors":
            kind, body = "text/html", f"<h1>{answer['error']}</h1>".encode()
        else:
            kind, body = "application/json", json.dumps(answer, ensure_ascii=False).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if allow is not None:
            self.send_header("Allow", allow)
        if self.app.worn_out or self.app.fault == "closes-connections":
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


class Listener(ThreadingHTTPServer):
    """A thread per connection."""

    daemon_threads = True
    request_queue_size = 2_048
    beside: socket.socket | None = None

    def server_activate(self) -> None:
        """Never wait for a connection that another worker took: that would hold the app's lock."""
        super().server_activate()
        self.socket.setblocking(False)

    def get_request(self) -> tuple[socket.socket, Any]:
        return Handler.app.accept(self.socket)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--threads", type=int)
    places = parser.parse_args()
    fault = os.environ.get("TOY_FAULT")
    if fault == "crashes-at-start":
        sys.exit("toy: I will not start today")
    if fault in ("prefork", "recycles"):
        prefork((places.host, places.port))
    if places.threads is not None and fault != "ignores-threads":
        THREADS.limit(1 if fault == "single-thread" else places.threads)
    host = "0.0.0.0" if fault == "listens-everywhere" else places.host
    if places.workers is None:
        Handler.app = App()
        Listener((host, places.port), Handler).serve_forever()
    workers = 1 if fault == "fewer-workers" else places.workers + (fault == "extra-worker")
    supervise(Listener((host, places.port), Handler), workers)


def prefork(address: tuple[str, int]) -> None:
    """Have a worker in a process of its own, and another one when it has ended."""
    listener = Listener(address, Handler)
    while True:
        if os.fork() == 0:
            Handler.app = App()
            listener.serve_forever()
        os.wait()


def supervise(listener: Listener, workers: int) -> None:
    """Let so many children serve once all are prepared, and end them when asked to end."""
    prepared, tell = os.pipe()
    awaited, let_go = os.pipe()
    for _ in range(workers):
        if os.fork() == 0:
            os.close(let_go)
            listener.beside = None
            if os.environ.get("TOY_FAULT") == "second-port":
                listener.beside = socket.create_server(("127.0.0.1", 0))
            try:
                Handler.app = App()
            finally:
                os.write(tell, b".")
            os.read(awaited, 1)
            listener.serve_forever()
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    for _ in range(workers):
        os.read(prepared, 1)
    os.close(let_go)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
