"""What the docs point at exists, and the README keeps its order."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.study_loader import load_study
from harness.runner.plan import make_plan

ROOT = Workspace().root
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = [
    README,
    CONTRIBUTING,
    ROOT / "CHANGELOG.md",
    ROOT / "results/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "implementations").glob("*/README.md")),
]
ROOMS = ("harness/", "tests/", "shared/", "docs/", "implementations/", "results/", ".github/")
GITHUB = ROOT / ".github"


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its fenced blocks, whose lines are data."""
    return re.sub(r"^ *```.*?^ *```", "", text(page), flags=re.MULTILINE | re.DOTALL)


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def named_paths(page: Path) -> Iterator[str]:
    """Paths in backticks, but for patterns and placeholders."""
    for code in re.findall(r"`([^`\n]+)`", prose(page)):
        if code.startswith(ROOMS) and not re.search(r"[<>*{} ]|RUN|DIR", code):
            yield code


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Relative links: path and anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield unquote(path), anchor


def anchors(page: Path) -> set[str]:
    """Headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def trail(heading: str) -> list[str]:
    """The files of one numbered list of *How a trial travels*, in order."""
    part = text(CONTRIBUTING).split(f"\n{heading}\n", 1)[1]
    lines = part.strip().split("\n\n", 1)[0].splitlines()
    return [re.match(r"\d+\. `(harness/[^`]+\.py)` \w.*\.$", line)[1] for line in lines]  # type: ignore[index]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_path_that_a_page_names_exists(page: Path) -> None:
    assert [path for path in named_paths(page) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_link_leads_to_a_file_and_to_a_heading(page: Path) -> None:
    broken = []
    for path, anchor in links(page):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def test_the_index_of_the_docs_names_every_page() -> None:
    linked = {path for path, _ in links(ROOT / "docs/README.md")}
    assert {p.name for p in (ROOT / "docs").glob("*.md")} - linked == {"README.md"}


def test_a_trial_travels_to_its_file_through_15_files_at_most() -> None:
    files = trail("From the command to the file:")
    assert len(files) == len(set(files)) <= 15
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert (files[0], files[-1]) == ("harness/cli/run.py", "harness/records/store.py")


def test_a_trial_travels_to_its_row_through_12_files_at_most() -> None:
    files = trail("From the file to its row in the report:")
    assert len(files) == len(set(files)) <= 12
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert (files[0], files[-1]) == ("harness/cli/report.py", "harness/report/render.py")


def test_the_readme_has_150_lines_at_most() -> None:
    assert len(text(README).splitlines()) <= 150


def test_the_readme_shows_the_command_by_line_20_and_output_by_line_45() -> None:
    lines = text(README).splitlines()
    assert "    pip install uv && uv run bridgetoll run quick" in lines[:20]
    output = lines.index("```") + 1
    shown = lines[output : lines.index("```", output)]
    assert len(shown) >= 10
    assert output + len(shown) <= 45


def test_the_readmes_output_is_that_of_the_kept_run() -> None:
    report = text(ROOT / "results/quick-20261128-102033/report.md").replace("\\", "")
    shown = text(README).split("```")[1]
    for figures in re.findall(r"\d[\d,.]* \[[^\]]+\]", shown):
        assert figures in report


def test_the_readmes_study_can_be_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.+?)^```", text(README), flags=re.MULTILINE | re.DOTALL)
    file = tmp_path / "inserts.toml"
    file.write_text(block, encoding="utf-8")
    study = load_study(file, load_catalog(Workspace()))
    assert 60 < make_plan(study).expected_s < 180


def test_pictures_are_small_and_have_alternative_texts() -> None:
    pictures = [p for page in PAGES for p in re.findall(r"!\[(.*?)\]\((.+?)\)", text(page))]
    assert pictures
    assert all(len(alt) > 20 for alt, _ in pictures)
    drawn = (ROOT / "docs/pictures").glob("*.png")
    assert all(picture.stat().st_size < 150_000 for picture in drawn)


@pytest.mark.parametrize("form", ["new-framework", "figure-looks-wrong"])
def test_an_issue_form_has_what_github_demands(form: str) -> None:
    read = yaml.safe_load(text(GITHUB / f"ISSUE_TEMPLATE/{form}.yml"))
    assert set(read) <= {"name", "description", "title", "labels", "body", "assignees"}
    assert {"name", "description", "body"} <= set(read)
    fields = [item for item in read["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(item["attributes"]["label"] for item in fields)
    ids = [item["id"] for item in fields]
    assert len(ids) == len(set(ids))


def test_a_doubted_figure_comes_with_what_is_needed_to_check_it() -> None:
    read = yaml.safe_load(text(GITHUB / "ISSUE_TEMPLATE/figure-looks-wrong.yml"))
    demanded = {i["id"] for i in read["body"] if i.get("validations", {}).get("required")}
    assert demanded >= {"run", "figure", "expected", "machine", "command"}


def test_workflows_test_what_ci_tests_and_publish_with_few_rights() -> None:
    tests = yaml.safe_load(text(GITHUB / "workflows/tests.yml"))
    assert {"run": "bash .ci/run"} in tests["jobs"]["tests"]["steps"]
    assert tests["permissions"] == {"contents": "read"}
    site = yaml.safe_load(text(GITHUB / "workflows/site.yml"))
    rights = [job["permissions"] for job in site["jobs"].values()]
    assert rights == [{"contents": "read"}, {"pages": "write", "id-token": "write"}]
    assert any("bridgetoll publish" in s.get("run", "") for s in site["jobs"]["build"]["steps"])
