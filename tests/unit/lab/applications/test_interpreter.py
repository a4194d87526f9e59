"""Which interpreter is taken, and what it says of an application."""

import ast
import os
import sys
from pathlib import Path

import pytest

import harness
from harness.base.errors import UsageError
from harness.inputs.application import OLDEST_PYTHON, Deployment
from harness.lab.applications.interpreter import (
    FoundPython,
    ProbedApplication,
    application_environment,
    find_python,
    probe_application,
)
from tests.toys.applications import deployed, write_project
from tests.waiting import PATIENCE_S

OURS = FoundPython(Path(sys.executable), "--python")


def place_python(folder: Path) -> Path:
    """A program that can be taken for an interpreter."""
    path = folder / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    return path


def probed(
    folder: Path, app: str, files: dict[str, str] | None = None, seconds: float = PATIENCE_S
) -> ProbedApplication:
    write_project(folder, files)
    deployment = deployed(folder, app)
    env = application_environment(deployment, os.environ)
    return probe_application(deployment, OURS, env, ["s3cr3t-word"], seconds)


def refused(folder: Path, app: str, text: str = "", seconds: float = PATIENCE_S) -> str:
    with pytest.raises(UsageError) as caught:
        probed(folder, app, {"broken.py": text}, seconds)
    return str(caught.value)


def probe_program(program: Path, deployment: Deployment) -> None:
    found = FoundPython(program, "--python")
    probe_application(deployment, found, dict(os.environ), seconds=PATIENCE_S)


class TestFinding:
    def test_the_one_that_is_named_comes_first(self, tmp_path: Path) -> None:
        place_python(tmp_path / ".venv")
        named = place_python(tmp_path / "other")
        found = find_python(Deployment("a:b", tmp_path, python=named), os.environ)
        assert found.path == named

    @pytest.mark.parametrize("name", [".venv", "venv"])
    def test_then_that_of_the_folder(self, tmp_path: Path, name: str) -> None:
        path = place_python(tmp_path / name)
        env = {"VIRTUAL_ENV": str(tmp_path / "active"), "PATH": ""}
        place_python(tmp_path / "active")
        assert find_python(Deployment("a:b", tmp_path), env).path == path

    def test_then_that_above_it_in_the_same_repository(self, tmp_path: Path) -> None:
        path = place_python(tmp_path / "repository" / ".venv")
        (tmp_path / "repository" / ".git").mkdir()
        backend = tmp_path / "repository" / "backend"
        backend.mkdir()
        assert find_python(Deployment("a:b", backend), {"PATH": ""}).path == path

    def test_none_is_taken_from_outside_of_the_repository(self, tmp_path: Path) -> None:
        place_python(tmp_path / ".venv")
        project = tmp_path / "project"
        (project / ".git").mkdir(parents=True)
        with pytest.raises(UsageError, match="--python"):
            find_python(Deployment("a:b", project), {"PATH": ""})

    def test_then_the_active_environment_and_then_the_path(self, tmp_path: Path) -> None:
        active, other = place_python(tmp_path / "active"), place_python(tmp_path / "other")
        project = tmp_path / "project"
        project.mkdir()
        env = {"VIRTUAL_ENV": str(tmp_path / "active"), "PATH": str(other.parent)}
        assert find_python(Deployment("a:b", project), env).path == active
        assert find_python(Deployment("a:b", project), {"PATH": env["PATH"]}).path == other

    def test_an_environment_that_uv_made_for_this_command_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own, other = place_python(tmp_path / "own"), place_python(tmp_path / "other")
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "own"))
        path = os.pathsep.join([str(own.parent), str(other.parent)])
        env = {"VIRTUAL_ENV": str(tmp_path / "own"), "PATH": path, "UV": "/bin/uv"}
        project = tmp_path / "project"
        project.mkdir()
        assert find_python(Deployment("a:b", project), env).path == other
        del env["UV"]  # activated by its user
        assert find_python(Deployment("a:b", project), env).path == own


@pytest.mark.parametrize(
    ("program", "oldest"),
    [
        ("lab/applications/probe.py", (3, 7)),  # it tells of interpreters that are too old
        ("lab/applications/serve.py", OLDEST_PYTHON),
        ("lab/applications/made/bridgetoll_made.py", OLDEST_PYTHON),
        ("lab/ladder/bridgetoll_ladder.py", OLDEST_PYTHON),
        ("audit/instrument/sitecustomize.py", OLDEST_PYTHON),
        ("audit/instrument/bridgetoll_witness.py", OLDEST_PYTHON),
        ("audit/instrument/bridgetoll_databases.py", OLDEST_PYTHON),
    ],
)
def test_programs_of_ours_are_understood_by_the_oldest_interpreter(
    program: str, oldest: tuple[int, int]
) -> None:
    text = (Path(harness.__file__).parent / program).read_text()
    ast.parse(text, feature_version=oldest)


