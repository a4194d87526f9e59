"""A study from its file to its trials: real PostgreSQL, real servers, real load, but tiny."""

import math
import os
import platform
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from harness import cli
from harness.analysis.measures import Measure, slice_value, trial_value
from harness.analysis.so_far import so_far
from harness.base.errors import RunFailed
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.study_loader import load_study
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.report.write import write_report
from tests.processes import below
from tests.toys.command import left_running
from tests.toys.entry import handlers_kept
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting, undisturbed
from tests.toys.undrawn import undrawn
from tests.toys.workspaces import toy_workspace, write_study

BLOCKS, ROUNDS, SLICE_S = 2, 3, 0.05
ENDPOINTS = ("noop", "io_create", "io_read")
ENTRIES = ("toy/good", "toy/burning", "toy/good#duplicate")
REFUSES, CROWD = "toy/refuses-a-crowd", 60
HONEST = 64
"""Requests on one connection that `wrong-under-load` answers correctly."""


class Finished(msgspec.Struct):
    """A run that has ended."""

    workspace: Workspace
    store: Store
    run: Run
    trials: list[Trial]
    listener: Recorder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    workspace = toy_workspace(tmp_path_factory.mktemp("session") / "workspace")
    path = write_study(
        workspace, "tiny", ["good", "burning"], endpoints=ENDPOINTS, blocks=BLOCKS, rounds=ROUNDS,
        slice_s=SLICE_S,
    )  # fmt: skip
    listener = Recorder()
    laboratory = laboratory_of(workspace, listener)
    with undisturbed():
        store = run_study(laboratory, "tiny", load_study(path, laboratory.catalog))
    trials, damaged = store.trials()
    assert damaged == []
    return Finished(workspace, store, store.read_run(), trials, listener)


def test_every_trial_is_on_disk_and_complete(finished: Finished) -> None:
    planned = {
        (phase.block, phase.condition.name, entry)
        for phase in finished.run.plan.phases
        for entry in ENTRIES
    }
    kept = [(t.block, t.condition.name, t.entry) for t in finished.trials]
    assert len(kept) == BLOCKS * len(ENDPOINTS) * len(ENTRIES)
    assert set(kept) == planned
    assert all(t.complete and t.run == finished.store.id for t in finished.trials)
    assert finished.run.excluded == {}
    assert finished.listener.problems == []
    assert finished.listener.runs == [finished.store.id]


def test_slices_follow_the_planned_order_and_do_not_overlap(finished: Finished) -> None:
    names = [entry.name for entry in finished.run.plan.entries]
    for phase in finished.run.plan.phases:
        done = sorted(
            (piece.start_ns, piece.start_ns + piece.elapsed_ns, piece, trial.entry)
            for trial in finished.trials
            if (trial.block, trial.condition) == (phase.block, phase.condition)
            for piece in trial.slices
        )
        seen = [(piece.round, piece.position, entry) for _, _, piece, entry in done]
        assert seen == [
            (number, position, names[index])
            for number, order in enumerate(phase.orders)
            for position, index in enumerate(order)
        ]
        assert all(end <= start for (_, end, *_), (start, *_) in pairwise(done))


def test_phases_were_measured_in_the_planned_order(finished: Finished) -> None:
    starts = [
        min(
            piece.start_ns
            for trial in finished.trials
            if (trial.block, trial.condition) == (phase.block, phase.condition)
            for piece in trial.slices
        )
        for phase in finished.run.plan.phases
    ]
    assert starts == sorted(starts)


def test_the_duplicate_is_the_baseline_once_more(finished: Finished) -> None:
    twins = [t for t in finished.trials if t.entry == "toy/good#duplicate"]
    assert len(twins) == BLOCKS * len(ENDPOINTS)
    assert {t.variant for t in twins} == {"toy/good"}


