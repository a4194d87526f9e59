"""The program that Locust runs: users up a ramp that request one route without pause.

Locust's own statistics are rounded, leave out requests under way at the end, and add failures to
the rates in its history. So this program notes every answer when it comes. It runs in its own
environment and imports nothing of the harness. The environment variable BRIDGETOLL_RAMP holds its
plan and names the file for its notes.

Locust runs it alone, or as a master and its workers. The master alone adds users and ends the test.
Each worker notes its own users' answers, so no report between them rounds anything.
"""

import json
import os
import random
import signal
import string
import sys
import time
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import FastHttpUser, HttpUser, LoadTestShape, User, constant, events, task
from locust.runners import MasterRunner

PLAN: dict[str, Any] = json.loads(os.environ["BRIDGETOLL_RAMP"])
LENGTH_S: float = PLAN["users"] / PLAN["per_s"] + PLAN["hold_s"]
LETTERS = string.ascii_letters + string.digits
ERROR = 400
TITLE, CONTENT = 10, 100
"""Characters of a post's texts, as published."""
WATCH_S = 0.5
BOOT = Path("/proc/sys/kernel/random/boot_id")
TIMES = Path("/proc/self/ns/time")
"""Processes of the same boot and the same time namespace share a monotonic clock."""


class Notebook:
    """Users and answers since the start, and requests under way."""

    def __init__(self) -> None:
        self.began_ns = 0
        self.ended_ns = 0
        self.cpu_ns = 0
        self.came: list[float] = []
        self.answers: list[tuple[float, float]] = []
        self.failed: list[float] = []
        self.errors: dict[str, int] = {}
        self.under_way = 0
        self.cut_off = 0

    def begin(self) -> None:
        """Start the clocks."""
        self.began_ns = time.monotonic_ns()
        self.cpu_ns = time.process_time_ns()

    def end(self) -> None:
        """Stop the clocks; requests under way are cut off by the end itself."""
        self.ended_ns = time.monotonic_ns()
        self.cpu_ns = time.process_time_ns() - self.cpu_ns
        self.cut_off = self.under_way

    def user(self) -> None:
        """Note a user that has just come."""
        if not self.ended_ns:
            self.came.append(self._at_s())

    def answer(self, latency_ms: float, problem: str | None) -> None:
        """Note an answer that has just come."""
        if self.ended_ns:
            return
        if problem is None:
            self.answers.append((self._at_s(), latency_ms / 1e3))
        else:
            self.failed.append(self._at_s())
            self.errors[problem] = self.errors.get(problem, 0) + 1

    def _at_s(self) -> float:
        return (time.monotonic_ns() - self.began_ns) / 1e9


NOTES = Notebook()


class RampShape(LoadTestShape):
    """Adds users at a constant rate until all are there, then holds them for a while."""

    def tick(self) -> tuple[int, float] | None:
        """How many, and how fast; None ends the test."""
        if self.get_run_time() >= LENGTH_S:  # type: ignore[no-untyped-call]
            return None
        return PLAN["users"], PLAN["per_s"]


def ask(client: Any) -> None:
    """Send one request of the route; a wrong answer is a failure, even with status 200."""
    if PLAN["body"] is None:
        title = "".join(random.choices(LETTERS, k=TITLE))
        content = "".join(random.choices(LETTERS, k=CONTENT))
        form = {"title": title, "content": content}
        call = client.post(PLAN["path"], data=form, catch_response=True)
    else:
        title = None
        call = client.get(PLAN["path"], catch_response=True)
    with call as response:
        if not response.status_code:  # no answer: Locust itself reports the failure
            return
        if response.status_code >= ERROR:
            response.failure(f"status {response.status_code}")
        elif not correct(response.text, title):
            response.failure("another answer than expected")


def correct(text: str | None, title: str | None) -> bool:
    """Whether a written post comes back as sent, or a read body is the expected one."""
    if title is None:
        return bool(text == PLAN["body"])
    try:
        return bool(json.loads(text or "")["title"] == title)
    except (ValueError, KeyError, TypeError):
        return False


def base() -> type[User]:
    """Locust's two clients; the published experiment used the slower one."""
    return HttpUser if PLAN["client"] == "http" else FastHttpUser


class Visitor(base()):  # type: ignore[misc]
    """A user of the published experiment: no pause between requests."""

    wait_time = constant(0)
    # Locust's faster client gives up after 60 s; the published one waited for as long as it took.
    # Workers of a busy machine end their ramp a while after its length.
    connection_timeout = LENGTH_S + 60
    network_timeout = LENGTH_S + 60

    def on_start(self) -> None:
        """Locust calls it when the user has come."""
        NOTES.user()

    @task
    def visit(self) -> None:
        """Send one request; Locust repeats it."""
        NOTES.under_way += 1
        try:
            ask(self.client)
        finally:
            NOTES.under_way -= 1


def kind_of(exception: Exception) -> str:
    """A status, or the class of the exception; never a text that holds an address."""
    text = str(exception)
    return text if text.startswith(("status ", "another ")) else type(exception).__name__


@events.init.add_listener  # type: ignore[untyped-decorator]
def _tell_port(runner: Any, **_: Any) -> None:
    """A master listens on a port that was free; its workers are started once that is known."""
    if isinstance(runner, MasterRunner):
        place = Path(PLAN["port"])
        place.with_suffix(".new").write_text(str(runner.server.port), encoding="ascii")
        place.with_suffix(".new").rename(place)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _begin(environment: Any, **_: Any) -> None:
    NOTES.begin()
    if isinstance(environment.runner, MasterRunner):
        gevent.spawn(_watch, environment.runner)


def _watch(master: Any) -> None:
    """End at once when a worker is silent or gone: Locust would give its users to the others."""
    workers = PLAN["processes"]
    while not NOTES.ended_ns:
        if master.worker_count < workers:
            sys.stderr.write(f"only {master.worker_count} of {workers} workers answer\n")
            sys.stderr.flush()
            signal.raise_signal(PLAN["lost"])
        gevent.sleep(WATCH_S)


@events.request.add_listener  # type: ignore[untyped-decorator]
def _answered(response_time: float, exception: Exception | None, **_: Any) -> None:
    NOTES.answer(response_time, None if exception is None else kind_of(exception))


@events.test_stopping.add_listener  # type: ignore[untyped-decorator]
def _stopping(**_: Any) -> None:
    NOTES.end()


def clock() -> str:
    """Which monotonic clock this process reads (time_namespaces(7))."""
    try:
        namespace = str(TIMES.readlink())
    except OSError:  # a kernel before 5.6 has none
        namespace = ""
    return BOOT.read_text(encoding="ascii").strip() + namespace


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _quit(environment: Any, **_: Any) -> None:
    if not NOTES.ended_ns:
        return  # ended from outside, so the ramp is incomplete
    notes = {
        "clock": clock(),
        "began_ns": NOTES.began_ns,
        "ended_ns": NOTES.ended_ns,
        "came": NOTES.came,
        "answers": NOTES.answers,
        "failed": NOTES.failed,
        "errors": NOTES.errors,
        "under_way": NOTES.cut_off,
        "cpu_ns": NOTES.cpu_ns,
        "warned": bool(getattr(environment.runner, "cpu_warning_emitted", False)),
    }
    Path(PLAN["notes"]).write_text(json.dumps(notes), encoding="utf-8")