class TestEnvironment:
    def test_it_is_inherited_but_for_what_changes_servers(self) -> None:
        env = {"SHOP": "1", "GUNICORN_CMD_ARGS": "--reload", "WEB_CONCURRENCY": "8"}
        made = application_environment(Deployment("a:b", Path("/")), env)
        assert made == {"SHOP": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def test_variables_of_the_deployment_replace_inherited_ones(self) -> None:
        deployment = Deployment("a:b", Path("/"), env={"SHOP": "2"})
        assert application_environment(deployment, {"SHOP": "1"})["SHOP"] == "2"

    def test_a_path_of_an_instrument_comes_before_the_own_one(self) -> None:
        made = application_environment(
            Deployment("a:b", Path("/")), {"PYTHONPATH": "/own"}, {"PYTHONPATH": "/instrument"}
        )
        assert made["PYTHONPATH"] == os.pathsep.join(["/instrument", "/own"])


@pytest.mark.parametrize(
    ("app", "protocol"),
    [
        ("shop:application", "wsgi"), ("shop:flasky", "wsgi"), ("shop:make()", "wsgi"),
        ("shop:asynchronous", "asgi"), ("shop:coroutine", "asgi"), ("shop:old", "asgi2"),
        ("shop:make", "factory"), ("shop:number", None),
    ],
)  # fmt: skip
def test_the_protocol_is_told_by_the_object(tmp_path: Path, app: str, protocol: str | None) -> None:
    assert probed(tmp_path, app).protocol == protocol


def test_the_interpreter_tells_version_packages_and_libraries(tmp_path: Path) -> None:
    found = probed(tmp_path, "shop:application")
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert "msgspec" in found.packages
    assert str(Path(os.__file__).parent) in found.libraries
    assert found.django is None


def test_nothing_is_written_into_the_project(tmp_path: Path) -> None:
    write_project(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    probed(tmp_path, "shop:application")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_an_import_prints_disturbs_nothing(tmp_path: Path) -> None:
    noisy = "print('{}'); import os; os.write(1, b'noise')\nfrom shop import application"
    assert probed(tmp_path, "noisy:application", {"noisy.py": noisy}).protocol == "wsgi"


def test_a_thread_that_goes_on_does_not_hold_it_up(tmp_path: Path) -> None:
    text = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\n"
    assert probed(tmp_path, "a:x", {"a.py": f"{text}x = lambda environ, y: 1"}).protocol == "wsgi"


class TestRefusals:
    def test_a_module_that_is_not_there(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "nothing.here:application")
        assert "no module `nothing`" in told
        assert "--cwd" in told
        assert "\n" not in told

    def test_an_attribute_that_is_not_there_with_the_one_that_is(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "shop:app")
        assert "`shop:application`" in told
        assert "\n" not in told

    def test_a_package_that_is_not_installed_with_the_line_that_imports_it(
        self, tmp_path: Path
    ) -> None:
        told = refused(tmp_path, "broken:application", "import not_installed_here")
        assert "imports `not_installed_here`" in told
        assert sys.executable.rpartition("/")[2] in told
        assert 'broken.py", line 1' in told

    def test_a_variable_that_is_missing(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "broken:x", "import os\nos.environ['SHOP_SECRET_KEY']")
        assert "`--env SHOP_SECRET_KEY=...`" in told

    def test_a_key_of_another_mapping_is_no_variable(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "broken:x", "{}['SHOP_SECRET_KEY']")
        assert "--env" not in told
        assert "KeyError" in told

    def test_any_exception_with_the_last_lines_of_its_traceback(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "broken:x", "def f():\n    return 1 / 0\nf()")
        assert "ZeroDivisionError: division by zero" in told
        assert "in f" in told
        assert "probe.py" not in told

    def test_a_secret_in_a_traceback_is_left_out(self, tmp_path: Path) -> None:
        told = refused(
            tmp_path, "broken:x",
            "raise ValueError('postgresql://ada:hunter2@db s3cr3t-word')",
        )  # fmt: skip
        assert "ValueError" in told
        assert "hunter2" not in told
        assert "s3cr3t-word" not in told

    def test_an_exit(self, tmp_path: Path) -> None:
        assert "SystemExit" in refused(tmp_path, "broken:x", "import sys\nsys.exit('no')")

    def test_an_interpreter_that_dies_with_its_last_words(self, tmp_path: Path) -> None:
        text = "import os, sys\nsys.stderr.write('goodbye\\n')\nsys.stderr.flush()\nos._exit(5)"
        told = refused(tmp_path, "broken:x", text)
        assert "status 5" in told
        assert "goodbye" in told

    def test_an_import_that_does_not_end(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "broken:x", "import time\ntime.sleep(99)", seconds=0.5)
        assert "longer than 0.5 s" in told

    def test_a_program_that_is_no_interpreter(self, tmp_path: Path) -> None:
        program = tmp_path / "tool"
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(0o755)
        deployment = deployed(write_project(tmp_path))
        with pytest.raises(UsageError, match="is no Python"):
            probe_program(program, deployment)

    @pytest.mark.parametrize(
        ("facts", "told"),
        [
            ('{"python": "3.9.25", "implementation": "CPython", "prefix": ""}', r"3\.10 or newer"),
            ('{"python": "3.11.1", "implementation": "PyPy", "prefix": ""}', "CPython"),
        ],
    )
    def test_an_interpreter_that_is_too_old_or_another(
        self, tmp_path: Path, facts: str, told: str
    ) -> None:
        """A program that answers as the probe does there."""
        program = tmp_path / "python"
        program.write_text(f'#!/bin/sh\necho \'{facts}\' > "$3.part" && mv "$3.part" "$3"\n')
        program.chmod(0o755)
        deployment = deployed(write_project(tmp_path))
        with pytest.raises(UsageError, match=told):
            probe_program(program, deployment)

    def test_one_that_cannot_even_read_the_probe(self, tmp_path: Path) -> None:
        program = tmp_path / "python"
        program.write_text("#!/bin/sh\necho 'SyntaxError: invalid syntax' >&2\nexit 1\n")
        program.chmod(0o755)
        deployment = deployed(write_project(tmp_path))
        with pytest.raises(UsageError, match=r"3\.10 or newer"):
            probe_program(program, deployment)