def test_counts_and_times_of_every_slice_are_plausible(finished: Finished) -> None:
    for trial in finished.trials:
        assert len(trial.slices) == ROUNDS
        for piece in trial.slices:
            assert piece.errors == {}
            assert piece.reconnects == 0
            assert piece.correct >= trial.condition.connections
            assert SLICE_S * 1e9 <= piece.elapsed_ns <= piece.window_ns
            # One thread at a time has the interpreter, in the toy as in the generator.
            assert 0 < piece.server_cpu_ns <= 1.2 * piece.window_ns
            assert 0 < piece.generator_cpu_ns <= 1.2 * piece.window_ns
            assert piece.database_cpu_ns is not None
            if piece.correct > 2 * trial.condition.connections:
                assert piece.latency_p50_ns is not None
                assert piece.latency_p99_ns is not None
                assert 0 < piece.latency_p50_ns <= piece.latency_p99_ns <= piece.elapsed_ns


def test_the_database_works_only_where_the_contract_says_so(finished: Finished) -> None:
    """By its work for a request in the cheapest slices: it also works for nobody now and then."""
    least = dict.fromkeys(ENDPOINTS, math.inf)
    for trial in finished.trials:
        for piece in trial.slices:
            cost = slice_value(Measure.DATABASE_CPU, piece)
            assert cost is not None
            least[trial.condition.endpoint] = min(least[trial.condition.endpoint], cost)
    assert least["noop"] < 0.2 * least["io_read"]
    assert least["noop"] < 0.2 * least["io_create"]


def test_the_histogram_holds_what_is_left_between_the_edges(finished: Finished) -> None:
    for trial in finished.trials:
        edges = 2 * trial.condition.connections
        kept = sum(max(0, piece.correct - edges) for piece in trial.slices)
        histogram = trial.latency_hdr
        assert (HdrHistogram.decode(histogram).get_total_count() if histogram else 0) == kept


def test_memory_threads_and_processes_of_each_server_are_kept(finished: Finished) -> None:
    for trial in finished.trials:
        assert trial.processes == 1
        assert trial.threads is not None
        assert trial.threads > trial.condition.connections  # one each, and the listener
        assert trial.rss_peak_kib is not None
        assert 10_000 < trial.rss_peak_kib < 500_000
        assert trial.idle_cpu_share is not None


def test_cpu_that_a_request_is_known_to_burn_is_found_in_full(finished: Finished) -> None:
    """Three milliseconds by the server's own thread clock, on top of what the request costs.

    A neighbour adds to CPU time, and never takes away: each slice has them, the cheapest no more.
    """
    cheapest: dict[str, float] = {}
    for trial in finished.trials:
        if trial.condition.endpoint == "noop":
            cost = trial_value(Measure.CPU, trial)
            assert cost is not None
            slices = [slice_value(Measure.CPU, piece) or 0 for piece in trial.slices]
            assert min(slices) <= cost <= max(slices)
            cheapest[trial.entry] = min(cheapest.get(trial.entry, cost), *slices)
    assert cheapest["toy/burning"] - cheapest["toy/good"] == pytest.approx(3_000, rel=0.2)


def test_progress_counts_every_slice_of_the_run_once(finished: Finished) -> None:
    total = BLOCKS * len(ENDPOINTS) * ROUNDS * len(ENTRIES)
    told = finished.listener.progressed
    assert [each.done for each in told] == list(range(1, total + 1))
    assert {each.endpoint for each in told} == set(ENDPOINTS)
    assert {each.entry for each in told} == set(ENTRIES)
    assert all(each.throughput > 0 for each in told)


def test_after_each_block_the_listener_learns_what_is_known(finished: Finished) -> None:
    told = finished.listener.knowledge
    assert [known.blocks for known in told] == list(range(1, BLOCKS + 1))
    assert told[-1] == so_far(finished.run, finished.trials, BLOCKS)
    assert len(told[0].standings) == len(ENDPOINTS)


def test_nothing_is_computed_while_servers_are_up(finished: Finished) -> None:
    """What is known after a block is told after its servers have stopped."""
    order = finished.listener.order
    stopped = [at for at, what in enumerate(order) if "stopping the servers" in what]
    known = [at for at, what in enumerate(order) if what == "known"]
    assert len(known) == BLOCKS
    assert [at + 1 for at in stopped] == known


def test_the_phases_that_follow_are_told_before_the_first(finished: Finished) -> None:
    assert finished.listener.phases == list(finished.run.plan.phases)


def test_every_variant_was_verified_once_and_the_outcome_kept(finished: Finished) -> None:
    assert finished.listener.verified_names == ["toy/good", "toy/burning"]
    kept = finished.run.verifications
    assert [(v.variant, v.passed) for v in kept] == [("toy/good", True), ("toy/burning", True)]


