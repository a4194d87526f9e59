"""The command line: what it prints, and one sentence for whatever a user can get wrong.

Commands that start something run as processes of their own. The many that end at once with an
error run `main` in this process, as the console script does, because a Python that imports the
plotting library takes seconds to start.
"""

import http.client
import json
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from tests.toys.command import left_running, run_command, start_command
from tests.toys.entry import Call
from tests.toys.runs import make_run


def test_the_process_tells_an_error_in_one_sentence_and_its_status(shelf: Workspace) -> None:
    done = run_command(shelf, "plan", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert " ".join(done.stderr.split()).startswith("error: There is no study `nope`; choose one")
    assert "Traceback" not in done.stderr


def test_a_plan_is_told_without_running_anything(call: Call) -> None:
    said = call("plan", "tiny")
    assert said.status == 0
    assert "toy/good" in said.out
    assert "noop" in said.out


def test_a_plan_as_json_holds_every_round(call: Call) -> None:
    made = json.loads(call("plan", "tiny", "--json").out)
    assert made["study"]["variants"] == ["toy/good", "toy/burning"]
    assert len(made["plan"]["phases"]) == 4
    assert all(len(phase["orders"]) == 3 for phase in made["plan"]["phases"])


def test_a_study_may_be_named_by_its_path(call: Call, shelf: Workspace) -> None:
    path = shelf.shared / "studies" / "tiny.toml"
    assert call("plan", str(path), "--json").out == call("plan", "tiny", "--json").out


def test_a_report_is_made_anew_from_the_trials(call: Call, shelf: Workspace) -> None:
    said = call("report", make_run().id)
    assert said.status == 0
    assert (shelf.results / make_run().id / "report" / "index.html").is_file()
    assert f"results/{make_run().id}/report/index.html" in "".join(said.out.split())


def test_a_report_names_the_trials_that_it_leaves_out(call: Call, shelf: Workspace) -> None:
    path = shelf.results / make_run().id / "trials" / "b99-broken.json"
    path.write_text("{")
    try:
        said = call("report", make_run().id)
    finally:
        path.unlink()
    assert said.status == 0
    assert "b99-broken.json" in said.err


def test_runs_are_published_as_a_site(call: Call, tmp_path: Path) -> None:
    said = call("publish", make_run().id, "--to", str(tmp_path / "site"), "--title", "Ours")
    assert said.status == 0
    assert "Ours" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "site" / "runs" / make_run().id / "trials.csv").is_file()
    assert "site/index.html" in "".join(said.out.split())


def test_the_folder_of_a_run_is_not_made_a_site(call: Call, shelf: Workspace) -> None:
    folder = shelf.results / make_run().id
    said = call("publish", make_run().id, "--to", str(folder / "site"))
    assert said.status == 2
    assert "name another folder with --to." in " ".join(said.err.split())
    assert not (folder / "site").exists()


def test_the_doctor_tells_what_can_be_measured_here(call: Call) -> None:
    said = call("doctor", "--json")
    assert said.status == 0
    diagnosis = json.loads(said.out)
    assert diagnosis["ceiling"]["per_s"] > 0
    assert {finding["topic"] for finding in diagnosis["findings"]} >= {"cores", "noise", "netem"}


def test_without_arguments_help_is_shown(call: Call) -> None:
    said = call()
    assert "verify" in said.out + said.err
    assert said.status in (0, 2)


