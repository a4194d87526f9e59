"""The gate on toy servers with one fault each, three at a time; and the scaling of the CPU loop."""

import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from harness.audit import bench as bench_module
from harness.audit import resource_checks
from harness.audit import verify as checking
from harness.audit.bench import Bench
from harness.audit.database_checks import sql_effects
from harness.audit.http_client import HttpSession, Probe, Reply
from harness.audit.subject import Subject, Violation
from harness.audit.verify import check_cpu_scales, check_names, checks, verify
from harness.base.errors import ServerFailed, UnknownName
from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings
from harness.lab.postgres.database import Database
from harness.lab.servers import await_ready, launch_server
from harness.records.verification import Verification
from tests.toys.benches import selected, side_by_side
from tests.toys.laboratory import patient
from tests.waiting import PATIENCE_S

NEEDED = {
    "starts", "connection kept",
    "health", "noop", "cpu", "io wait", "io read", "io read sees changes", "io fanout", "io create",
    "chunked body", "missing field", "blank field", "too long field", "nul in field", "not a form",
    "not five ids", "wrong method", "unknown path", "too large body", "sql effects",
    "charset of form", "undecodable form", "repeated field", "too many fields", "head",
    "query is ignored", "pool", "options", "trailing slash", "unexpected error",
    "nothing left behind",
    "errors leave the database alone", "cpu really runs", "database outage",
}  # fmt: skip
REFUSALS = {
    "missing field", "blank field", "too long field", "nul in field", "not a form", "not five ids",
    "wrong method", "unknown path", "too large body", "database outage", "charset of form",
    "undecodable form", "repeated field", "too many fields", "query is ignored", "pool", "options",
    "trailing slash", "chunked body", "unexpected error",
}  # fmt: skip
LIARS: dict[str, tuple[set[str], str]] = {
    "wrong-sum": (
        {"cpu", "cpu really runs"},
        "cpu: GET /cpu: expected ct = 41665416675000, got 41665416675001",
    ),
    "cached-read": (
        {"io read", "io read sees changes", "sql effects", "database outage"},
        "io read sees changes: GET /io_read: expected ct = 1 after a row was inserted, got 0",
    ),
    "skipped-insert": (
        {"io create", "sql effects", "database outage"},
        "sql effects: POST /io_create, 8 at once: expected 1 INSERT per request, got 0",
    ),
    "closed-form": ({"cpu really runs"}, "/cpu does not run the loop"),
    "coalesced-reads": ({"sql effects"}, "expected 2 SELECT per request, got"),
    "connects-visibly": (
        {"pool", "sql effects"},
        "expected 0 statements per request beside those about posts, got 1: SET",
    ),
    "failure-as-success": ({"pool", "database outage"}, "expected 503, got 200"),
    "html-errors": (
        REFUSALS,
        "missing field: POST /io_create: expected application/json, got text/html",
    ),
    "no-413": ({"too large body"}, "expected 413, got 200"),
    "no-head": ({"head"}, "head: HEAD /health: expected 200 without a body, got 405"),
    "http-1-0": (
        {"connection kept"},
        "connection kept: GET /health: expected HTTP/1.1, got HTTP/1.0",
    ),
    "closes-connections": (
        {"connection kept"},
        "expected a connection that stays open, as `keep_alive = true` of its server says, got a "
        "connection that the server closes after a response",
    ),
    "any-charset": ({"charset of form"}, "expected 400, got 200"),
    "repairs-forms": ({"undecodable form"}, "expected 400, got 200"),
    "any-number-of-fields": ({"too many fields"}, "expected 400, got 200"),
    "first-counts": ({"repeated field"}, "expected title = 'last', the last of two, got 'first'"),
    "truncated-time": (
        {"io read", "io fanout", "io create"},
        "io read: GET /io_read: expected posts[0].created_at = 20",
    ),
    "joined-fanout": ({"sql effects"}, "expected 5 SELECT per request, got 1: SELECT"),
    "lazy-pool": (
        {"pool"},
        "pool: expected 8 connections before the first request, as POOL_SIZE says, got 1",
    ),
    "large-pool": (
        {"pool"},
        "pool: expected 8 connections before the first request, as POOL_SIZE says, got 16",
    ),
    "patient-pool": (
        {"pool"},
        "expected 503 after 3 s, as POOL_TIMEOUT says, for 4 requests beyond the pool, got 0",
    ),
    "ill-mannered": (
        {"options", "trailing slash", "wrong method", "unexpected error", "unknown path"},
        "wrong method: POST /health: expected no method but GET, HEAD, OPTIONS in the header Allow",
    ),
    "reversed-fanout": ({"io fanout"}, "expected posts[0].id = "),
}
"""By fault: every check that must see it, and no other; and what is said of one."""
COSTLY = {
    "pool", "sql effects", "cpu really runs", "unexpected error", "nothing left behind",
    "database outage",
}  # fmt: skip
"""Checks that take most of an examination's time. Liars are asked for those alone that must see
them; honest servers pass all of them."""

