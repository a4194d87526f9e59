"""One nginx worker that answers as the bare server does."""

import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.lab.network import HOST, free_port
from harness.lab.process import launch, wait_until
from harness.load.bare_server import BODY
from tests.benchmarks.command import program

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port} backlog=4096;
        default_type application/json;
        location / {{ return 200 '{body}'; }}
    }}
}}
"""


@contextmanager
def nginx(cpu: int) -> Iterator[int]:
    """Run it on one core; give its port."""
    executable = program("nginx", "nginx-light")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(folder=folder, host=HOST, port=port, body=BODY.decode())
        )
        child = launch([executable, "-c", str(configuration)], cpus=[cpu], log=folder / "log")
        try:
            if not wait_until(lambda: _answers(port), 5):
                sys.exit(f"nginx did not start: {child.last_words()}")
            yield port
        finally:
            child.stop()


def _answers(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
