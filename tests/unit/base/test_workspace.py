import os
from pathlib import Path

import platformdirs
import pytest

from harness.base.workspace import Workspace, cache_folder


def test_default_root_is_the_repository() -> None:
    here = Workspace()
    assert (here.root / "pyproject.toml").is_file()
    assert (here.shared / "schema.sql").is_file()
    assert (here.implementations / "django").is_dir()
    assert here.results == here.root / "results"


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