FEW, MANY = 1_000, 400_000


@contextmanager
def examining() -> Iterator[None]:
    """Checks are patient, also with a toy that hesitates before all of its connections are busy."""
    with (
        patient(),
        patch.object(resource_checks, "_STEADY_S", PATIENCE_S),
        patch.object(resource_checks, "_REACHED_S", PATIENCE_S),
    ):
        yield


@pytest.fixture
def bench(contract: Contract, database: Database, toys: Workspace, tmp_path: Path) -> Bench:
    return Bench(contract, database, load_catalog(toys).servers, tmp_path)


def result_of(
    bench: Bench, toys: Workspace, python: Path, name: str, only: Collection[str] = ()
) -> Verification:
    return verify(bench, load_catalog(toys).variant(f"toy/{name}"), python, only=only)


def asked_of(name: str) -> set[str]:
    """The checks that a server is asked for."""
    return NEEDED - (COSTLY - LIARS[name][0]) if name in LIARS else NEEDED


@pytest.fixture(scope="module")
def verified(
    contract: Contract,
    toys: Workspace,
    toy_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[dict[str, Future[Verification]]]:
    def examine(bench: Bench, name: str) -> Verification:
        return result_of(bench, toys, toy_python, name, asked_of(name))

    names, logs = selected(request, "name"), tmp_path_factory.mktemp("logs")
    with examining(), side_by_side(load_catalog(toys), contract, logs, names, examine) as futures:
        yield futures


@pytest.mark.parametrize("name", ["good", "unpooled"])
def test_an_honest_server_passes_every_check(
    verified: dict[str, Future[Verification]], name: str
) -> None:
    """Also one that connects for each request and says so, by its factor `pool`."""
    result = verified[name].result()
    assert result.problems == []
    assert {outcome.check for outcome in result.outcomes} == NEEDED


@pytest.mark.parametrize("name", LIARS)
def test_a_liar_fails_the_checks_of_its_fault_and_no_others(
    verified: dict[str, Future[Verification]], name: str
) -> None:
    failing, told = LIARS[name]
    result = verified[name].result()
    assert {o.check for o in result.outcomes if not o.passed} == failing
    assert told in "\n".join(result.problems)
    assert {o.check for o in result.outcomes if o.passed} == asked_of(name) - failing


@pytest.mark.parametrize(
    ("name", "causes"), [("wrong-sum", 1), ("html-errors", 1), ("cached-read", 4)]
)
def test_failures_of_one_cause_are_one(
    verified: dict[str, Future[Verification]], name: str, causes: int
) -> None:
    failures = list(verified[name].result().failures)
    assert len(failures) == causes
    failed = [name for f in failures for name in (f.outcome.check, *f.also)]
    assert set(failed) == LIARS[name][0]


def test_a_harness_that_is_held_up_once_it_has_sent_blames_no_server(
    bench: Bench, toys: Workspace, toy_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests beyond the pool have waited as long as they must when it looks at them."""

    class HeldUp(ThreadPoolExecutor):
        left = checking._POOL + resource_checks._SURPLUS

        def submit(self, *arguments: Any, **named: Any) -> Any:
            future = super().submit(*arguments, **named)
            self.left -= 1
            if not self.left:
                time.sleep(1.5 * checking._POOL_TIMEOUT_S)
            return future

    monkeypatch.setattr(resource_checks, "ThreadPoolExecutor", HeldUp)
    with examining():
        assert result_of(bench, toys, toy_python, "good", ["pool"]).problems == []


AT_READ = ("io read", "io read sees changes", "noop")
HANGING_S = 5.0
"""How long an answer is waited for that never comes."""


@pytest.mark.parametrize(
    ("name", "only", "seen", "log"),
    [
        ("raises", AT_READ, "500 ", "in _fail_at: sys.stderr.write"),
        ("breaks-off", AT_READ, "the server closed the connection", "in _fail_at: sys.stderr"),
        ("hangs", AT_READ, f"no complete response within {HANGING_S:g} s", None),
        ("hangs-with-all", AT_READ, f"no complete response within {HANGING_S:g} s", None),
        ("ends-at-wait", ("io wait", "noop"), "it ended with status 3", "I will not wait"),
    ],
)
def test_a_broken_handler_is_one_cause_with_the_servers_words_and_spoils_no_other_check(
    bench: Bench,
    toys: Workspace,
    toy_python: Path,
    name: str,
    only: tuple[str, ...],
    seen: str,
    log: str | None,
) -> None:
    """A server that has ended, or is stuck, is started anew for the checks that follow. A request
    without an answer is sent once, so that the time limit is waited for once."""
    variant = load_catalog(toys).variant(f"toy/{name}")
    patience_s = HANGING_S if name.startswith("hangs") else PATIENCE_S
    asked: list[str] = []
    send = HttpSession.send

    def noted(self: HttpSession, method: str, path: str, *more: Any) -> Reply:
        asked.append(path)
        return send(self, method, path, *more)

    with examining(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "Probe", partial(Probe, patience_s=patience_s))
        patch.setattr(HttpSession, "send", noted)
        result = verify(bench, variant, toy_python, only=only)
    (failure,) = result.failures
    assert (failure.outcome.check, *failure.also) == only[:-1]
    assert [o.check for o in result.outcomes if o.passed] == ["starts", "noop"]
    evidence = failure.outcome.evidence
    assert evidence is not None
    assert evidence.request == f"GET /{only[0].replace(' ', '_')}"
    assert seen in (evidence.seen or "")
    assert (log or "") in (evidence.log or "")
    if name.startswith("hangs"):
        assert asked.count("/io_read") == 1


MANY_REQUESTS = 400
"""An eighth of them leaves a thread behind each: more than may still serve clients before them."""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("forgets-on-hang-up", "expected 8 connections in use at once, as before clients hung up"),
        ("leaves-threads", f"threads after {MANY_REQUESTS} requests, got "),
        ("leaves-transactions", "expected no transaction open after 48 requests, got "),
    ],
)
def test_what_is_left_behind_fails_that_check(
    bench: Bench,
    toys: Workspace,
    toy_python: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    told: str,
) -> None:
    monkeypatch.setattr(resource_checks, "_REQUESTS", MANY_REQUESTS)
    variant = load_catalog(toys).variant(f"toy/{name}")
    with examining():
        result = verify(bench, variant, toy_python, only=["noop", "nothing left behind"])
    (problem,) = result.problems
    assert problem.startswith("nothing left behind: ")
    assert told in problem


def test_checks_are_told_as_they_begin_and_only_those_asked_for(
    bench: Bench, toys: Workspace, toy_python: Path
) -> None:
    told: list[str] = []
    variant = load_catalog(toys).variant("toy/good")
    result = verify(bench, variant, toy_python, only=["noop", "health"], tell=told.append)
    assert told == ["starts", "health", "noop"]
    assert [outcome.check for outcome in result.outcomes] == told


def test_every_check_has_a_sentence_and_every_outcome_is_a_check() -> None:
    described = checks()
    assert set(described) == NEEDED
    assert all(what[0] in UPPER_OR_CODE and what[-1] == "." for what in described.values())
    assert max(map(len, described.values())) <= 100


UPPER_OR_CODE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ`"


def test_a_check_is_known_however_its_words_are_joined() -> None:
    assert check_names(["io-read", "IO_WAIT", "io read"]) == ["io read", "io wait"]
    with pytest.raises(UnknownName, match=r"nearest is `sql effects`.*verify --list-checks"):
        check_names(["sql-efects"])


def test_a_hidden_connection_per_request_is_seen(
    bench: Bench, toys: Workspace, toy_python: Path
) -> None:
    """It sends no statement of its own, but the server counts sessions."""
    variant = load_catalog(toys).variant("toy/connects-silently")
    database = bench.database
    settings = ApplicationSettings(database.login(variant.name), 8, 2.0, 10, 1)
    with launch_server(
        variant, bench.servers["toy"], toy_python, settings, workers=1, threads=8,
        log=bench.logs / "log",
    ) as server:  # fmt: skip
        await_ready(server)
        probe = Probe(server.url, PATIENCE_S)
        subject = Subject(variant.name, probe, bench.contract, database, settings)
        with pytest.raises(Violation, match=r"\d+ connections were opened for 48 requests"):
            sql_effects(subject)


def test_a_server_that_ends_at_its_start_is_quoted(
    bench: Bench, toys: Workspace, toy_python: Path
) -> None:
    result = result_of(bench, toys, toy_python, "crashes-at-start")
    (problem,) = result.problems
    assert problem.startswith("starts: ")
    assert "`toy/crashes-at-start`" in problem
    assert "toy: I will not start today" in problem


def test_a_cause_that_is_known_at_the_start_comes_without_the_servers_log(
    bench: Bench, toys: Workspace, toy_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an application of another protocol: its log has a stranger's traceback."""

    def misfit(*_: object) -> None:
        raise ServerFailed("The server `toy` speaks WSGI.")

    monkeypatch.setattr(bench_module, "await_ready", misfit)
    result = result_of(bench, toys, toy_python, "crashes-at-start", ["starts"])
    (outcome,) = result.outcomes
    assert outcome.problem == "The server `toy` speaks WSGI."
    assert outcome.evidence is not None
    assert outcome.evidence.log is None


def test_a_server_that_is_never_ready_is_given_up(
    bench: Bench, toys: Workspace, toy_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less patience than a minute, which is all that is replaced here."""
    monkeypatch.setattr(bench_module, "await_ready", partial(await_ready, seconds=1.0))
    (problem,) = result_of(bench, toys, toy_python, "never-ready").problems
    assert "was not ready after " in problem


def loop_ns(iterations: int) -> list[float]:
    """The CPU time of the loop, several times: a busy machine makes it more, never less."""
    times: list[float] = []
    for _ in range(5):
        before = time.thread_time_ns()
        ct = 0
        for i in range(iterations):
            ct += i * i
        times.append(time.thread_time_ns() - before)
    return times


def test_the_loop_itself_scales() -> None:
    """The slowest of a few, so that a core that changes its speed does not decide."""
    check_cpu_scales((FEW, min(loop_ns(FEW))), (MANY, max(loop_ns(MANY))))


def test_a_constant_cost_however_high_is_no_loop() -> None:
    """A formula that hides behind busy work that does not grow."""
    cost = 10 * max(loop_ns(MANY))
    with pytest.raises(Violation, match="does not run the loop"):
        check_cpu_scales((FEW, cost), (MANY, cost))


def test_a_tenth_of_the_loop_is_not_the_loop() -> None:
    with pytest.raises(Violation, match=f"{MANY - FEW:,} more iterations"):
        check_cpu_scales((FEW, 0), (MANY, min(loop_ns(MANY // 10))))
