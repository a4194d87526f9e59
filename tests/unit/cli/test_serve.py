"""The command `serve`."""

import http.client
import json
import signal
import socket
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.lab.network import free_port
from tests.toys.command import PATIENCE_S, left_running, start_command
from tests.toys.entry import Call
from tests.toys.workspaces import toy_workspace


def test_a_folder_with_several_variants_is_told_them(call: Call) -> None:
    said = call("serve", "toy")
    assert said.status == 2
    assert "choose one" in said.sentence
    assert "toy/good" in said.sentence


def test_a_folder_with_one_variant_is_served_and_what_the_server_prints_appears(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at its start, which is told in one sentence, and its words once."""
    monkeypatch.delenv("BRIDGETOLL_ROOT")  # or it would be laid out like the shelf
    workspace = toy_workspace(tmp_path / "workspace")
    manifest = workspace.implementations / "toy" / "pyproject.toml"
    text = manifest.read_text()
    head, _, _ = text.partition("[tool.bridgetoll.variants.")
    manifest.write_text(
        f"{head}[tool.bridgetoll.variants.only]\ntitle = 'one'\nserver = 'toy'\n"
        "app = 'server.py'\nfactors = { pool = 'pooled' }\n"
        "env = { TOY_FAULT = 'crashes-at-start' }\n"
    )
    monkeypatch.setenv("BRIDGETOLL_ROOT", str(workspace.root))
    said = call("serve", "toy")
    assert said.status == 1
    assert said.err.count("toy: I will not start today") == 1
    assert "The server of `toy/only` ended" in said.sentence
    assert "stands above" in said.sentence


def test_a_port_in_use_is_told_with_the_way_out(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = call("serve", "toy/good", "--port", str(taken.getsockname()[1]))
    assert said.status == 2
    assert "Address already in use" in " ".join(said.err.split())
    assert "--port" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_on_its_port_until_it_is_stopped(
    shelf: Workspace, number: signal.Signals
) -> None:
    port = free_port()  # which no test beside this one takes before the server listens
    process = start_command(shelf, "serve", "toy/good", "--port", str(port), "--rows", "7")
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        connection.request("GET", "/io_read")
        assert json.loads(connection.getresponse().read())["ct"] == 7
        connection.close()
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert left_running(shelf, process.pid) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
