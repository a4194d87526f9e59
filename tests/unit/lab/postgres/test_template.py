"""A template: what was packed is unpacked, and anything damaged is none."""

import fcntl
import os
import pwd
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.lab.postgres.template import Template

WAYS = ("18.6", "x86_64", "--locale", "C")
PAGES = random.Random(1).randbytes(16_384)
"""They cannot be compressed, so that every bit of the packed file counts."""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder as initdb leaves one, with something beside it."""
    folder = tmp_path / "made"
    (folder / "data" / "base").mkdir(parents=True, mode=0o700)
    for name, body in (("data/base/1", PAGES), ("data/PG_VERSION", b"18\n"), ("password", b"old")):
        (folder / name).write_bytes(body)
        (folder / name).chmod(0o600)
    (folder / "initdb.log").touch()
    return folder


@pytest.fixture
def template(tmp_path: Path, made: Path) -> Template:
    kept = Template(tmp_path / "cache", WAYS)
    (tmp_path / "cache").mkdir()
    kept.keep(made, ("data", "password"))
    return kept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where to unpack."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return empty


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_was_kept_comes_back_with_its_modes(template: Template, folder: Path) -> None:
    assert template.unpack(folder, None)
    assert names(folder) == ["data", "data/PG_VERSION", "data/base", "data/base/1", "password"]
    assert (folder / "data" / "base" / "1").read_bytes() == PAGES
    assert (folder / "password").read_text() == "old"
    assert {(folder / name).stat().st_mode & 0o777 for name in ("data/base/1", "password")} == {
        0o600
    }


def test_its_folder_is_closed_to_others(template: Template) -> None:
    assert template.path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_belong_to_the_user_who_is_to_have_them(template: Template, folder: Path) -> None:
    assert template.unpack(folder, "nobody")
    owners = {path.stat().st_uid for path in folder.rglob("*")}
    assert owners == {pwd.getpwnam("nobody").pw_uid}


def test_where_nothing_was_kept_nothing_is_unpacked(tmp_path: Path, folder: Path) -> None:
    assert not Template(tmp_path / "cache", WAYS).unpack(folder, None)
    assert names(folder) == []


def test_another_version_or_option_has_a_template_of_its_own(tmp_path: Path) -> None:
    others = [(*WAYS, "--no-sync"), ("18.7", *WAYS[1:]), WAYS]
    assert len({Template(tmp_path, ways).path for ways in others}) == len(others)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut at its end": lambda body: body[:-1],
    "cut in its middle": lambda body: body[: len(body) // 2],
    "a bit": lambda body: body[:8_000] + bytes([body[8_000] ^ 1]) + body[8_001:],
    "its checksum": lambda body: body[:-8] + b"\0\0\0\0" + body[-4:],
    "foreign": lambda _: b"no archive at all",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_none_until_it_is_kept_again(
    template: Template, made: Path, folder: Path, damage: str
) -> None:
    template.path.write_bytes(DAMAGES[damage](template.path.read_bytes()))
    assert not template.unpack(folder, None)
    assert names(folder) == []
    template.keep(made, ("data", "password"))
    assert template.unpack(folder, None)


def test_while_another_process_keeps_one_the_old_one_stands(template: Template, made: Path) -> None:
    before = template.path.read_bytes()
    (made / "data" / "PG_VERSION").write_text("19\n")
    with template.path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        template.keep(made, ("data", "password"))
        assert template.path.read_bytes() == before
    template.keep(made, ("data", "password"))
    assert template.path.read_bytes() != before


def test_a_cache_that_cannot_hold_it_is_no_error(tmp_path: Path, made: Path, folder: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "templates").touch()
    template = Template(tmp_path / "cache", WAYS)
    template.keep(made, ("data", "password"))
    assert not template.unpack(folder, None)
