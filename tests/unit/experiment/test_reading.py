"""Files that somebody has edited, or made up: one sentence each, and the rest is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MalformedFile
from harness.experiment.store import Store
from tests.toys.runs import BASELINE, make_run, make_study, simulate
from tests.unit.analysis.test_histogram import encoded

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


def test_a_truncated_trial_is_named(store: Store) -> None:
    first = sorted((store.folder / "trials").iterdir())[0]
    first.write_bytes(first.read_bytes()[:200])
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS) - 1
    assert "not valid JSON" in str(error)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda r: r["variants"].pop("b/other"), "`variants` lacks `b/other`"),
        (lambda r: r["implementations"].pop("b"), "`implementations` lacks `b`"),
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
