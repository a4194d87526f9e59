"""The other machine's end is faked: an actor in this process that answers, refuses, or is gone."""

import pickle
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.base.errors import DatabaseFailed, PlaceLost, ServerFailed, UsageError
from harness.load.generator import Edge
from harness.load.locust.driver import Member
from harness.load.protocol import Exchange, Tally
from harness.records.trial import Event
from harness.runner.gauges import Reading
from harness.runner.places import distant_watch
from harness.runner.places.actor import Refusal
from harness.runner.places.distant import (
    DistantGenerator,
    DistantLocusts,
    DistantPlace,
    DistantServer,
)
from harness.runner.places.distant_watch import DistantWatch
from harness.runner.places.roles import Role
from harness.runner.watch import Seen
from tests.waiting import PATIENCE_S

EXCHANGE = Exchange([b"GET / HTTP/1.1\r\n\r\n"])
TALLY = Tally(1, {}, [], 0, 0, 1, b"")


class FakePending:
    """A call under way: its answer, after some waits that are in vain."""

    def __init__(self, answer: Any, late: int = 0) -> None:
        self._answer = answer
        self._late = late

    def result(self, timeout: float | None = None) -> Any:
        assert timeout is not None
        if self._late:
            self._late -= 1
            raise TimeoutError
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class FakeActor:
    """answers: by method, a value, an exception, or what makes one of the arguments."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.token = "first"
        self.late = 0

    def ping(self) -> FakePending:
        return FakePending(self.token)

    def close(self) -> FakePending:
        return FakePending(None)

    def call(self, packed: bytes) -> FakePending:
        method, arguments = pickle.loads(packed)
        self.calls.append((method, arguments))
        answer = self.answers.get(method)
        if callable(answer):
            answer = answer(*arguments)
        return FakePending(
            answer if isinstance(answer, Exception) else pickle.dumps(answer), self.late
        )


def place(*roles: Role, actor: FakeActor | None = None, **answers: Any) -> DistantPlace:
    host = "10.0.0.7"
    title = f"{host} ({', '.join(roles)})"
    return DistantPlace(actor or FakeActor(**answers), title, roles, host)


@pytest.mark.parametrize("kind", [DatabaseFailed, ServerFailed, UsageError])
def test_a_refusal_is_the_same_error_and_names_its_machine(kind: type[Exception]) -> None:
    distant = place("database", check_database=Refusal(kind.__name__, "It ended."))
    with pytest.raises(kind, match=r"On the machine 10.0.0.7 \(database\): It ended."):
        distant.call("check_database")


def test_an_engine_that_reaches_no_worker_means_a_lost_machine_ever_after() -> None:
    actor = FakeActor(limits=OSError("Unable to contact Actor's worker"))
    distant = place("load", actor=actor)
    with pytest.raises(PlaceLost, match=r"10.0.0.7 \(load\) is lost"):
        distant.call("limits")
    actor.answers["limits"] = 1
    with pytest.raises(PlaceLost):
        distant.call("limits")


def test_a_worker_that_was_started_anew_is_lost_though_it_answers() -> None:
    actor = FakeActor()
    distant = place("application", actor=actor)
    distant.confirm()
    actor.token = "second"
    with pytest.raises(PlaceLost, match="started anew"):
        distant.confirm()


def test_a_lost_machine_has_no_figures_and_fails_no_trial_that_is_kept() -> None:
    gone = OSError("Unable to contact Actor's worker")
    server = DistantServer(
        place("application", server_cpu_ns=gone, server_usage=gone), 1, 80, "toy/good"
    )
    assert server.cpu_ns() == 0
    assert server.usage() is None
    server.process.ask_to_stop({})
    server.process.reap()


def test_what_happens_meanwhile_is_looked_at_while_a_load_is_waited_for() -> None:
    looks = []
    actor = FakeActor(slice=TALLY)
    generator = DistantGenerator(place("load", actor=actor), "first", lambda: looks.append(1))
    actor.late = 3
    assert generator.slice("it", EXCHANGE, 1.0) == TALLY
    assert len(looks) == 3


def test_the_edges_of_a_window_are_read_as_they_come() -> None:
    edges = [Edge(True, 5), Edge(False, 9)]
    actor = FakeActor(await_edge=lambda _: edges.pop(0), window_tally=TALLY)
    generator = DistantGenerator(place("load", actor=actor), "first", lambda: None)
    seen: list[Edge] = []
    tally = generator.window("it", EXCHANGE, warmup_s=0, seconds=1, at_edge=seen.append)
    assert tally == TALLY
    assert [edge.open for edge in seen] == [True, False]
    assert [method for method, _ in actor.calls] == [
        "begin_window", "await_edge", "await_edge", "window_tally",
    ]  # fmt: skip


def test_a_load_that_ends_before_its_edge_tells_why() -> None:
    actor = FakeActor(await_edge=None, window_tally=Refusal("GeneratorFailed", "It died."))
    generator = DistantGenerator(place("load", actor=actor), "first", lambda: None)
    with pytest.raises(Exception, match="It died"):
        generator.window("it", EXCHANGE, warmup_s=0, seconds=1)


def reading(start: int, database_ns: int | None = None) -> Reading:
    return Reading(
        at_ns=start, server_ns=start + 1, database_ns=database_ns, generator_ns=start + 2,
        harness_ns=start + 3, machine_busy_ns=start + 4, steal_ns=start + 5,
        run_delay_ns=start + 6, relay_ns=start + 7,
    )  # fmt: skip


HOUR_NS = 3_600 * 10**9


def test_times_are_the_applications_and_costs_are_added_though_clocks_differ_by_hours() -> None:
    """The monotonic clocks of two machines have nothing in common."""
    actors = {
        "application": FakeActor(before=reading(1_000)),
        "database": FakeActor(
            before=msgspec.structs.replace(reading(10, database_ns=77), at_ns=HOUR_NS)
        ),
        "load": FakeActor(before=reading(100)),
    }
    places = [place(role, actor=actor) for role, actor in actors.items()]  # type: ignore[arg-type]
    watch = DistantWatch(places)
    seen = watch.before(DistantServer(places[0], 3, 80, "toy/good"))
    assert (seen.at_ns, seen.server_ns, seen.run_delay_ns) == (1_000, 1_001, 1_006)
    assert seen.database_ns == 77
    assert seen.generator_ns == 1_002 + 12 + 102
    assert seen.steal_ns == 1_005 + 15 + 105
    assert [actor.calls[-1] for actor in actors.values()] == [
        ("before", (3,)), ("before", (None,)), ("before", (None,)),
    ]  # fmt: skip


def test_a_machine_that_only_loads_looks_in_the_call_that_loads() -> None:
    stalled = Event("suspended", None, None, "it slept", 1.0)
    slices = TALLY, reading(100), Seen(reading(140), None, (stalled,))
    actors = {
        "application": FakeActor(before=reading(1_000), after=Seen(reading(1_500), 9, ())),
        "load": FakeActor(watched_slice=slices, before=reading(200), read=reading(260)),
    }
    places = [place(role, actor=actor) for role, actor in actors.items()]  # type: ignore[arg-type]
    watch = DistantWatch(places, loading=places[1])
    generator = DistantGenerator(places[1], "first", lambda: None, watch)
    server = DistantServer(places[0], 3, 80, "x")
    before = watch.before(server)
    assert generator.slice("it", EXCHANGE, 0.1) == TALLY
    seen = watch.after(server, 0)
    assert [method for method, _ in actors["load"].calls] == ["watched_slice"]
    used = seen.reading - before
    assert (used.at_ns, used.server_ns, used.generator_ns) == (500, 500, 500 + 40)
    assert (seen.probe_ns, seen.events) == (9, (stalled,))


def test_a_machine_that_only_loads_looks_before_a_window_and_after_it() -> None:
    edges = [Edge(True, 5), Edge(False, 9)]
    actors = {
        "application": FakeActor(
            before=reading(1_000), read=reading(1_200), after=Seen(reading(1_500), 9, ())
        ),
        "load": FakeActor(
            before=reading(200), read=reading(260), after=Seen(reading(300), None, ()),
            await_edge=lambda _: edges.pop(0), window_tally=TALLY,
        ),
    }  # fmt: skip
    places = [place(role, actor=actor) for role, actor in actors.items()]  # type: ignore[arg-type]
    watch = DistantWatch(places, loading=places[1])
    generator = DistantGenerator(places[1], "first", lambda: None, watch)
    server = DistantServer(places[0], 3, 80, "x")
    before = watch.before(server)
    readings: list[Reading] = []
    generator.window(
        "it", EXCHANGE, warmup_s=0, seconds=1, at_edge=lambda _: readings.append(watch.read(server))
    )
    seen = watch.after(server, 44)
    assert [method for method, _ in actors["load"].calls] == [
        "before", "begin_window", "await_edge", "read", "await_edge", "read", "window_tally",
        "after",
    ]  # fmt: skip
    assert (readings[0] - before).generator_ns == 200 + 60
    assert (seen.reading - before).generator_ns == 500 + 100
    assert actors["load"].calls[-1] == ("after", (None, 44, None))


def test_a_pause_is_the_generators_and_the_probes_period_the_applications() -> None:
    stalled = Event("suspended", None, None, "it slept", 1.0)
    actors = {
        "application": FakeActor(after=Seen(reading(5), 9, ())),
        "load": FakeActor(after=Seen(reading(7), None, (stalled,))),
    }
    places = [place(role, actor=actor) for role, actor in actors.items()]  # type: ignore[arg-type]
    seen = DistantWatch(places).after(DistantServer(places[0], 3, 80, "x"), 44, (1, 2))
    assert (seen.probe_ns, seen.events) == (9, (stalled,))
    assert seen.reading.database_ns is None
    assert actors["application"].calls[-1] == ("after", (3, 0, (1, 2)))
    assert actors["load"].calls[-1] == ("after", (None, 44, None))


def test_the_look_before_the_next_turn_comes_with_the_look_after_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def between(*_: object) -> tuple[Seen, Reading]:
        return Seen(reading(5), None, ()), reading(9)

    monkeypatch.setattr(distant_watch, "_FRESH_S", PATIENCE_S)
    actor = FakeActor(after=Seen(reading(5), None, ()), between=between, before=reading(100))
    application = place("application", "load", actor=actor)
    one, two = (DistantServer(application, key, 80, "x") for key in (3, 4))
    watch = DistantWatch([application])
    watch.after(one, 44, following=two)
    assert actor.calls == [("between", (3, 44, None, 4))]
    assert watch.before(two) == reading(9)
    assert len(actor.calls) == 1
    assert watch.before(two) == reading(100)  # a look is for one turn
    watch.after(one, 0, following=two)
    assert watch.before(one) == reading(100)  # it was another's
    watch.after(one, 0, following=two)
    monkeypatch.setattr(distant_watch, "_FRESH_S", 0.0)
    assert watch.before(two) == reading(100)  # it was too long ago


def test_locust_elsewhere_is_told_with_its_machine_and_its_files_are_brought(
    tmp_path: Path,
) -> None:
    member = Member("Locust's worker 1 of 2", False, False, False, 3.0, 7, "was ended by SIGKILL")
    there_ns = time.monotonic_ns() + HOUR_NS

    def locusts(method: str, *_: object) -> object:
        return {"look": [member], "master": None}[method]

    files = {"cell.html": b"<p>", "cell.log": b"said"}
    actor = FakeActor(locusts=locusts, stop_locusts=files, clock_ns=there_ns)
    locust = DistantLocusts(place("load", actor=actor), tmp_path)
    (seen,) = locust.look()
    assert (seen.title, seen.vanished) == ("Locust's worker 1 of 2 on 10.0.0.7", True)
    assert locust.master() is None
    assert HOUR_NS - PATIENCE_S * 1e9 < locust.ahead_ns() <= HOUR_NS
    locust.stop()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_locust_on_a_lost_machine_is_not_waited_for(tmp_path: Path) -> None:
    gone = OSError("Unable to contact Actor's worker")
    locust = DistantLocusts(place("load", locusts=gone, stop_locusts=gone), tmp_path)
    with pytest.raises(PlaceLost, match=r"10.0.0.7 \(load\) is lost"):
        locust.look()
    locust.stop()
    assert not list(tmp_path.iterdir())


def test_a_server_that_a_look_saw_running_is_not_asked_for_again() -> None:
    actors = {
        "application": FakeActor(after=Seen(reading(5), None, ()), server_runs=False),
        "load": FakeActor(after=Seen(reading(7), None, ())),
    }
    places = [place(role, actor=actor) for role, actor in actors.items()]  # type: ignore[arg-type]
    server = DistantServer(places[0], 3, 80, "x")
    DistantWatch(places).after(server, 0)
    assert server.running
    assert not server.running  # a look is news once
