"""Added latency, from a study to its trials: real servers behind a real relay."""

from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import patch

import msgspec
import pytest

from harness.inputs.study_loader import load_study
from harness.lab.latency.injector import Leg
from harness.lab.network import HOST, Address
from harness.records.histogram import percentile_ns
from harness.records.trial import Trial
from harness.runner import legs as measuring
from harness.runner.legs import Legs
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting, undisturbed
from tests.toys.workspaces import toy_workspace, write_study

DATABASE_MS, CLIENT_MS = 80, 60
"""Several times what a busy machine adds to a round trip."""
CONDITIONS = f"""
[[conditions]]
endpoint = "io_read"
connections = 8
rows = 50
window_s = 2.0
latency = {{ database_ms = {DATABASE_MS}, client_ms = {CLIENT_MS} }}

[[conditions]]
endpoint = "io_read"
connections = 8
rows = 50
window_s = 2.0
latency = {{}}
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    workspace = toy_workspace(tmp_path_factory.mktemp("legs") / "workspace")
    path = write_study(workspace, "far", ["good"], endpoints=(), blocks=1, conditions=CONDITIONS)
    laboratory = laboratory_of(workspace, Recorder())
    study = load_study(path, laboratory.catalog)
    # As many connections as requests: waiting for one would be latency too.
    study = msgspec.structs.replace(
        study, server=msgspec.structs.replace(study.server, pool_size=8)
    )
    # Of the pings of a look the quickest counts: a busy machine may hold up most of them.
    quickest = patch.object(measuring, "statistics", SimpleNamespace(median=min))
    with trusting(), undisturbed(), quickest:
        found, damaged = run_study(laboratory, "far", study).trials()
    assert damaged == []
    return found


def of(trials: list[Trial], *, far: bool) -> list[Trial]:
    found = [
        t for t in trials if bool(t.condition.latency and t.condition.latency.client_ms) is far
    ]
    assert len(found) == 2, "the variant and its duplicate"
    return found


@dataclass(frozen=True)
class Kept:
    """Round trips as trials keep them, in milliseconds: before and after each."""

    database: list[float]
    client: list[float]


def kept_round_trips(trials: list[Trial]) -> Kept:
    kept = [trial.round_trips for trial in trials if trial.round_trips is not None]
    assert len(kept) == len(trials)
    return Kept(
        [found for trips in kept for found in (trips.database_before, trips.database_after)],
        [found for trips in kept for found in (trips.client_before, trips.client_after)],
    )


def test_every_answer_takes_at_least_its_round_trips(trials: list[Trial]) -> None:
    for trial in of(trials, far=True):
        least = percentile_ns(trial.latency_hdr, 1)
        assert least is not None
        assert least >= 0.995e6 * (2 * DATABASE_MS + CLIENT_MS), "two queries and one request"


def test_the_measured_round_trip_is_kept_and_not_the_nominal_one(trials: list[Trial]) -> None:
    """The relay never delays less than that; a busy machine may hold up some of the four looks."""
    far, near = (kept_round_trips(of(trials, far=far)) for far in (True, False))
    assert min(far.database) > DATABASE_MS
    assert min(near.database) < DATABASE_MS
    assert CLIENT_MS not in far.client
    # It is what is left of two measurements, and either may have been held up.
    assert any(found == pytest.approx(CLIENT_MS, abs=CLIENT_MS / 2) for found in far.client)


def test_a_condition_without_delay_goes_through_the_relay_too(trials: list[Trial]) -> None:
    for trial in trials:
        assert trial.complete
        assert not any(s.errors for s in trial.slices)
        assert all(s.relay_cpu_ns > 0 for s in trial.slices)


def test_without_an_injector_every_address_is_the_direct_one() -> None:
    legs = Legs(None)
    legs.shorten()
    url = "postgresql://somebody:secret@127.0.0.1:5432/there"
    assert legs.database_url(url) == url
    assert legs.server_address(Address(HOST, 80)) == Address(HOST, 80)
    assert legs.measure(url, Address(HOST, 80), legs.server_address(Address(HOST, 80))) is None


class _Ways:
    """An injector that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Leg, Address]] = []
        self.pids: tuple[int, ...] = ()
        self.delays_harness = False

    def through(self, leg: Leg, target: Address) -> Address:
        self.asked.append((leg, target))
        return Address(HOST, 10_000 + len(self.asked))

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """Nothing to lengthen."""

    def check_alive(self) -> None:
        """It has no process."""


def test_one_way_is_made_to_each_target_however_often_it_is_asked_for() -> None:
    """A relay would listen on another port for each, until it ends."""
    ways = _Ways()
    legs = Legs(ways)
    url = "postgresql://somebody:secret@127.0.0.1:5432/there"
    assert legs.database_url(url) == legs.database_url(url)
    assert legs.server_address(Address(HOST, 80)) == legs.server_address(Address(HOST, 80))
    assert legs.server_address(Address(HOST, 80)) != legs.server_address(Address(HOST, 81))
    assert len(ways.asked) == 3
