"""Locust's FastHttpUser against a URL, in a process of its own: gevent patches all it touches.

Usage: `python -m tests.benchmarks.locust_peer URL USERS SECONDS`; prints requests per second.
"""

import sys
import time

from locust import FastHttpUser, constant, task
from locust.env import Environment


class Noop(FastHttpUser):
    """Asks for `/noop` again and again."""

    wait_time = constant(0)

    @task
    def noop(self) -> None:
        """One request."""
        self.client.get("/noop")


def main() -> None:
    """Ramp up, forget the ramp, count."""
    url, users, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    Noop.host = url
    environment = Environment(user_classes=[Noop])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    time.sleep(1.0)  # gevent's sleep: the users run meanwhile
    before, started = environment.stats.total.num_requests, time.monotonic()
    time.sleep(seconds)
    count, took = environment.stats.total.num_requests - before, time.monotonic() - started
    runner.quit()
    if environment.stats.total.num_failures:
        sys.exit(f"{environment.stats.total.num_failures} requests failed")
    print(count / took)


if __name__ == "__main__":
    main()
