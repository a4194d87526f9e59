"""What becomes of a load's figures in a record."""

import msgspec

from harness.analysis.causes.prices import CONNECT
from harness.analysis.receipt.prices import WRAPPER, hop
from harness.records.observation import LoadedBlock
from harness.runner.receipt.ladder import Ladder, LadderPlace, steps_for
from harness.runner.receipt.load import LoadResult, SideLoaded
from harness.runner.receipt.measured import (
    LADDER,
    THE_APPLICATION,
    THE_OTHER,
    loaded_of,
    wrong_answers,
)

BLOCKS = (LoadedBlock(0, 10**6, 10, 0, 10**9),)
PLACE = LadderPlace(2, ("asgiref", "executor"), None, "its connections come from a pool", "3.13.0")


def ladder_with_steps() -> Ladder:
    ladder = Ladder("asgi", (hop("asgiref"), CONNECT))
    ladder.place = PLACE
    ladder.steps = steps_for("asgi", (hop("asgiref"), CONNECT), PLACE)
    return ladder


def test_steps_of_the_ladder_are_kept_with_what_their_requests_take() -> None:
    ladder = ladder_with_steps()
    sides = {
        THE_APPLICATION: SideLoaded({"GET /": BLOCKS}),
        THE_OTHER: SideLoaded({"GET /": BLOCKS}),
        LADDER: SideLoaded(dict.fromkeys(ladder.steps, BLOCKS)),
    }
    loaded = loaded_of(LoadResult(sides, ("It was noisy.",)), ladder, 32)
    assert loaded.connections == 32
    assert loaded.urls == loaded.other == {"GET /": BLOCKS}
    assert {path: step.terms for path, step in loaded.ladder.items()} == ladder.steps
    assert loaded.notes[0] == "It was noisy."


def test_wrong_answers_are_told_by_kind() -> None:
    blocks = (
        LoadedBlock(0, 10**6, 90, 10, 10**9, {"status 500": 10}),
        LoadedBlock(1, 10**6, 95, 5, 10**9, {"status 500": 3, "timeout": 2}),
    )
    (told,) = wrong_answers("GET /", blocks)
    assert "15 of 200" in told
    assert "status 500 (13), timeout (2)" in told
    assert wrong_answers("GET /", BLOCKS) == []


def test_it_is_told_why_a_connection_has_no_price() -> None:
    result = LoadResult({THE_APPLICATION: SideLoaded({"GET /": BLOCKS})}, ())
    (note,) = loaded_of(result, ladder_with_steps(), 32).notes
    assert "pool" in note


def test_it_is_told_why_a_wrapper_has_no_price() -> None:
    ladder = Ladder("asgi", (WRAPPER,))
    ladder.place = msgspec.structs.replace(PLACE, query="the project was imported already")
    (note,) = ladder.notes
    assert "DB wrapper" in note
    assert "imported already" in note


def test_it_is_told_why_there_is_no_ladder() -> None:
    sides = {
        THE_APPLICATION: SideLoaded({"GET /": BLOCKS}),
        LADDER: SideLoaded({}, "it died under load"),
    }
    loaded = loaded_of(LoadResult(sides, ()), Ladder("asgi", ()), 32)
    assert loaded.ladder == {}
    assert "died" in loaded.notes[0]
