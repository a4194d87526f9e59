"""Runs over hosts with addresses of their own: network namespaces of this machine.

One small run is made every time; `--every-variant` adds lost machines, cut links and refusals.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.base.workspace import Workspace
from harness.lab.process import wait_until
from harness.records.run import Run
from harness.records.store import Store
from tests.toys.namespaces import ROLES, SCHEDULER, SECOND, Hosts, hosts
from tests.toys.workspaces import toy_workspace, write_study

PATIENCE_S = 240.0
MINUTE_S = 60.0
HOUR_S = 3_600
SLOW_KBIT = 2_000
"""An insert of some 500 bytes and its answer of 300 then take 2 ms."""
VARIANTS = ("good", "burning")
FAR = """
[[conditions]]
endpoint = "io_read"
connections = 4
rows = 50
window_s = 0.5
latency = { database_ms = 20 }
"""
"""A window whose statements take the relay, which listens on the load's host."""
USERS = 8
RIDDEN = f"""
title = "Toys, ridden by locusts of two hosts"
question = "Is a cell measured as it should be?"
variants = ["toy/good"]
baseline = "toy/good"
blocks = 1
seed = 7
[server]
pool_size = 4
[database]
max_connections = 60
[load]
engine = "locust"
processes = 2
ramp = {{ per_s = 8, hold_s = 6 }}
[[conditions]]
endpoint = "io_create"
connections = {USERS}
rows = 10
latency = {{ client_ms = 20 }}
"""


@pytest.fixture
def toys_of_hosts(tmp_path: Path) -> Workspace:
    workspace = toy_workspace(tmp_path / "workspace")
    write_study(workspace, "small", VARIANTS, blocks=1, conditions=FAR)
    write_study(workspace, "long", VARIANTS, endpoints=("noop",), blocks=40, rounds=10)
    (workspace.shared / "studies" / "ridden.toml").write_text(RIDDEN)
    return workspace


@pytest.fixture
def network(tmp_path: Path, toys_of_hosts: Workspace) -> Iterator[Hosts]:
    with hosts(tmp_path, toys_of_hosts) as made:
        yield made


@pytest.fixture
def joined(network: Hosts) -> Hosts:
    """Hosts whose workers have joined."""
    for role in ROLES:
        network.start(role)
    network.await_joined(ROLES)
    return network


@pytest.fixture
def thorough(request: pytest.FixtureRequest) -> None:
    """Skip unless every case is asked for."""
    if not request.config.getoption("--every-variant"):
        pytest.skip("takes long; --every-variant runs it")


