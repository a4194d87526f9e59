"""Packages beside an application's own, installed by uv for real from wheels made here."""

import sys
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.inputs.servers import Protocol, Server
from harness.lab.applications.interpreter import FoundPython, ProbedApplication
from harness.lab.applications.overlay import Overlay, make_overlay
from tests.toys.wheels import write_wheel

PYTHON = FoundPython(Path(sys.executable), "--python")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where uv finds packages: a server that needs a library, in two releases."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    write_wheel(folder, "toyserver", "2.0", ["toylibrary>=1"])
    write_wheel(folder, "toylibrary", "1.0")
    write_wheel(folder, "toylibrary", "3.0")
    return folder


def overlay(
    cache: Path, installed: dict[str, str], requires: tuple[str, ...] = ("toyserver>=2",)
) -> Overlay:
    server = Server(Protocol.WSGI, True, argv=("{python}",), requires=requires)
    probed = ProbedApplication("3.13.0", "CPython", sys.prefix, packages=installed)
    return make_overlay(cache, "toy", server, PYTHON, probed)


def test_what_is_installed_needs_no_overlay(tmp_path: Path) -> None:
    """No index is asked, and nothing is written."""
    assert overlay(tmp_path, {"toyserver": "2.5"}) == Overlay()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("wheels")
def test_a_missing_server_comes_with_what_it_needs(tmp_path: Path) -> None:
    made = overlay(tmp_path / "cache", {})
    assert made.packages == {"toyserver": "2.0", "toylibrary": "3.0"}
    assert made.folder is not None
    assert (made.folder / "toyserver.py").is_file()
    assert list((made.folder / "__pycache__").glob("toyserver.*.pyc"))


@pytest.mark.usefixtures("wheels")
def test_a_library_of_the_application_is_neither_replaced_nor_repeated(tmp_path: Path) -> None:
    made = overlay(tmp_path / "cache", {"toylibrary": "1.0+local"})
    assert made.packages == {"toyserver": "2.0"}
    assert made.folder is not None
    assert not (made.folder / "toylibrary.py").exists()


def test_an_overlay_is_kept(tmp_path: Path, wheels: Path) -> None:
    first = overlay(tmp_path / "cache", {})
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert overlay(tmp_path / "cache", {}) == first


@pytest.mark.usefixtures("wheels")
def test_a_library_that_the_server_cannot_use_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="toylibrary") as caught:
        overlay(tmp_path / "cache", {"toylibrary": "0.5"})
    assert "--server toy" in str(caught.value)
    assert not list((tmp_path / "cache" / "overlays").glob("*/toyserver.py"))


def test_a_server_that_is_installed_in_another_release_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"toyserver 1\.0.*`toyserver>=2`"):
        overlay(tmp_path, {"toyserver": "1.0"})


def test_an_older_release_that_serves_all_the_same_is_taken(tmp_path: Path) -> None:
    assert overlay(tmp_path, {"gunicorn": "21.2"}, ("gunicorn>=25",)) == Overlay()
    with pytest.raises(UsageError, match=r"gunicorn 19\.9"):
        overlay(tmp_path, {"gunicorn": "19.9"}, ("gunicorn>=25",))
