import os
import tempfile
from pathlib import Path

import platformdirs
import pytest

from harness.base import workspace
from harness.base.workspace import Workspace, cache_folder, without_paths


def test_default_root_is_the_repository() -> None:
    here = Workspace()
    assert (here.root / "pyproject.toml").is_file()
    assert (here.shared / "schema.sql").is_file()
    assert (here.implementations / "django").is_dir()
    assert here.results == here.root / "results"


def test_an_installed_package_brings_its_own_shared_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "site-packages" / "harness" / "shared"
    packed.mkdir(parents=True)
    monkeypatch.setattr(workspace, "_PACKED", packed)
    assert Workspace(tmp_path / "site-packages").shared == packed
    (tmp_path / "checkout" / "shared").mkdir(parents=True)
    assert Workspace(tmp_path / "checkout").shared == tmp_path / "checkout" / "shared"


def test_paths_inside_are_shown_relative_and_others_whole(tmp_path: Path) -> None:
    here = Workspace(tmp_path)
    assert here.shown(tmp_path / "shared" / "a.toml") == "shared/a.toml"
    assert here.shown(Path("/elsewhere/a.toml")) == "/elsewhere/a.toml"


def test_cache_folder_obeys_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_CACHE", str(tmp_path / "a" / ".." / "b"))
    assert cache_folder() == tmp_path / "b"


def test_cache_folder_of_root_is_the_machines_and_else_the_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BRIDGETOLL_CACHE", raising=False)
    own, everyones = (
        Path(f("bridgetoll")) for f in (platformdirs.user_cache_dir, platformdirs.site_cache_dir)
    )
    assert cache_folder() == (everyones if os.geteuid() == 0 else own)


def test_two_checkouts_keep_their_logs_apart(tmp_path: Path) -> None:
    one, other = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    cache = tmp_path / "cache"
    assert one.logs(cache) == Workspace(one.root).logs(cache)
    assert one.logs(cache) != other.logs(cache)
    assert one.logs(cache).is_dir()
    assert one.logs(cache).parent == other.logs(cache).parent == cache / "logs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{tmp}/a: gone", "<tmp>/a: gone"),
        ("in {tmp}.", "in <tmp>."),
        ("'{tmp}'", "'<tmp>'"),
        ("PATH=/x:{tmp}/b", "PATH=/x:<tmp>/b"),
        ("file://{tmp}/c", "file://<tmp>/c"),
        ("-I{tmp}/include", "-I<tmp>/include"),
        ("{cache}/clusters{tmp}abc/data", "<cache>/clusters{tmp}abc/data"),
        ("/srv/clusters{tmp}abc", "/srv/clusters{tmp}abc"),
        ("/srv{tmp}/a", "/srv{tmp}/a"),
        ("{tmp}fs {tmp}-2 {tmp}.old", "{tmp}fs {tmp}-2 {tmp}.old"),
        ("{cache}{cache}", "<cache>{cache}"),
        ("{root}/harness/cli", "<bridgetoll>/harness/cli"),
    ],
)
def test_paths_are_replaced_whole_and_never_inside_a_name(
    monkeypatch: pytest.MonkeyPatch, text: str, shown: str
) -> None:
    monkeypatch.setenv("BRIDGETOLL_CACHE", "/srv/cache")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
    places = {"tmp": "/tmp", "cache": "/srv/cache", "root": str(Workspace().root)}
    assert without_paths(text.format(**places)) == shown.format(**places)
