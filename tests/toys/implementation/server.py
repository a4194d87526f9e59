"""An implementation of `/health` in the standard library, started as every server is.

Its settings say how it fails, if it does: TOY is `good`, `crash`, `silent crash`, `never ready`,
`broken`, `deaf`, `lies`, `forks`, `two workers`, `late worker`, `everywhere` or `second port`. It
says on standard error what it was told.
"""

import json
import os
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOY = os.environ.get("TOY", "good")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if TOY == "deaf":
            time.sleep(60)
        body = (
            {"status": "ok" if TOY != "lies" else "well"} if self.path == "/health" else settings()
        )
        answer = json.dumps(body).encode()
        self.send_response({"never ready": 503, "broken": 500}.get(TOY, 200))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is nothing to say a word about."""


def settings() -> dict[str, object]:
    """All that reached this process."""
    affinity = sorted(os.sched_getaffinity(0))
    return {"env": dict(os.environ), "argv": sys.argv[1:], "cwd": os.getcwd(), "cpus": affinity}  # noqa: PTH109


def main() -> None:
    host, port = sys.argv[1].split(":")
    if TOY == "silent crash":
        sys.exit(3)
    print(f"toy is {TOY}", file=sys.stderr, flush=True)
    if TOY == "crash":
        raise RuntimeError("no such table: toys")
    if TOY == "forks" and os.fork() == 0:
        time.sleep(60)
    server = Quiet(("0.0.0.0" if TOY == "everywhere" else host, int(port)), Handler)
    beside = socket.create_server((host, 0)) if TOY == "second port" else None
    if TOY in ("two workers", "late worker"):  # a supervisor of children that serve
        both, tell = os.pipe()
        children = [os.fork()]
        if TOY == "late worker" and children[0]:
            time.sleep(0.5)
        if children[0]:
            children.append(os.fork())
        if all(children):
            os.write(tell, b"..")
            time.sleep(60)
        if TOY == "two workers":
            os.read(both, 1)  # one alone would be taken for the whole server
    server.serve_forever()
    del beside


if __name__ == "__main__":
    main()
