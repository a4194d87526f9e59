"""Projects that are not ours: each request takes what can be counted by hand, and its causes have
the names that their developer looks for.

`counted.py` has the figures. A server is started on each project once, with a witness inside.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path

import msgspec
import pytest

from harness.analysis.receipt.causes import ObservedProject, cause_of
from harness.analysis.receipt.receipt import Cause, CauseKind
from harness.audit.receipt import observe as observing
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.application import Deployment, WantedRequest
from harness.inputs.servers import load_servers
from harness.lab.applications.application import (
    LiveApplication,
    PreparedApplication,
    prepare_application,
    start_application,
)
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.records.observation import Amount, Observation, ObservedRequest
from tests.contract.receipt import counted
from tests.contract.receipt.counted import Asked, Taken
from tests.contract.receipt.examples import (
    API_KEY,
    BYTECODE,
    Example,
    empty_database,
    filled,
    laid_out,
)

REQUESTS = 5
"""Of each URL."""
WARMUP = 4
"""Requests before those that are counted, one after the other; the usual number is for threads
that each keep a connection, as none does here."""
KNOWN = tuple(Taken({}).counts)


ASGI = "startproject on uvicorn"


class Case(msgspec.Struct, frozen=True):
    """A project on a server, and what is asked of it."""

    project: str
    app: str
    server: str
    asked: Callable[[Example], Asked]
    env: dict[str, str] = {}


def always(asked: Callable[[], Asked]) -> Callable[[Example], Asked]:
    """What is asked, whatever was laid out."""
    return lambda _: asked()


CASES = {
    ASGI: Case(
        "startproject", "mysite.asgi:application", "uvicorn", counted.startproject
    ),
    "startproject on gunicorn": Case(
        "startproject", "mysite.wsgi:application", "gunicorn-gthread", counted.startproject_wsgi
    ),
    "a sync middleware first": Case(
        "startproject", "mysite.asgi:application", "uvicorn", always(counted.first_timing),
        {"SERVER_TIMING": "first"},
    ),
    "a sync middleware last": Case(
        "startproject", "mysite.asgi:application", "uvicorn", always(counted.last_timing),
        {"SERVER_TIMING": "last"},
    ),
    "REST framework on uvicorn": Case(
        "restframework", "config.asgi:application", "gunicorn-uvicorn",
        always(counted.restframework),
    ),
    "REST framework on gunicorn": Case(
        "restframework", "config.wsgi:application", "gunicorn-gthread",
        always(counted.restframework_wsgi),
    ),
    "ninja": Case("ninja", "config.asgi:application", "uvicorn", always(counted.ninja)),
    "Channels": Case("channels", "config.asgi:application", "daphne", always(counted.channels)),
    "FastAPI": Case(
        "fastapi", "app.main:app", "uvicorn", always(counted.fastapi), {"API_KEY": API_KEY}
    ),
    "Flask": Case(
        "flask", "guestbook:create_app()", "gunicorn-gthread", always(counted.flask)
    ),
}  # fmt: skip


class Seen(msgspec.Struct, frozen=True):
    """An observed project, and what was expected of it."""

    example: Example
    asked: Asked
    observation: Observation

    @property
    def urls(self) -> Iterator[tuple[str, Taken, tuple[ObservedRequest, ...]]]:
        for (request, taken), url in zip(self.asked, self.observation.urls, strict=True):
            yield request.name, taken, url.observed

    def causes(self, request: ObservedRequest, amount: Amount) -> list[Cause]:
        files = ObservedProject.of(self.observation)
        return [cause_of(h, files) for h in request.happenings if h.what is amount]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    """A project, laid out and filled the first time that it is asked for."""

    @cache
    def made(name: str) -> Example:
        found = laid_out(name, tmp_path_factory.mktemp("projects"))
        return filled(found)

    return made


@pytest.fixture(scope="module")
def seen(
    example: Callable[[str], Example], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Seen]:
    """A case, observed the first time that it is asked for."""

    @cache
    def watched(name: str) -> Seen:
        case = CASES[name]
        project = example(case.project)
        asked = case.asked(project)
        log = tmp_path_factory.mktemp("logs") / "server.log"
        return Seen(project, asked, observed(project, case, asked, log))

    return watched


def observed(
    project: Example,
    case: Case,
    asked: Asked,
    log: Path,
    env: Mapping[str, str] | None = None,
) -> Observation:
    """What a witness sees of the project on a server, request by request."""
    servers, _ = load_servers(Workspace().shared / "servers.toml")
    deployment = Deployment(
        app=case.app, cwd=project.folder, python=project.python, server=case.server,
        env={**project.env, **case.env, **(env or {})},
    )  # fmt: skip
    requests = [request for request, _ in asked]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*BYTECODE)
        prepared = prepare_application(deployment, servers, cache_folder())
        start = partial(_started, prepared, log, requests[0])
        patch.setattr(observing, "_WARMUP", WARMUP)
        return observing.observe(
            start, requests, served=prepared.served, root=prepared.root,
            libraries=prepared.libraries, middleware=prepared.middleware, count=REQUESTS,
            left_after=0,
        )  # fmt: skip


def _started(
    prepared: PreparedApplication, log: Path, first: WantedRequest, extra: Mapping[str, str]
) -> AbstractContextManager[LiveApplication]:
    return start_application(prepared, log=log, first=first, extra=extra)


@pytest.mark.parametrize("name", CASES)
def test_every_request_takes_what_was_counted_by_hand(
    name: str, seen: Callable[[str], Seen]
) -> None:
    case = seen(name)
    found = {
        url: usual([{amount: one.counts[amount] for amount in KNOWN} for one in requests])
        for url, _, requests in case.urls
    }
    assert found == {url: taken.counts for url, taken, _ in case.urls}


def usual[T](seen: Sequence[T]) -> T:
    """What most requests did.

    A busy machine may hold up what follows an answer until it is counted with the next request.
    """
    assert len(seen) == REQUESTS
    found = max(seen, key=seen.count)
    assert seen.count(found) > REQUESTS / 2, seen
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_hop_has_the_cause_that_a_developer_looks_for(
    name: str, seen: Callable[[str], Seen]
) -> None:
    case = seen(name)
    found = {
        url: usual([by_name(case.causes(request, Amount.HOPS)) for request in requests])
        for url, _, requests in case.urls
    }
    assert found == {url: taken.hops for url, taken, _ in case.urls}


def by_name(causes: list[Cause]) -> dict[tuple[CauseKind, str], int]:
    """How many there are of each; those of the life cycle together."""
    return Counter((c.kind, "" if c.kind is CauseKind.LIFE_CYCLE else c.name) for c in causes)


@pytest.mark.parametrize("name", CASES)
def test_every_connection_is_opened_by_what_asked_for_it_first(
    name: str, seen: Callable[[str], Seen]
) -> None:
    case = seen(name)
    found = {
        url: [[(c.kind, c.name) for c in case.causes(r, Amount.CONNECTIONS)] for r in requests]
        for url, _, requests in case.urls
    }
    expected = {url: [] if t.opened is None else [t.opened] for url, t, _ in case.urls}
    assert found == {url: [opened] * REQUESTS for url, opened in expected.items()}


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_happens_has_an_unknown_cause(name: str, seen: Callable[[str], Seen]) -> None:
    case = seen(name)
    files = ObservedProject.of(case.observation)
    happenings = [h for url in case.observation.urls for r in url.observed for h in r.happenings]
    causes = {cause_of(happening, files) for happening in happenings}
    assert causes
    assert not [cause for cause in causes if cause.kind is CauseKind.UNKNOWN or not cause.name]


@pytest.mark.parametrize(
    ("name", "url", "cause", "line"),
    [
        (ASGI, "GET /posts/", "Post.objects.acount", "Post.objects.acount()"),
        (ASGI, "GET /posts/", "async for Post.objects", "async for"),
        (ASGI, "GET /search/?q=hop", "blog.searching.find_posts", "find_posts"),
        (ASGI, "GET /", "blog.views.index", "def index"),
        ("ninja", "GET /api/notes", "async for Note.objects", "async for"),
        ("ninja", "GET /api/summary", "notes.api.summary", "@api.get"),
        ("Channels", "GET /latest/", "chat.consumers.latest_messages", "await latest_messages()"),
        ("FastAPI", "GET /orders", "app.main.api_key", "def api_key"),
        ("FastAPI", "GET /report", "app.main.fingerprint", "to_thread"),
    ],
)
def test_a_cause_in_the_project_names_its_line(
    name: str, url: str, cause: str, line: str, seen: Callable[[str], Seen]
) -> None:
    case = seen(name)
    request = next(requests[0] for asked, _, requests in case.urls if asked == url)
    found = next(c for c in case.causes(request, Amount.HOPS) if c.name == cause)
    assert found.file is not None
    assert found.line is not None
    lines = (case.example.folder / found.file).read_text().splitlines()
    assert line in lines[found.line - 1]


@pytest.mark.parametrize("amount", [Amount.RETURNS, Amount.LOOPS, Amount.THREADS])
def test_an_async_view_under_wsgi_causes_its_thread_and_its_event_loop(
    amount: Amount, seen: Callable[[str], Seen]
) -> None:
    case = seen("startproject on gunicorn")
    request = next(requests[0] for url, _, requests in case.urls if url == "GET /about/")
    causes = [(c.kind, c.name) for c in case.causes(request, amount)]
    assert causes == [(CauseKind.ASYNC_ENDPOINT, "blog.views.about")]


PLAIN = Case("startproject", "mysite.asgi:application", "uvicorn", lambda _: [])


@pytest.fixture(scope="module")
def on_postgres(
    cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    """`startproject` with its rows in PostgreSQL."""
    with empty_database(cluster.url, "projects") as url:
        folder = tmp_path_factory.mktemp("postgres")
        yield filled(laid_out("startproject", folder, {"DATABASE_URL": url}))


def test_a_pool_keeps_connections_that_each_request_would_open(
    on_postgres: Example, tmp_path: Path
) -> None:
    asked = [(counted.get("/posts/"), Taken({}))]
    found = []
    for pool in ("0", "1"):
        seen = observed(on_postgres, PLAIN, asked, tmp_path / "log", {"DATABASE_POOL": pool})
        wanted = (*KNOWN, Amount.TRANSACTIONS, Amount.ROUND_TRIPS, Amount.WRAPPERS)
        found.append(usual([{a: r.counts[a] for a in wanted} for r in seen.urls[0].observed]))
    every = {
        **counted.POSTS.counts, Amount.STATEMENTS: 2, Amount.TRANSACTIONS: 2,
        Amount.ROUND_TRIPS: 2, Amount.CONNECTIONS: 0, Amount.WRAPPERS: 1,
    }  # fmt: skip
    opening = {Amount.CONNECTIONS: 1, Amount.ROUND_TRIPS: 2 + counted.CONNECTING}
    assert found == [every | opening, every]


def test_under_asgi_no_later_request_uses_a_connection_that_is_kept_for_a_thread(
    on_postgres: Example, tmp_path: Path
) -> None:
    asked = [(counted.get("/posts/"), Taken({}))]
    seen = observed(on_postgres, PLAIN, asked, tmp_path / "log", {"CONN_MAX_AGE": "600"})
    assert [r.counts[Amount.CONNECTIONS] for r in seen.urls[0].observed] == [1] * REQUESTS
