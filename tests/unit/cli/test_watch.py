"""Acting again when a file of an implementation changes."""

from pathlib import Path

import pytest

from harness.base.errors import RunFailed, UnknownName
from harness.base.signals import Interrupted
from harness.base.workspace import Workspace
from harness.cli import watch
from harness.cli.watch import keep_watching, stamps


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An implementation of a workspace, which is looked at often."""
    monkeypatch.setenv("BRIDGETOLL_ROOT", str(tmp_path))
    monkeypatch.setattr(watch, "_POLL_S", 0.01)
    folder = Workspace().implementations / "mine"
    (folder / "app" / "__pycache__").mkdir(parents=True)
    (folder / "app" / "views.py").write_text("1")
    return folder


def test_a_change_a_new_file_and_one_that_is_gone_count_and_caches_do_not(folder: Path) -> None:
    before = stamps([folder])
    assert list(before) == [folder / "app" / "views.py"]
    (folder / "app" / "__pycache__" / "views.cpython-313.pyc").write_text("x")
    (folder / ".views.py.swp").write_text("x")
    assert stamps([folder]) == before
    (folder / "app" / "views.py").write_text("12")
    assert stamps([folder]) != before
    (folder / "app" / "views.py").unlink()
    assert stamps([folder]) == {}


def test_it_acts_again_after_a_change_also_after_a_failure_until_ctrl_c(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def act() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Interrupted(2)
        (folder / "app" / "views.py").write_text("x" * calls * 10)  # while it acts: counts too
        raise RunFailed("1 of 1 variants fail: mine/one.")

    keep_watching(["mine/one", "mine"], act)
    assert calls == 3
    told = capsys.readouterr().err
    assert told.count("1 of 1 variants fail") == 2
    assert "Watching implementations/mine for changes" in " ".join(told.split())


@pytest.mark.usefixtures("folder")
def test_a_name_that_is_none_is_an_error_at_once() -> None:
    def act() -> None:
        raise UnknownName("variant", "mine/onw", ["mine/one"])

    with pytest.raises(UnknownName):
        keep_watching(["mine/onw"], act)