def test_what_is_published_names_neither_machine_nor_secret(finished: Finished) -> None:
    write_report(finished.store)
    published = [p for p in finished.store.folder.rglob("*") if p.suffix in {".json", ".html"}]
    published.append(finished.store.folder / "report.md")
    assert len(published) > len(finished.trials)
    secrets = {
        str(finished.workspace.root), str(cache_folder()), sys.prefix, str(Path.home()),
        platform.node(), "postgresql://", "127.0.0.1",
    }  # fmt: skip
    for path in published:
        text = path.read_text(encoding="utf-8")
        assert [secret for secret in secrets if len(secret) > 2 and secret in text] == [], path


def test_the_environment_that_was_measured_is_described(finished: Finished) -> None:
    run = finished.run
    assert run.implementations["toy"].packages["psycopg"].startswith("3.")
    assert len(run.implementations["toy"].lock_digest) == 16
    assert run.variants["toy/burning"].factors == {"views": "sync", "pool": "pooled"}
    assert run.embedded_database
    assert run.database["server_version"].startswith("18")
    assert run.machine["processors"] == len(os.sched_getaffinity(0))


def test_nothing_is_left_running(finished: Finished) -> None:
    assert left_running(finished.workspace, os.getpid()) == []
    assert below("harness.load.worker.worker") == []


class Troubled(msgspec.Struct):
    """A command whose run had trouble. output, errors: what it wrote, each in one line."""

    store: Store
    status: object
    output: str
    errors: str


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Troubled:
    """A run of a good server, one that dies, one that turns wrong, one that is excluded.

    A crowd loads another, which passes its checks and refuses all of the crowd.
    """
    workspace = toy_workspace(tmp_path_factory.mktemp("troubled") / "workspace")
    names = ["good", "dies-under-load", "wrong-under-load", "crashes-at-start"]
    # On one connection, so that a slow machine too comes to the requests that fail.
    condition = '[[conditions]]\nendpoint = "noop"\nconnections = {}\nrows = 50\n'
    conditions = condition.format(1) + condition.format(CROWD) + 'group = "crowd"\n'
    write_study(
        workspace, "trouble", names, endpoints=(), blocks=1, slice_s=0.2, conditions=conditions,
        extra=f'[groups]\ncrowd = ["{REFUSES}"]\n',
    )  # fmt: skip
    with (
        handlers_kept(),
        trusting(but=["toy/crashes-at-start", REFUSES]),
        undisturbed(),
        undrawn(),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(StringIO()) as output,
        redirect_stderr(StringIO()) as errors,
    ):
        patch.setenv("BRIDGETOLL_ROOT", str(workspace.root))
        patch.setattr(sys, "argv", ["bridgetoll", "run", "trouble"])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    assert workspace.results.is_dir(), errors.getvalue()
    (folder,) = workspace.results.iterdir()
    assert left_running(workspace, os.getpid()) == []
    said, complained = (" ".join(text.getvalue().split()) for text in (output, errors))
    return Troubled(Store(folder), leaving.value.code, said, complained)


@pytest.fixture
def kept(troubled: Troubled) -> dict[str, Trial]:
    trials, damaged = troubled.store.trials()
    assert damaged == []
    return {trial.entry: trial for trial in trials if trial.condition.connections == 1}


def test_a_server_that_dies_leaves_its_trial_with_its_last_words(kept: dict[str, Trial]) -> None:
    trial = kept["toy/dies-under-load"]
    assert trial.problem is not None
    assert trial.problem.startswith("the server died")
    assert "toy: I have had enough" in trial.problem
    assert 1 <= len(trial.slices) <= ROUNDS
    assert sum(sum(piece.errors.values()) for piece in trial.slices) > 0


def test_the_others_are_measured_to_the_end(kept: dict[str, Trial]) -> None:
    for name in ("toy/good", "toy/good#duplicate", "toy/wrong-under-load"):
        assert kept[name].complete
        assert len(kept[name].slices) == ROUNDS


