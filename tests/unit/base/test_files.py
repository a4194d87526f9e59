from pathlib import Path

import pytest

from harness.base.files import new_folder, replace


def test_a_file_is_made_and_then_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for body in (b"one", b"two"):
        replace(path, body)
        assert path.read_bytes() == body
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_crash_has_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "a.json.part").write_bytes(b"half")
    replace(tmp_path / "a.json", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "folder"
    victim.write_bytes(b"as it was")
    folder.mkdir()
    for name in ("a.json", "a.json.part"):
        (folder / name).symlink_to(victim)
    replace(folder / "a.json", b"new")
    assert victim.read_bytes() == b"as it was"
    assert (folder / "a.json").read_bytes() == b"new"
    assert [path.is_symlink() for path in folder.iterdir()] == [False]


def test_a_folder_in_the_way_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace(tmp_path / "a.json", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_is_there_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "mine") as folder:
        assert folder.name.startswith(".")
        (folder / "a").write_bytes(b"x")
        assert not (tmp_path / "mine").exists()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["mine", "mine/a"]


def test_two_may_make_the_same_folder_and_the_first_gets_its_name(tmp_path: Path) -> None:
    """Also in two containers, where both may have one process id."""
    with pytest.raises(OSError, match="mine"), new_folder(tmp_path / "mine") as late:  # noqa: PT012
        (late / "late").touch()
        with new_folder(tmp_path / "mine") as first:
            (first / "first").touch()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["first"]


def test_a_folder_that_is_not_finished_is_gone(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "mine") as folder:
            (folder / "a").write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []
