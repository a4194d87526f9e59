"""A damaged folder of a run is read as far as it can be, and what cannot be read is named."""

import gzip
import json
import tempfile
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.runs import MEASURES, RunTrials, compare
from harness.base.errors import BridgetollError
from harness.base.workspace import Workspace
from harness.inputs.claims import load_claims
from harness.records.comparability import changes, check_comparable
from harness.records.packed import PACKED
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial, trial_file
from harness.report.site.site import publish
from tests.toys.bounded import bounded
from tests.toys.runs import make_window, simulate
from tests.toys.shelves import COST, dated_run, shelve
from tests.toys.studies import JUNK, spoilt
from tests.toys.undrawn import undrawn

CLAIMS = load_claims(Workspace())
RUN = dated_run(1)
GOOD = dated_run(2)


def _trials() -> list[Trial]:
    """Of slices, and of windows, with everything that either may hold."""
    made = [msgspec.structs.replace(t, run=RUN.id) for t in simulate(RUN, COST, 1)]
    made[0] = msgspec.structs.replace(made[0], slices=(make_window(),))
    return made


TRIALS = _trials()
RUN_TABLE: dict[str, Any] = json.loads(msgspec.json.encode(RUN))
TRIAL_TABLES: list[dict[str, Any]] = [json.loads(msgspec.json.encode(t)) for t in TRIALS]
JSON_JUNK = [*JUNK, None, -1.5, "\x00", 10**18, 2**63 - 1]


def damaged_bytes(body: bytes) -> st.SearchStrategy[bytes]:
    """The file cut short, with foreign bytes in it, or another altogether."""
    at = st.integers(0, len(body))
    return st.one_of(
        at.map(lambda cut: body[:cut]),
        st.builds(lambda cut, junk: body[:cut] + junk + body[cut:], at, st.binary(max_size=6)),
        st.builds(lambda cut, junk: body[:cut] + junk + body[cut + 1 :], at, st.binary(max_size=1)),
        st.binary(max_size=30),
        st.sampled_from(JSON_JUNK).map(lambda value: json.dumps(value).encode()),
    )


def edited(table: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The file with another value somewhere."""
    return spoilt(st.builds(deepcopy, st.just(table))).map(lambda made: json.dumps(made).encode())


RUN_BODIES = st.one_of(
    edited(RUN_TABLE), edited(RUN_TABLE), damaged_bytes(msgspec.json.encode(RUN))
)
TRIAL_BODIES = st.one_of(
    edited(TRIAL_TABLES[0]), edited(TRIAL_TABLES[1]), damaged_bytes(msgspec.json.encode(TRIALS[0]))
)


@cache
def good() -> Store:
    """A sound run in a folder that lasts as long as the tests; it is only read."""
    return shelve(Path(mkdtemp(prefix="bridgetoll-good-")), GOOD)


def use(folder: Path, store: Store) -> None:
    """Everything that is done with a run: each works, or says in one sentence why not."""
    with undrawn():
        told(lambda: publish([store], folder / "site", "Ours", CLAIMS))
    told(lambda: compared(store))
    told(store.pack)


def compared(store: Store) -> None:
    a, b = good().read_run(), store.read_run()
    check_comparable(a, b, anyway=True)
    changes(a, b)
    before, after = RunTrials(a, good().trials(a)[0]), RunTrials(b, store.trials(b)[0])
    for measure in ("cpu", "p99"):
        compare(before, after, MEASURES[measure])


def told(action: Callable[[], object]) -> None:
    try:
        action()
    except BridgetollError as error:
        check(str(error))


def check(sentence: str) -> None:
    assert sentence.endswith("."), sentence
    assert "\n" not in sentence


def store_in(folder: Path, run: bytes, trials: dict[str, bytes]) -> Store:
    store = Store.create(folder / "results", RUN.id)
    (store.folder / "run.json").write_bytes(run)
    for name, body in trials.items():
        (store.folder / "trials" / name).write_bytes(body)
    return store


SOUND = {trial_file(t): msgspec.json.encode(t) for t in TRIALS}


@bounded(12)
@given(RUN_BODIES)
def test_a_damaged_run_is_used_or_refused_in_one_sentence(body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        use(Path(folder), store_in(Path(folder), body, SOUND))


@bounded(12)
@given(TRIAL_BODIES)
def test_a_damaged_trial_is_left_out_by_name_or_used(body: bytes) -> None:
    name = next(iter(SOUND))
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(Path(folder), msgspec.json.encode(RUN), SOUND | {name: body})
        trials, damaged = store.trials(RUN)
        assert len(trials) + len(damaged) == len(SOUND)
        for error in damaged:
            assert name in str(error)
            check(str(error))
        use(Path(folder), store)


LINES = b"".join(body + b"\n" for body in SOUND.values())


@bounded(8)
@given(
    st.one_of(
        damaged_bytes(gzip.compress(LINES)),
        damaged_bytes(LINES).map(gzip.compress),
        TRIAL_BODIES.map(lambda body: gzip.compress(LINES + body)),
    )
)
def test_a_damaged_packed_file_is_used_as_far_as_it_can_be_read(body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(Path(folder), msgspec.json.encode(RUN), {})
        (store.folder / PACKED).write_bytes(body)
        trials, damaged = store.trials(RUN)
        assert all(trial in TRIALS or isinstance(trial, Trial) for trial in trials)
        for error in damaged:
            assert str(error).startswith(PACKED)
            check(str(error))
        use(Path(folder), store)


def test_the_sound_run_is_used_as_a_whole(tmp_path: Path) -> None:
    store = store_in(tmp_path, msgspec.json.encode(RUN), SOUND)
    assert isinstance(store.read_run(), Run)
    assert store.trials(RUN)[1] == []
    use(tmp_path, store)
    assert (tmp_path / "site" / "runs" / RUN.id / "index.html").is_file()
