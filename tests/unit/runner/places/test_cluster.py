import socket
import threading
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import UsageError
from harness.inputs.settings import LoadSettings
from harness.inputs.study_loader import load_study
from harness.lab.network import free_port
from harness.runner.places import cluster
from harness.runner.places.cluster import connected, differences, find_roles
from harness.runner.places.roles import ROLES
from tests.toys.laboratory import Recorder, laboratory_of
from tests.toys.workspaces import toy_workspace, write_study
from tests.waiting import PATIENCE_S

HERE = "tcp://10.0.0.1:8786"
A, B, C = (f"tcp://10.0.0.{number}:40000" for number in (2, 3, 4))


def test_each_role_has_the_machine_that_offers_it() -> None:
    offers = {A: ["application"], B: ["database", "load"], C: ["GPU"]}
    assert find_roles(offers, ROLES, HERE) == {A: ("application",), B: ("database", "load")}


def test_a_role_that_no_machine_offers_is_named_with_the_command_that_offers_it() -> None:
    with pytest.raises(UsageError, match=r"`load` \(2 workers joined\)") as refused:
        find_roles({A: ["application"], B: ["database"]}, ROLES, HERE)
    assert f"dask worker {HERE} --resources load=1" in str(refused.value)


def test_a_role_that_a_set_lacks_is_named_with_the_set() -> None:
    with pytest.raises(UsageError, match="the set b offers the role `load`") as refused:
        find_roles(
            {A: ["application", "set_b"], B: ["database", "set_b"]}, ROLES, HERE, machine_set="b"
        )
    assert '--resources "load=1 set_b=1"' in str(refused.value)
    assert "which is no role" not in str(refused.value)


def test_a_misspelt_role_is_pointed_out() -> None:
    with pytest.raises(UsageError, match="`databse`"):
        find_roles({A: ["application", "load"], B: ["databse"]}, ROLES, HERE)


def test_two_machines_for_one_role_are_refused_with_their_addresses() -> None:
    with pytest.raises(UsageError, match="2 machines offer the role `load`") as refused:
        find_roles({A: ["application", "database"], B: ["load"], C: ["load"]}, ROLES, HERE)
    for fact in (B, C, "set_NAME=1"):
        assert fact in str(refused.value)


def test_locust_may_have_a_machine_for_each_of_its_processes() -> None:
    offers = {A: ["application", "database"], B: ["load"], C: ["load"]}
    two = LoadSettings(engine="locust", processes=2)
    assert find_roles(offers, ROLES, HERE, two) == {
        A: ("application", "database"), B: ("load",), C: ("load",),
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"needs one; .*`\[load\] processes = 2`"):
        find_roles(offers, ROLES, HERE, LoadSettings(engine="locust"))


def test_what_differs_between_two_machines_is_told_by_name() -> None:
    ours = {"harness/lab": "1", "the lock of django": "2", "shared/contract": "3"}
    theirs = {"harness/lab": "1", "the lock of django": "9"}
    assert differences(ours, theirs) == ["shared/contract", "the lock of django"]
    assert differences(ours, dict(ours)) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler is waited for longer than the test needs."""
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.5)


def refused(address: str, folder: Path) -> str:
    """What a study of toys is told of such a cluster."""
    workspace = toy_workspace(folder / "workspace")
    laboratory = laboratory_of(workspace, Recorder())
    study = load_study(write_study(workspace, "small", ["good"]), laboratory.catalog)
    named = msgspec.structs.replace(laboratory, cluster=address)
    with pytest.raises(UsageError) as caught, connected(named, study):
        pass
    return str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_an_address_without_a_scheduler_is_told_soon(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    said = refused(address, tmp_path)
    assert address in said
    assert "dask scheduler" in said


@pytest.mark.usefixtures("impatient")
def test_a_port_that_does_not_speak_the_protocol_is_no_scheduler(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = refused(f"tcp://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
    assert "No Dask scheduler answers" in said


def test_a_server_of_another_protocol_is_no_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first bytes would be the length of a message: more than any machine's memory."""
    monkeypatch.setattr(cluster, "_CONNECT_S", PATIENCE_S)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            there, _ = server.accept()
            with there:
                there.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                while there.recv(4096):
                    pass

        greeting = threading.Thread(target=greet)
        greeting.start()
        said = refused(f"tcp://127.0.0.1:{server.getsockname()[1]}", tmp_path)
        greeting.join()
    assert "No Dask scheduler answers" in said
    assert "another protocol" in said


def test_an_address_of_tls_without_certificates_is_told_what_to_set(tmp_path: Path) -> None:
    assert "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT" in refused("tls://127.0.0.1:9", tmp_path)


@pytest.mark.parametrize("address", ["10.0.0.1:8786", "http://10.0.0.1:8786", "scheduler"])
def test_what_is_no_address_of_a_scheduler_is_refused_with_the_form(
    tmp_path: Path, address: str
) -> None:
    assert "tcp://HOST:8786" in refused(address, tmp_path)
