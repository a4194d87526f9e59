import asyncio
import pickle
from typing import Any

import pytest

from harness.base.errors import BridgetollError, DatabaseFailed, NotReady, UnknownName
from harness.lab.measuring import MachineInUse
from harness.runner.places import actor
from harness.runner.places.actor import PlaceActor, Refusal
from tests.waiting import PATIENCE_S


class FakePlace:
    """Raises what a test gives it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.closed = False

    def fail(self) -> None:
        assert self.error is not None
        raise self.error

    def close(self) -> None:
        self.closed = True


def holding(place: FakePlace) -> PlaceActor:
    made = PlaceActor()
    made._place = place  # type: ignore[assignment]
    return made


def called(made: PlaceActor, method: str) -> Any:
    """The answer to a call without arguments, as it travels."""
    return pickle.loads(asyncio.run(made.call(pickle.dumps((method, ())))))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatabaseFailed("It ended."), "DatabaseFailed"),
        (NotReady("a/b", "It ended.", "words"), "ServerFailed"),
        (UnknownName("variant", "a/b", []), "UsageError"),
        (MachineInUse(1), "UsageError"),
        (BridgetollError("x"), "BridgetollError"),
    ],
    ids=["as it is", "a server", "a name", "of another module", "any"],
)
def test_an_error_for_a_reader_travels_as_its_text_and_its_nearest_plain_class(
    error: BridgetollError, kind: str
) -> None:
    told = called(holding(FakePlace(error)), "fail")
    assert told == Refusal(kind, str(error))


def test_a_timeout_over_there_is_no_call_that_still_goes_on() -> None:
    with pytest.raises(OSError, match="no answer in time: late") as raised:
        called(holding(FakePlace(TimeoutError("late"))), "fail")
    assert not isinstance(raised.value, TimeoutError)


class Unpicklable(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


def test_an_error_that_cannot_travel_is_told_by_its_name() -> None:
    with pytest.raises(RuntimeError, match="Unpicklable: 1 and 2"):
        called(holding(FakePlace(Unpicklable(1, 2))), "fail")


def test_a_worker_that_was_started_anew_knows_nothing_of_the_run() -> None:
    told = called(PlaceActor(), "limits")
    assert told.kind == "BridgetollError"
    assert "started anew" in told.text


def test_a_place_that_nobody_calls_stops_what_it_has_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actor, "_FORSAKEN_S", 0.2)
    monkeypatch.setattr(actor, "_LOOK_S", 0.02)
    place = FakePlace()
    made = holding(place)
    asyncio.run(made.ping())
    made._watching.join(PATIENCE_S)
    assert place.closed


def test_two_instances_tell_different_signs_of_life() -> None:
    assert asyncio.run(PlaceActor().ping()) != asyncio.run(PlaceActor().ping())


def test_a_place_that_is_closed_leaves_no_thread_on_its_worker() -> None:
    place = FakePlace()
    made = holding(place)
    asyncio.run(made.close())
    made._watching.join(PATIENCE_S)
    assert place.closed
    assert not made._watching.is_alive()