def test_a_server_that_turns_wrong_under_load_is_caught_by_every_response_checked(
    kept: dict[str, Trial],
) -> None:
    trial = kept["toy/wrong-under-load"]
    correct = sum(piece.correct for piece in trial.slices)
    assert correct <= HONEST * trial.condition.connections
    assert trial.slices[-1].errors["body"] > 0
    assert any("something" in sample for sample in trial.error_samples)
    assert all(piece.errors == {} for piece in kept["toy/good"].slices)


def test_a_variant_that_fails_verification_is_excluded_with_the_reason(
    troubled: Troubled, kept: dict[str, Trial]
) -> None:
    store = troubled.store
    run = store.read_run()
    assert list(run.excluded) == ["toy/crashes-at-start"]
    assert "toy: I will not start today" in run.excluded["toy/crashes-at-start"]
    assert "toy/crashes-at-start" not in kept
    for name in ("report/index.html", "report.md"):
        text = (store.folder / name).read_text(encoding="utf-8")
        assert "toy/crashes-at-start" in text
        assert "toy: I will not start today" in text


def test_the_run_ends_with_status_1_and_says_what_failed(troubled: Troubled) -> None:
    assert troubled.status == 1
    for fact in ("No figures for ", "1 trial ", "toy/dies-under-load", "--resume"):
        assert fact in troubled.errors
    assert "Traceback" not in troubled.errors


def ended(folder: Path, names: list[str], checked: list[str]) -> tuple[Store, object, str, str]:
    """Run a study of toys by the command: its store, status, output and errors, each in a line."""
    workspace = toy_workspace(folder / "workspace")
    write_study(workspace, "zero", names, blocks=1)
    with (
        handlers_kept(),
        trusting(but=checked),
        undrawn(),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(StringIO()) as output,
        redirect_stderr(StringIO()) as errors,
    ):
        patch.setenv("BRIDGETOLL_ROOT", str(workspace.root))
        patch.setattr(sys, "argv", ["bridgetoll", "run", "zero"])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    (path,) = workspace.results.iterdir()
    said, complained = (" ".join(text.getvalue().split()) for text in (output, errors))
    return Store(path), leaving.value.code, said, complained


def test_a_variant_that_only_refuses_under_load_keeps_its_row_and_fails_the_run(
    troubled: Troubled,
) -> None:
    """It passes its checks, and answers no request of the load correctly."""
    store = troubled.store
    assert REFUSES not in store.read_run().excluded
    assert troubled.status == 1
    refused = f"{REFUSES} under noop, {CROWD} connections, 50 rows (starved: no correct answer ("
    assert refused in troubled.errors
    assert " answers with status 503)" in troubled.errors
    assert f"{REFUSES} starved" in troubled.output  # its row stands beside the others'
    for file in ("report.md", "report/index.html", "report/trials.csv", "report/summary.json"):
        text = (store.folder / file).read_text(encoding="utf-8")
        assert REFUSES in text
        assert "starved" in text
        data = file.endswith((".csv", ".json"))
        assert ("status 503" if data else " answers with status 503") in text
    (trial,) = (t for t in store.trials()[0] if t.entry == REFUSES)
    assert trial.complete
    assert sum(piece.correct for piece in trial.slices) == 0
    assert any("too many at once" in sample for sample in trial.error_samples)


def test_a_variant_that_was_excluded_before_measuring_is_a_warning_and_no_failure(
    tmp_path: Path,
) -> None:
    name = "toy/crashes-at-start"
    store, status, output, errors = ended(tmp_path, ["good", "crashes-at-start"], [name])
    assert list(store.read_run().excluded) == [name]
    assert status in (0, None)
    assert f"{name} no figure: excluded" in output
    assert "error" not in errors
    rows = (store.folder / "report/trials.csv").read_text(encoding="utf-8").splitlines()
    (row,) = (row for row in rows if name in row)
    assert "excluded" in row
    assert "I will not start today" in row


def test_a_baseline_that_fails_ends_the_run_before_any_measurement(tmp_path: Path) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    path = write_study(workspace, "hopeless", ["crashes-at-start"])
    laboratory = laboratory_of(workspace, Recorder())
    with pytest.raises(RunFailed, match="baseline `toy/crashes-at-start`"):
        run_study(laboratory, "hopeless", load_study(path, laboratory.catalog))
    assert not list(workspace.results.iterdir())  # such a run could not be resumed
    assert left_running(workspace, os.getpid()) == []
