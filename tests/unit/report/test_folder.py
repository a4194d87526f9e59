from pathlib import Path

import pytest

from harness.base.errors import StoreFailed
from harness.report.folder import ReportFolder


@pytest.fixture
def folder(tmp_path: Path) -> ReportFolder:
    return ReportFolder(tmp_path / "run" / "report")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_texts_are_written_as_utf_8_and_bytes_as_they_are(folder: ReportFolder) -> None:
    assert folder.write("report.md", "é").read_bytes() == "é".encode()
    assert folder.write("trials.parquet", b"\x00\xff").read_bytes() == b"\x00\xff"
    assert names(folder.root) == {"report.md", "trials.parquet"}


def test_files_of_an_earlier_report_are_removed_and_folders_stay(folder: ReportFolder) -> None:
    for name in ("old.svg", "new.svg"):
        folder.write(f"figures/{name}", "x")
    (folder.root / "figures" / "mine").mkdir()
    folder.drop_others("figures", {"new.svg"})
    assert names(folder.root / "figures") == {"new.svg", "mine"}
    folder.drop_others("nowhere", ())


def test_a_figures_folder_that_is_a_link_is_not_written_to(
    folder: ReportFolder, tmp_path: Path
) -> None:
    (tmp_path / "victim").mkdir()
    folder.root.mkdir(parents=True)
    (folder.root / "figures").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreFailed, match="is a symbolic link"):
        folder.write("figures/x.svg", "x")
    (tmp_path / "victim" / "theirs").touch()
    with pytest.raises(StoreFailed, match="is a symbolic link"):
        folder.drop_others("figures", ())
    assert names(tmp_path / "victim") == {"theirs"}


def test_a_report_is_not_written_through_a_link(folder: ReportFolder, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    folder.root.parent.mkdir()
    folder.root.symlink_to(tmp_path / "victim")
    with pytest.raises(StoreFailed, match="is a symbolic link and may lead anywhere; put a folder"):
        folder.write("report.md", "x")
    assert names(tmp_path / "victim") == set()


@pytest.mark.parametrize("name", ["report.md", "report.md.part"])
def test_a_link_in_the_report_is_replaced_and_not_followed(
    folder: ReportFolder, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    folder.root.mkdir(parents=True)
    (folder.root / name).symlink_to(victim)
    path = folder.write("report.md", "x")
    assert (victim.read_text(), path.read_text(), path.is_symlink()) == ("as it was", "x", False)
    assert names(folder.root) == {"report.md"}


def test_a_folder_that_cannot_be_made_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match=r"cannot be written \(.*\); remove what is"):
        ReportFolder(tmp_path / "file").write("report.md", "x")
