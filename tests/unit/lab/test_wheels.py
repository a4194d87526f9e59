"""Wheels built by uv for real, by a backend of their own: no index is asked."""

import subprocess
from pathlib import Path

import pytest

from harness.base.errors import EnvironmentFailed
from harness.lab.wheels import build_wheel, kept_wheel

BACKEND = """
import os, tarfile, zipfile
def build_sdist(directory, config_settings=None):
    name = "toy_thing-1.5"
    open("PKG-INFO", "w").write("Metadata-Version: 2.1\\nName: toy-thing\\nVersion: 1.5\\n")
    with tarfile.open(os.path.join(directory, f"{name}.tar.gz"), "w:gz") as archive:
        for file in ("PKG-INFO", "pyproject.toml", "backend.py", "toy_thing.py"):
            archive.add(file, f"{name}/{file}")
    os.remove("PKG-INFO")
    return f"{name}.tar.gz"
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "toy_thing-1.5-py3-none-any.whl"
    info = "toy_thing-1.5.dist-info"
    files = {
        "toy_thing.py": open("toy_thing.py").read(),
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: toy-thing\\nVersion: 1.5\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{f},,\\n" for f in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for file, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(zipfile.ZipInfo(file), text)
    return name
"""
PROJECT = """
[project]
name = "toy-thing"
version = "1.5"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "toy_thing.py").write_text("version = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_checkout_is_built_and_known_by_content_and_commit(
    tmp_path: Path, checkout: Path
) -> None:
    cache = tmp_path / "cache"
    clean = build_wheel(cache, "toy_thing", checkout)
    assert (clean.name, clean.version) == ("toy-thing", "1.5")
    assert clean.commit
    assert clean.commit in clean.title
    assert build_wheel(cache, "toy-thing", checkout) == clean
    (checkout / "toy_thing.py").write_text("version = 2\n")
    dirty = build_wheel(cache, "toy-thing", checkout)
    assert dirty.commit == f"{clean.commit}-dirty"
    assert dirty.digest != clean.digest
    assert (clean.dirty, dirty.dirty) == (False, True)
    assert kept_wheel(cache, clean.digest) != kept_wheel(cache, dirty.digest)
    assert str(checkout) not in clean.requirement + clean.title


def test_a_new_file_is_a_change_and_what_builds_leave_is_none(
    tmp_path: Path, checkout: Path
) -> None:
    for leftover in ("build", "dist", "toy_thing.egg-info"):
        (checkout / leftover).mkdir()
        (checkout / leftover / "file").touch()
    assert not build_wheel(tmp_path / "cache", "toy-thing", checkout).dirty
    (checkout / "new.py").touch()
    assert build_wheel(tmp_path / "cache", "toy-thing", checkout).dirty


def test_a_wheel_is_taken_as_it_is(tmp_path: Path, checkout: Path) -> None:
    built = build_wheel(tmp_path / "cache", "toy-thing", checkout)
    file = kept_wheel(tmp_path / "cache", built.digest)
    taken = build_wheel(tmp_path / "other", "toy-thing", file)
    assert taken.digest == built.digest
    assert taken.commit is None
    assert built.digest in taken.title


def test_what_does_not_build_or_is_another_package_is_told(tmp_path: Path, checkout: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(EnvironmentFailed, match="neither a folder nor a wheel"):
        build_wheel(cache, "toy-thing", tmp_path / "nowhere")
    with pytest.raises(EnvironmentFailed, match="of the package `toy-thing`"):
        build_wheel(cache, "asgiref", checkout)
    (checkout / "toy_thing.py").unlink()
    with pytest.raises(EnvironmentFailed, match="does not build") as caught:
        build_wheel(cache, "toy-thing", checkout)
    assert "FileNotFoundError" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wheel_that_is_not_kept_here_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="build it again"):
        kept_wheel(tmp_path, "0123456789abcdef")
