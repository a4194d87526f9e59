"""The folder of a page on two runs."""

import json
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import UsageError
from harness.report.comparison.write import json_text, write_comparison
from tests.toys.compared import compared, side

COST = {"a/base": 500.0, "b/other": 500.0, "c/third": 400.0}
TWO = compared(side("a-1", COST, blocks=2), side("b-2", COST, blocks=2, seed=9))


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_page_pictures_and_data_are_written_to_a_new_folder(tmp_path: Path) -> None:
    page = write_comparison(TWO, tmp_path / "deep" / "er")
    assert files(page.parent) == [
        ".bridgetoll-comparison", "comparison.json", "figures/forest-phone.png",
        "figures/forest-phone.svg", "figures/forest.png", "figures/forest.svg", "index.html",
    ]  # fmt: skip
    assert page.read_text(encoding="utf-8").count("data:image/svg+xml") == 2
    assert (page.parent / "figures/forest.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads((page.parent / "comparison.json").read_text(encoding="utf-8"))
    assert told == json.loads(msgspec.json.encode(TWO.data))
    assert told["comparison"]["run_a"] == "a-1"


def test_its_own_folder_is_written_again_and_old_pictures_go(tmp_path: Path) -> None:
    write_comparison(TWO, tmp_path / "page")
    (tmp_path / "page/figures/forest-every-pair.svg").write_text("old")
    nothing = compared(side("a-1", COST, blocks=2), side("b-2", {"x/y": 1.0, "z/z": 2.0}, blocks=2))
    write_comparison(nothing, tmp_path / "page")
    assert files(tmp_path / "page") == [".bridgetoll-comparison", "comparison.json", "index.html"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="did not make; name a new or an empty folder with --to"):
        write_comparison(TWO, tmp_path)
    assert files(tmp_path) == ["thesis.tex"]


def test_a_run_s_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="lies in the folder of the run"):
        write_comparison(TWO, tmp_path / "page")
    assert files(tmp_path) == ["run.json"]


def test_of_many_pairs_a_picture_of_every_pair_is_written_too(tmp_path: Path) -> None:
    many = {f"v/{n}": 400.0 + n for n in range(30)}
    of = compared(side("a-1", many, blocks=2), side("b-2", many, blocks=2, seed=9))
    page = write_comparison(of, tmp_path / "page")
    svg = (tmp_path / "page/figures/forest-every-pair.svg").read_text(encoding="utf-8")
    assert all(f">v/{n}<" in svg for n in range(30))
    first = (tmp_path / "page/figures/forest.svg").read_text(encoding="utf-8")
    assert 0 < sum(f">v/{n}<" in first for n in range(30)) < 30
    assert "of 30 pairs furthest from 1" in page.read_text(encoding="utf-8")


def test_data_is_indented_json_with_an_end_of_line() -> None:
    assert json_text({"a": [1]}).splitlines()[0] == "{"
    assert json_text({"a": [1]}).endswith("}\n")