BAD: list[tuple[tuple[str, ...], str]] = [
    (("plan", "nope"), "no study `nope`; choose one of:"),
    (("run", "nope"), "no study `nope`; choose one of:"),
    (("plan", "nowhere/nope.toml"), "nope.toml: no such file"),
    (("verify", "toy/nope"), "no variant `toy/nope`; "),
    (("verify", "nope"), "`bridgetoll list variants` shows all"),
    (("serve", "toy/nope"), "no variant `toy/nope`; "),
    (("report", "nope"), "no run `nope`; choose one of:"),
    (("publish", "nope", "--to", "nowhere/site"), "no run `nope`; choose one of:"),
    (("run", "--resume", "nope"), "no run `nope`; choose one of:"),
    (("run",), "Name a study to run, or a run with --resume"),
    (("run", "tiny", "--resume", make_run().id), "and not both"),
    (("run", "--resume", make_run().id, "--blocks", "3"), "cannot change a run"),
    (("run", "--resume", make_run().id, "--only", "toy/good"), "cannot change a run"),
    (("run", "tiny", "--only", "toy/nope"), "`toy/nope` is not in the study; it has toy/good"),
    (("run", "--resume", make_run().id, "--budget", "5"), "cannot change a run"),
    (("run", "--resume", make_run().id, "--keep-requests"), "cannot change a run"),
    (("run", "tiny", "--budget", "0.02"), "one block of this study takes about"),
    (("serve", "toy/good", "--database-url", "nonsense"), "is not a PostgreSQL URL"),
    (("serve", "toy/good", "--database-url", "mysql://u:p@h/x"), "is not a PostgreSQL URL"),
    (("verify", "toy/good", "--database-url", "postgresql://h:port/x"), "is not a PostgreSQL URL"),
    (("run", "tiny", "--database-url", "nonsense"), "is not a PostgreSQL URL"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_one_sentence_and_status_2(
    call: Call, shelf: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    said = call(*arguments)
    assert said.status == 2
    assert told in said.sentence
    assert said.sentence.endswith(".")
    assert [path.name for path in shelf.results.iterdir()] == [make_run().id]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('title = "x', "not valid TOML"),
        ("title = 3", "`title`: expected `str`, got `int`"),
        ("sede = 3", "unknown key `sede`; the allowed keys are: baseline, blocks,"),
        ("", "is missing; add it"),
    ],
)
def test_a_bad_study_is_told_with_file_and_key(
    call: Call, shelf: Workspace, text: str, told: str
) -> None:
    path = shelf.shared / "studies" / "bad.toml"
    path.write_text(text)
    try:
        said = call("plan", "bad")
    finally:
        path.unlink()
    sentence = " ".join(said.err.split())
    assert said.status == 2
    assert "bad.toml: " in sentence
    assert told in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("plan",),
        ("serve", "toy/good", "--port", "0"),
        ("run", "x", "--blocks", "0"),
        ("publish", "x"),
    ],
)
def test_what_the_parser_refuses_has_status_2_too(call: Call, arguments: tuple[str, ...]) -> None:
    said = call(*arguments)
    assert said.status == 2
    assert said.err
    assert "Traceback" not in said.err


@pytest.fixture
def half_written(shelf: Workspace) -> Iterator[str]:
    """The folder of an implementation whose manifest ends in the middle."""
    folder = shelf.implementations / "half"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project")
    yield folder.name
    shutil.rmtree(folder)


def test_a_half_written_implementation_is_a_warning_for_the_others(
    call: Call, half_written: str
) -> None:
    said = call("plan", "tiny", "--json")
    assert said.status == 0
    assert json.loads(said.out)["study"]["variants"] == ["toy/good", "toy/burning"]
    folder = f"implementations/{half_written}"
    assert " ".join(said.err.split()).startswith(
        f"warning: {folder} is left out: {folder}/pyproject.toml: not valid"
    )


def test_a_half_written_implementation_is_an_error_for_itself(
    call: Call, half_written: str
) -> None:
    said = call("verify", half_written)
    assert said.status == 2
    assert f"{half_written}/pyproject.toml: not valid TOML" in said.sentence


def test_a_port_in_use_is_told_with_the_way_out(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = call("serve", "toy/good", "--port", str(taken.getsockname()[1]))
    assert said.status == 2
    assert "Address already in use" in " ".join(said.err.split())
    assert "--port" in said.err


def test_a_database_that_does_not_answer_is_status_1(call: Call) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{unused.getsockname()[1]}/x"
        said = call("verify", "toy/good", "--database-url", url)
    assert said.status == 1
    assert "cannot be reached" in " ".join(said.err.split())
    assert "secret" not in said.err


def test_verify_tells_the_failed_check_and_status_1(call: Call) -> None:
    said = call("verify", "toy/crashes-at-start", "--json")
    (result,) = json.loads(said.out)
    assert result["variant"] == "toy/crashes-at-start"
    assert result["outcomes"][0]["check"] == "starts"
    assert said.status == 1
    assert "1 of 1 variants fail: toy/crashes-at-start" in " ".join(said.err.split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_on_its_port_until_it_is_stopped(
    shelf: Workspace, number: signal.Signals
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start_command(shelf, "serve", "toy/good", "--port", str(port), "--rows", "7")
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/io_read")
        assert json.loads(connection.getresponse().read())["ct"] == 7
        connection.close()
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert left_running(shelf, process.pid) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_folder_that_is_no_run_yet_is_left_out_of_a_site(
    call: Call, shelf: Workspace, tmp_path: Path
) -> None:
    """As a shell's `results/*/` names it while another run is going on."""
    empty = tmp_path / "begun"
    empty.mkdir()
    to = ("--to", str(tmp_path / "site"))
    said = call("publish", str(shelf.results / make_run().id), str(empty), *to)
    assert said.status == 0
    assert "it holds no `run.json`" in " ".join(said.err.split())
    assert call("publish", str(empty), *to).status == 2