def begin(network: Hosts, workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    """The command `run` on the scheduler's host."""
    command = [sys.executable, "-m", "tests.toys.trusting_command", "run", *arguments]
    return subprocess.Popen(
        network.within(SCHEDULER, [*command, "--cluster", network.cluster]),
        env={
            **os.environ,
            "BRIDGETOLL_ROOT": str(workspace.root),
            "PYTHONPATH": str(Workspace().root),
            "COLUMNS": "80",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status, and its standard error on one line."""
    try:
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return process.returncode, " ".join(err.split())


def kept(workspace: Workspace) -> tuple[Store, Run]:
    (folder,) = workspace.results.iterdir()
    store = Store(folder)
    return store, store.read_run()


def measured(workspace: Workspace, least: int) -> bool:
    """Whether so many trials are kept."""
    return len(list(workspace.results.glob("*/trials/*.json"))) >= least


def test_a_study_is_measured_over_three_hosts(joined: Hosts, toys_of_hosts: Workspace) -> None:
    status, err = finish(begin(joined, toys_of_hosts, "small"))
    assert status == 0, err
    store, run = kept(toys_of_hosts)
    trials, _ = store.trials(run)
    assert len(trials) == 6
    assert all(trial.complete for trial in trials)
    for trial in trials:
        for piece in trial.slices:
            assert piece.correct > 0
            assert not piece.errors
            assert piece.server_cpu_ns > 0
            assert piece.generator_cpu_ns > 0
            assert piece.database_cpu_ns is not None
    assert [machine.roles for machine in run.machines] == [(role,) for role in ROLES]
    assert {machine.number for machine in run.machines} == {0}  # one kernel: told as co-located
    assert run.continuing.endswith("--cluster ADDRESS")
    for trial in trials:
        if trial.condition.latency is not None:
            assert trial.round_trips is not None
            assert trial.round_trips.database_before >= 20
            assert trial.slices[0].latency_p50_ns is not None
            assert trial.slices[0].latency_p50_ns >= 40e6  # two statements
    # The servers' burning is seen by a clock on another host than the generator's.
    # A busy machine may make a slice dearer and never cheaper, so the cheapest ones are compared.
    near = [trial for trial in trials if trial.condition.latency is None]
    cost: dict[str, float] = {}
    for trial in near:
        cheapest = min(piece.server_cpu_ns / piece.correct for piece in trial.slices)
        cost[trial.variant] = min(cost.get(trial.variant, cheapest), cheapest)
    assert 2_400_000 <= cost["toy/burning"] - cost["toy/good"] <= 4_500_000
    for role in ROLES:
        gone = wait_until(lambda role=role: not joined.running(role), MINUTE_S)  # type: ignore[misc]
        assert gone, role


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("how", ["kill", "cut"])
def test_a_lost_machine_ends_the_run_which_continues_when_it_is_back(
    joined: Hosts, toys_of_hosts: Workspace, role: str, how: str
) -> None:
    process = begin(joined, toys_of_hosts, "long", "--blocks", "4")
    assert wait_until(lambda: measured(toys_of_hosts, 3) or process.poll() is not None, PATIENCE_S)
    joined.kill(role) if how == "kill" else joined.cut(role)
    status, err = finish(process)
    assert status == 1, err
    assert f"{joined.address(role)} ({role})" in err
    assert "--resume" in err
    store, run = kept(toys_of_hosts)
    before = len(store.trials(run)[0])
    assert before >= 3
    if how == "cut":
        joined.kill(role)
        joined.join(role)
    assert wait_until(lambda: not joined.running(role), MINUTE_S)
    joined.restart(role)
    status, err = finish(begin(joined, toys_of_hosts, "--resume", run.id))
    assert status == 0, err
    assert store.kept(run).complete


@pytest.fixture
def ridden(joined: Hosts) -> Hosts:
    """Hosts of which two offer load."""
    joined.start(SECOND)
    joined.await_joined([SECOND])
    return joined


def followers(network: Hosts, host: str) -> list[psutil.Process]:
    """Locust's workers on a host."""
    found = []
    for pid in network.running(host):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if "--worker" in process.cmdline() and process.cpu_times().user > 0.2:
                found.append(process)
    return found


def await_both(network: Hosts, process: subprocess.Popen[str]) -> None:
    """Wait until Locust sends from both hosts."""
    both = wait_until(
        lambda: (
            all(followers(network, host) for host in ("load", SECOND)) or process.poll() is not None
        ),
        PATIENCE_S,
    )
    assert both
    assert process.poll() is None, finish(process)


@pytest.mark.usefixtures("thorough")
def test_locust_sends_from_every_host_that_offers_load(
    ridden: Hosts, toys_of_hosts: Workspace
) -> None:
    process = begin(ridden, toys_of_hosts, "ridden")
    await_both(ridden, process)
    status, err = finish(process)
    assert status == 0, err
    store, run = kept(toys_of_hosts)
    assert [machine.roles for machine in run.machines] == [
        ("application",), ("database",), ("load",), ("load",),
    ]  # fmt: skip
    assert run.locust is not None
    assert "locust" in run.locust.packages
    (trial,) = store.trials(run)[0]
    assert trial.complete
    assert trial.ramp is not None
    assert trial.round_trips is not None
    (piece,) = trial.slices
    assert trial.ramp.users == USERS
    assert piece.correct > 0
    assert not piece.errors
    assert piece.latency_p50_ns is not None
    assert piece.latency_p50_ns >= 20e6
    assert piece.server_cpu_ns > 0
    assert piece.database_cpu_ns
    assert piece.generator_cpu_ns > 0
    assert {path.suffix for path in store.logs.glob("*io_create*")} >= {".html", ".log"}
    assert len(list(store.logs.glob("*.worker-*.log"))) == 2


@pytest.mark.usefixtures("thorough")
def test_a_worker_of_locust_that_dies_is_a_finding_and_a_lost_host_the_end_of_the_run(
    ridden: Hosts, toys_of_hosts: Workspace
) -> None:
    process = begin(ridden, toys_of_hosts, "ridden")
    await_both(ridden, process)
    followers(ridden, SECOND)[0].kill()
    status, err = finish(process)
    assert status == 1, err
    assert f"Locust's worker 2 of 2 on {ridden.address(SECOND)} was ended by SIGKILL" in err
    store, run = kept(toys_of_hosts)
    (trial,) = store.trials(run)[0]
    assert [event.kind for event in trial.events] == ["load-worker-lost"]
    process = begin(ridden, toys_of_hosts, "--resume", run.id)
    await_both(ridden, process)
    ridden.kill(SECOND)
    status, err = finish(process)
    assert status == 1, err
    assert f"{ridden.address(SECOND)} (load) is lost" in err
    assert wait_until(lambda: not ridden.running(SECOND), MINUTE_S)
    ridden.restart(SECOND)
    status, err = finish(begin(ridden, toys_of_hosts, "--resume", run.id))
    assert status == 0, err
    assert store.kept(run).complete


@pytest.mark.usefixtures("thorough")
def test_two_hosts_for_load_are_refused_where_one_process_sends(
    ridden: Hosts, toys_of_hosts: Workspace
) -> None:
    status, err = finish(begin(ridden, toys_of_hosts, "small"))
    assert status == 2
    assert ridden.address("load") in err
    assert ridden.address(SECOND) in err


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("study", ["small", "ridden"])
def test_clocks_of_hosts_may_be_hours_apart(
    network: Hosts, toys_of_hosts: Workspace, study: str
) -> None:
    """Each host started at another time, as their monotonic clocks tell."""
    hosts_of = ROLES if study == "small" else (*ROLES, SECOND)
    for number, host in enumerate(hosts_of):
        network.start(host, ahead_s=HOUR_S * (number + 1))
    network.await_joined(hosts_of)
    status, err = finish(begin(network, toys_of_hosts, study))
    assert status == 0, err
    store, run = kept(toys_of_hosts)
    for trial in store.trials(run)[0]:
        assert trial.complete
        assert not trial.events
        for piece in trial.slices:
            assert 0 < piece.window_ns < 60e9
            assert 0 < piece.elapsed_ns < 60e9
            assert 0 < piece.server_cpu_ns < piece.window_ns * 2
            if trial.ramp is not None:
                assert trial.ramp.users == USERS
                assert sum(trial.ramp.came_per_second) == USERS


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("role", ROLES)
def test_a_time_of_day_that_is_an_hour_off_on_one_host_changes_nothing(
    network: Hosts, toys_of_hosts: Workspace, role: str
) -> None:
    faked = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if faked is None:
        pytest.skip("libfaketime is missing (Debian's package `faketime`)")
    for host in ROLES:
        network.start(host, faked=str(faked) if host == role else None)
    network.await_joined(ROLES)
    status, err = finish(begin(network, toys_of_hosts, "small"))
    assert status == 0, err
    store, run = kept(toys_of_hosts)
    trials, _ = store.trials(run)
    assert all(trial.complete and not trial.events for trial in trials)


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("role", ["database", "load"])
def test_a_slow_link_slows_down_the_answers_and_spoils_nothing(
    joined: Hosts, toys_of_hosts: Workspace, role: str
) -> None:
    joined.slow_down(role, SLOW_KBIT)
    status, err = finish(begin(joined, toys_of_hosts, "small"))
    assert status == 0, err
    store, run = kept(toys_of_hosts)
    trials, _ = store.trials(run)
    assert all(trial.complete for trial in trials)
    assert all(piece.correct for trial in trials for piece in trial.slices)


@pytest.mark.usefixtures("thorough")
def test_a_host_with_another_lock_is_refused_by_name(
    network: Hosts, toys_of_hosts: Workspace, tmp_path: Path
) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(toys_of_hosts.root, other.root)
    lock = other.implementations / "toy" / "requirements.lock"
    lock.write_text(lock.read_text() + "# another\n")
    for role in ROLES:
        network.start(role, other if role == "application" else None)
    network.await_joined(ROLES)
    status, err = finish(begin(network, toys_of_hosts, "small"))
    assert status == 2
    assert network.address("application") in err
    assert "the lock of toy" in err
    assert "the lock" not in err.partition("the lock of toy")[2]
    assert not list(toys_of_hosts.results.iterdir())


@pytest.mark.usefixtures("thorough")
def test_a_database_that_only_the_harness_reaches_is_refused(
    joined: Hosts, toys_of_hosts: Workspace
) -> None:
    joined.hide("application", "database")
    status, err = finish(begin(joined, toys_of_hosts, "small"))
    assert status == 2
    assert "cannot use the database" in err
    assert joined.address("database") in err


@pytest.mark.usefixtures("thorough")
def test_a_role_that_no_machine_offers_is_refused(network: Hosts, toys_of_hosts: Workspace) -> None:
    for role in ROLES[:2]:
        network.start(role)
    network.start("load", role="laod")
    network.await_joined(ROLES)
    status, err = finish(begin(network, toys_of_hosts, "small"))
    assert status == 2
    assert "`load`" in err
    assert "`laod`" in err
