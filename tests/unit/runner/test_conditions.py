"""Load shapes beyond slices, from a study to its trials: real servers, real load, but tiny."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure
from harness.base.errors import UsageError
from harness.inputs.study_loader import load_study
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial, trial_file
from harness.report.write import write_report
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting, undisturbed
from tests.toys.undrawn import undrawn
from tests.toys.workspaces import toy_workspace, write_study

CONDITIONS = """
[[conditions]]
endpoint = "noop"
connections = 4
rows = 2
window_s = 1.2
windows = 2

[[conditions]]
endpoint = "io_read"
connections = 16
rows = 50
window_s = 1.8
rate = 100

[[conditions]]
endpoint = "io_create"
connections = 16
rows = 2
window_s = 1.8
share = 0.3
arrivals = "constant"

[[conditions]]
endpoint = "noop"
connections = 16
rows = 2
window_s = 0.5
objective = { latency_ms = 2000, percentile = 1, achieved = 0.01 }

[[conditions]]
endpoint = "io_wait"
connections = 4
rows = 2
window_s = 1.8
beside = { endpoint = "cpu", connections = 2 }
"""
"""A single window is longer than a busy machine holds anybody up: none is without an answer."""
ENTRIES = 2


@pytest.fixture(autouse=True, scope="module")
def trusted() -> Iterator[None]:
    with trusting():
        yield


class Finished(msgspec.Struct):
    store: Store
    run: Run
    trials: list[Trial]

    def of(self, part: str) -> list[Trial]:
        """The trials of the condition whose name holds this."""
        found = [t for t in self.trials if part in t.condition.name]
        assert len(found) == ENTRIES * self.run.study.blocks
        return found

    def requests_of(self, trial: Trial) -> Mapping[str, NDArray[np.int64]]:
        """The single requests of a trial, as they were kept."""
        path = (self.store.folder / "requests" / trial_file(trial)).with_suffix(".npz")
        kept: Mapping[str, NDArray[np.int64]] = np.load(io.BytesIO(path.read_bytes()))
        return kept


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    workspace = toy_workspace(tmp_path_factory.mktemp("conditions") / "workspace")
    path = write_study(workspace, "shapes", ["good"], endpoints=(), blocks=1, conditions=CONDITIONS)
    laboratory = laboratory_of(workspace, Recorder())
    study = load_study(path, laboratory.catalog)
    load = msgspec.structs.replace(study.load, keep_requests=True, generators=2)
    study = msgspec.structs.replace(study, load=load)
    with undisturbed():
        store = run_study(laboratory, "shapes", study)
    trials, damaged = store.trials()
    assert damaged == []
    return Finished(store, store.read_run(), trials)


def test_every_shape_gives_complete_trials_without_errors(finished: Finished) -> None:
    assert len(finished.trials) == 5 * ENTRIES
    assert all(t.complete for t in finished.trials)
    assert not any(s.errors for t in finished.trials for s in t.slices)
    assert finished.run.generator_ceiling_per_s is not None


def test_windows_are_as_long_as_they_say_and_count_by_the_second(finished: Finished) -> None:
    for trial in finished.of("w1.2x2"):
        assert [s.elapsed_ns for s in trial.slices] == [1_200_000_000] * 2
        for piece in trial.slices:
            assert piece.window is not None
            assert len(piece.window.per_second) == len(piece.window.p50_per_second_ns) == 1
            assert piece.window.per_second[0] <= piece.correct
            assert piece.window.offered is None
    # The best of four: a busy machine may hold up all that happens in one, or at an edge of it.
    pieces = [piece for trial in finished.of("w1.2x2") for piece in trial.slices]
    assert any(piece.window and piece.window.per_second[0] for piece in pieces)
    for trial in finished.of("w1.2x2"):
        assert any(piece.server_cpu_ns > 0 for piece in trial.slices)
        assert any(piece.probe_ns is not None for piece in trial.slices)
    assert any(piece.window_ns == pytest.approx(1.2e9, rel=0.2) for piece in pieces)


def test_warm_up_and_drain_of_a_window_are_not_taken_for_idle_work(finished: Finished) -> None:
    """Told by the lower of two shares: a clock may count time that a neighbour took."""
    shares = [trial.idle_cpu_share for trial in finished.of("w1.2x2")]
    known = [share for share in shares if share is not None]
    assert len(known) == ENTRIES
    assert min(known) < 0.05


def test_a_second_load_runs_beside_the_first_and_is_counted_apart(finished: Finished) -> None:
    for trial in finished.of("beside-cpu-c2"):
        (piece,) = trial.slices
        assert piece.window is not None
        beside = piece.window.beside
        assert beside is not None
        assert beside.correct > 0
        assert beside.errors == {}
        assert beside.latency_p50_ns is not None
        assert piece.correct > 0
        assert trial.statements is None, "PostgreSQL counts those of both loads"
    assert all(
        s.window is None or s.window.beside is None
        for t in finished.trials
        if "beside" not in t.condition.name
        for s in t.slices
    )


def test_what_a_request_costs_beside_another_load_is_not_told(finished: Finished) -> None:
    found = analyse(finished.run, finished.trials)
    (result,) = (r for r in found.conditions if r.condition.beside is not None)
    assert result.comparisons[Measure.CPU].estimates == {}
    assert result.comparisons[Measure.P50].estimates.keys() == {"toy/good", "toy/good#duplicate"}


def test_littles_law_holds_in_windows(finished: Finished) -> None:
    in_flight = []
    for trial in finished.of("w1.2x2"):
        for piece in trial.slices:
            assert piece.window is not None
            mean_ns = piece.window.latency_mean_ns or 0
            in_flight.append(piece.correct / piece.elapsed_ns * mean_ns)
    # The best of four: a stall may lie across an edge of any other.
    assert any(number == pytest.approx(4, rel=0.2) for number in in_flight)


def test_an_open_loop_offers_its_rate_and_every_variant_the_same_arrivals(
    finished: Finished,
) -> None:
    """A generator that begins late has missed arrivals, and nothing makes more of them."""
    offered = []
    for trial in finished.of("open100"):
        (piece,) = trial.slices
        assert piece.window is not None
        assert piece.window.lag_p99_ns is not None
        assert trial.lag_hdr is not None
        assert piece.window.offered is not None
        within = piece.correct - piece.window.before + piece.window.in_flight
        assert within + piece.window.dropped == pytest.approx(piece.window.offered, abs=2)
        offered.append(piece.window.offered)
    assert 180 - 60 < max(offered) < 180 + 60


def test_a_share_is_of_what_the_variant_did_in_a_closed_loop(finished: Finished) -> None:
    """Each of two generators makes every other arrival, wherever it begins."""
    distances = []
    for trial in finished.of("open30pct"):
        (piece,) = trial.slices
        assert trial.capacity_per_s is not None
        rate = 0.3 * trial.capacity_per_s
        assert piece.window is not None
        assert piece.window.offered is not None
        assert 0 < piece.window.offered <= 1.8 * rate + 2
        due_ns = np.sort(finished.requests_of(trial)["start_ns"])
        distances.append((due_ns[2:] - due_ns[:-2]).min() / (2e9 / rate))
    # What was dropped lengthens some distances, and nothing shortens one.
    assert distances == pytest.approx([1] * len(distances), rel=0.01)


def test_a_table_that_grows_is_brought_back_before_every_window(finished: Finished) -> None:
    """Else the last variant would insert into what the first ones wrote."""
    for trial in finished.of("open30pct"):
        assert trial.statements is not None
        assert trial.statements.calls == trial.statements.requests > 0


def test_a_search_keeps_its_tries_and_confirms_its_rate(finished: Finished) -> None:
    """Few answers within seconds are enough, as they come on a busy machine too."""
    for trial in finished.of("p1-2000ms"):
        assert len(trial.search) == len(trial.slices)
        assert any(t.met for t in trial.search)
        for t, piece in zip(trial.search, trial.slices, strict=True):
            assert t.achieved_per_s == pytest.approx(piece.correct / 0.5, rel=0.5)
        confirmed = [t for t in trial.search if t.confirming and t.met][-2:]
        if trial.sustained_per_s is not None:
            assert [t.rate_per_s for t in confirmed] == [trial.sustained_per_s] * 2


def test_postgresql_was_watched_while_it_was_asked(finished: Finished) -> None:
    waits = [trial.waits for trial in finished.of("open100") if trial.waits is not None]
    assert len(waits) == ENTRIES
    assert any(seen.busy for seen in waits)
    assert any("idle" in state for seen in waits for state in seen.states)
    for trial in finished.of("open100"):
        (piece,) = trial.slices
        assert piece.window is not None
        assert piece.window.database["commits"] >= 0


def test_single_requests_are_kept_on_demand(finished: Finished) -> None:
    archives = sorted((finished.store.folder / "requests").glob("*.npz"))
    assert len(archives) == len(finished.trials)
    (trial,) = [t for t in finished.of("open100") if t.block == 1 and t.entry == "toy/good"]
    kept = finished.requests_of(trial)
    assert set(kept) == {"round", "start_ns", "latency_ns"}
    assert kept["latency_ns"].size == kept["start_ns"].size >= trial.slices[0].correct - 5
    assert (kept["latency_ns"] > 0).all()


def test_the_report_shows_every_shape(finished: Finished) -> None:
    with undrawn():
        page = write_report(finished.store).page.read_text()
    for text in ("windows of 1.2 s", "100 poisson arrivals per second", "at 30% of capacity",
                 "highest rate with p1 up to"):  # fmt: skip
        assert text in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("connections = 60000", r"60000 connections.* set `connections` to"),
        (
            "window_s = 1\nobjective = { latency_ms = 0.001 }",
            r"would never be met: .* set `objective.latency_ms` to \S+ at least",
        ),
        ("window_s = 1\nrate = 999999", r"wants 999999 requests/s, .* set `rate` to \d+ at most"),
    ],
)
def test_what_this_machine_cannot_do_is_said_before_anything_runs(
    tmp_path: Path, change: str, told: str
) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    condition = f'[[conditions]]\nendpoint = "noop"\nrows = 50\n{change}\n'
    path = write_study(workspace, "tiny", ["good"], endpoints=(), conditions=condition)
    laboratory = laboratory_of(workspace, Recorder())
    with pytest.raises(UsageError, match=told):
        run_study(laboratory, "tiny", load_study(path, laboratory.catalog))
    assert list(workspace.results.iterdir()) == []
