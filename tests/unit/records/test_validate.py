"""Files that somebody has edited, or made up: one sentence each, and the rest is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.base.errors import MalformedFile
from harness.records.store import Store
from tests.toys.runs import BASELINE, encoded, make_run, make_study, simulate

RUN = make_run(make_study(blocks=2))
TRIALS = simulate(RUN, {BASELINE: 500.0, "b/other": 600.0}, 1)
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.create(tmp_path, RUN.id)
    made.write_run(RUN)
    for trial in TRIALS:
        made.write_trial(trial)
    return made


def edited(path: Path, edit: Edit) -> None:
    value = json.loads(path.read_bytes())
    edit(value)
    path.write_text(json.dumps(value))


def event(**changes: object) -> dict[str, object]:
    """An event of a trial as a file has it."""
    sound = {"kind": "stalled", "round": 0, "position": 1, "detail": "3 s", "seconds": 3.0}
    return sound | changes


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda t: t.update(latency_hdr="AAAA"), "`latency_hdr` is no HDR histogram"),
        (lambda t: t.update(latency_hdr="no base64!"), "`latency_hdr` is no HDR histogram"),
        (
            lambda t: t.update(lag_hdr=encoded([5_000_000] * 50)[:-12] + "AAAAAAAAAAA="),
            "`lag_hdr` is no HDR histogram",
        ),
        (lambda t: t.update(problem=" "), "`problem` is empty"),
        (lambda t: t["slices"][0].update(correct=10**30), "a number of more than 18 digits"),
        (lambda t: t["slices"][0].update(corect=1), "corect"),
        (
            lambda t: t["slices"][0].update(correct=-1),
            "is -1; it must be a whole number of at least 0",
        ),
        (lambda t: t["slices"][0].update(elapsed_ns=-1), "item 1 of `slices`: `elapsed_ns`"),
        (
            lambda t: t["slices"][0]["errors"].update(timeout=-1),
            "is -1; it must be a whole number of at least 0",
        ),
        (lambda t: t.update(events=[event(kind="earthquake")]), "earthquake"),
        (lambda t: t.update(events=[event(detail=" ")]), "`events` has one without `detail`"),
        (lambda t: t.update(events=[event(seconds=-1)]), "`events` has negative `seconds`"),
        (lambda t: t.update(schema=99), "has schema version 99"),
        (lambda t: t.update(block="one"), "block"),
    ],
)
def test_an_edited_trial_is_named_and_the_others_are_read(
    store: Store, edit: Edit, told: str
) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    edited(first, edit)
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS) - 1
    assert str(error).startswith(f"trials/{first.name}: ")
    assert told in str(error)


def test_a_trial_from_before_events_were_noted_has_none(store: Store) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    edited(first, lambda t: t.pop("events"))
    trials, damaged = store.trials(RUN)
    assert damaged == []
    assert {trial.events for trial in trials} == {()}


def test_events_come_back_as_they_were_kept(store: Store) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    edited(first, lambda t: t.update(events=[event()]))
    trials, _ = store.trials(RUN)
    (noted,) = [e for trial in trials for e in trial.events]
    assert (noted.kind, noted.round, noted.seconds, noted.repeated) == ("stalled", 0, 3.0, False)


def test_a_long_number_within_a_text_is_no_number(store: Store) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    edited(first, lambda t: t.update(error_samples=["got 1, 12345678901234567890123"]))
    _, damaged = store.trials(RUN)
    assert damaged == []


def test_a_damaged_trial_s_message_holds_no_path_of_this_machine(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == first.name:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "read_text", lambda path, **_: refuse(path).decode())
    _, (error,) = store.trials(RUN)
    said = f"trials/{first.name}: cannot be read (Permission denied); give this user the permission"
    assert str(error).startswith(said)


def test_a_truncated_trial_is_named(store: Store) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    first.write_bytes(first.read_bytes()[:200])
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS) - 1
    assert "not valid JSON" in str(error)


SQUARE = {
    "title": "colours",
    "rows": "hue",
    "columns": "framework",
    "corners": [["a/base", "b/other"], ["a/base", "b/other"]],
}
NOWHERE = SQUARE | {"corners": [["a/base", "b/other"], ["a/base", "c/nowhere"]]}
AUDIT = {
    "variant": "a/base",
    "tolls": [
        {
            "endpoint": "noop",
            "requests": 1,
            "counted": {"statements": 0, "hops": 0, "threads": 0},
            "expected": {},
        }
    ],
}


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda r: r["variants"].pop("b/other"), "`variants` lacks `b/other`"),
        (
            lambda r: r["study"].update(squares=[NOWHERE]),
            "`variants` lacks `c/nowhere`",
        ),
        (
            lambda r: r["plan"]["entries"][1].update(name="zzz"),
            "`plan` has `zzz`, which the study lacks",
        ),
        (lambda r: r["study"].update(conditions=[]), "`study` has no conditions"),
        (lambda r: r["implementations"].pop("b"), "`implementations` lacks `b`"),
        (lambda r: r["cores"].update(load=[]), "`cores` leaves a role without any"),
        (
            lambda r: r["study"].update(squares=[SQUARE]),
            "`study.squares` names `hue`, which is no factor of",
        ),
        (lambda r: r.update(audits=[AUDIT]), "`audits` lacks a count of connects"),
        (lambda r: r["plan"]["starts"][0].append(9), "`plan` orders an entry that it lacks"),
        (
            lambda r: r["plan"]["phases"][0].update(orders=[]),
            "`plan` has a phase without orders",
        ),
        (
            lambda r: r["plan"]["phases"][0].update(block=9),
            "`plan` has a phase of block 9, which `starts` lacks",
        ),
        (
            lambda r: r["plan"]["phases"][0]["orders"][0].append(-1),
            "`plan` orders an entry that it lacks",
        ),
        (lambda r: r.update(schema=2), "has schema version 2"),
    ],
)
def test_a_run_whose_parts_do_not_know_each_other_is_one_sentence(
    store: Store, edit: Edit, told: str
) -> None:
    edited(store.folder / "run.json", edit)
    with pytest.raises(MalformedFile, match=r"run\.json: ") as refused:
        store.read_run()
    assert told in str(refused.value)


def test_sound_files_are_read_as_they_were_written(store: Store) -> None:
    assert store.read_run() == RUN
    trials, damaged = store.trials(RUN)
    assert damaged == []
    assert sorted(trials, key=lambda t: (t.block, t.entry)) == sorted(
        TRIALS, key=lambda t: (t.block, t.entry)
    )
