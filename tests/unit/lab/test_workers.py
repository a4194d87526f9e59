"""What worker processes have done, of this process itself and of one that has ended."""

import os
import socket
import subprocess
import sys

from harness.lab.network import HOST
from harness.lab.workers import read_workers


def test_a_worker_has_its_cpu_time_its_memory_and_the_connections_that_it_accepted() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        before = read_workers([os.getpid()], port)[os.getpid()]
        assert before.connections == 0
        assert before.rss_peak_kib > 1_000
        with socket.create_connection((HOST, port)), socket.create_connection((HOST, port)):
            accepted = [listener.accept()[0] for _ in range(2)]
            after = read_workers([os.getpid()], port)[os.getpid()]
            for connection in accepted:
                connection.close()
    assert after.connections == 2  # and not the two ends of the client, which this process has too
    assert after.cpu_ns > before.cpu_ns


def test_a_process_that_has_ended_is_left_out() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert read_workers([ended.pid], 80) == {}
