from pathlib import Path

import pytest

from harness.base.errors import StoreFailed, UsageError
from harness.report.site.folder import MARKER, site_folder


def test_a_new_or_an_empty_folder_is_taken_and_marked(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "deep/er"):
        site = site_folder(tmp_path / name)
        assert site.folder == tmp_path / name
        assert [path.name for path in site.folder.iterdir()] == [MARKER]


def test_a_site_s_folder_is_taken_again_with_all_that_is_in_it(tmp_path: Path) -> None:
    site = site_folder(tmp_path / "site")
    site.write("index.html", "é")
    again = site_folder(tmp_path / "site")
    assert (again.folder / "index.html").read_text(encoding="utf-8") == "é"


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"has files in it that .* did not make; name a new or"):
        site_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_marker_that_is_a_link_marks_nothing(tmp_path: Path) -> None:
    mine = site_folder(tmp_path / "mine")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / MARKER).symlink_to(mine.folder / MARKER)
    with pytest.raises(UsageError, match="has files in it"):
        site_folder(theirs)


@pytest.mark.parametrize("within", [".", "report", "report/site"])
def test_a_run_s_folder_is_refused(tmp_path: Path, within: str) -> None:
    run = tmp_path / "one"
    (run / "report").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="lies in the folder of the run one"):
        site_folder(run / within)
    assert sorted(path.name for path in run.rglob("*")) == ["report", "run.json"]


def test_a_link_into_a_run_s_folder_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "one"
    (run / "trials").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (tmp_path / "link").symlink_to(run / "trials")
    with pytest.raises(UsageError, match="lies in the folder of the run one"):
        site_folder(tmp_path / "link")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match=r"cannot be written \(File exists\); remove what"):
        site_folder(tmp_path / "file")


def test_reports_are_not_written_through_a_link(tmp_path: Path) -> None:
    site = site_folder(tmp_path / "site")
    (tmp_path / "victim").mkdir()
    (site.folder / "runs").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreFailed, match="is a symbolic link and may lead anywhere; remove it"):
        site_folder(tmp_path / "site")


def test_runs_of_an_earlier_publication_are_told(tmp_path: Path) -> None:
    site = site_folder(tmp_path / "site")
    assert site.earlier([]) == ()
    for name in ("b", "a"):
        site.run(name).mkdir(parents=True)
    assert site.earlier(["a"]) == ("b",)
    assert site.earlier([]) == ("a", "b")
