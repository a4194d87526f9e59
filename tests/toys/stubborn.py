"""Many servers that ignore SIGTERM, for a command that is to end all the same."""

from pathlib import Path

from harness.base.workspace import Workspace

_SERVER = '''\
"""Answers /health and /noop, and ignores SIGTERM."""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"status":"ok"}' if self.path == "/health" else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


signal.signal(signal.SIGTERM, signal.SIG_IGN)
ThreadingHTTPServer((sys.argv[2], int(sys.argv[4])), Handler).serve_forever()
'''


def add_stubborn(workspace: Workspace, count: int) -> list[str]:
    """Add so many variants to the workspace's toy; returns their names without its folder."""
    folder = workspace.implementations / "toy"
    (folder / "stubborn.py").write_text(_SERVER)
    names = [f"stubborn-{number}" for number in range(1, count + 1)]
    with Path(folder / "pyproject.toml").open("a", encoding="utf-8") as manifest:
        for number, name in enumerate(names, 1):
            manifest.write(
                f'\n[tool.bridgetoll.variants.{name}]\ntitle = "ignores SIGTERM ({number})"\n'
                'server = "toy"\napp = "stubborn.py"\n'
                f'factors = {{ pool = "pooled", switch_interval_us = "{number}" }}\n'
            )
    return names
