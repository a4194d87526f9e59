"""What the docs point at exists, and the README keeps its order."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from typer.main import get_command

from harness.analysis.receipt.recommend import PAGE, RULES
from harness.base.workspace import Workspace
from harness.cli.commands import app
from harness.inputs.catalog import load_catalog
from harness.inputs.locks import lock_command
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
    for found in re.finditer(r'\]\(([^)\s]+)\)|(?:href|src|srcset)="([^"]+)"', prose(page)):
        target = found[1] or found[2]
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
    report = text(ROOT / "results/quick-20261128-200751/report.md").replace("\\", "")
    shown = text(README).split("```")[1]
    for figures in re.findall(r"\d[\d,.]* \[[^\]]+\]", shown):
        assert figures in report


def test_the_readmes_study_can_be_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.+?)^```", text(README), flags=re.MULTILINE | re.DOTALL)
    file = tmp_path / "inserts.toml"
    file.write_text(block, encoding="utf-8")
    study = load_study(file, load_catalog(Workspace()))
    assert 60 < make_plan(study).expected_s < 180


def test_the_page_about_adding_shows_the_command_that_makes_a_lock_file() -> None:
    whole = re.sub(r"-p \S+", "-p 3.13", lock_command("example"))
    assert f"    {whole}\n" in text(ROOT / "docs/adding.md")


def test_pictures_are_small_and_have_alternative_texts() -> None:
    form = r'!\[(.*?)\]\(.+?\)|<img [^>]*alt="([^"]*)"'
    alts = [alt or other for page in PAGES for alt, other in re.findall(form, text(page))]
    assert alts
    assert all(len(alt) > 20 for alt in alts)
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


def test_every_recommendation_of_a_receipt_has_a_section() -> None:
    assert set(RULES) <= anchors(ROOT / PAGE)


AB = ROOT / "docs/ab.md"


def options_of(command: str) -> set[str]:
    """The options of a command of `bridgetoll`."""
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {name for parameter in found.params for name in parameter.opts}


@pytest.mark.parametrize("command", ["ab", "receipt"])
@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_an_option_that_a_page_types_exists(page: Path, command: str) -> None:
    known = options_of(command)
    for line in text(page).replace("\\\n", " ").splitlines():
        _, begins, typed = line.partition(f"bridgetoll {command} ")
        if begins:
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", typed)) <= known, line


def workflow() -> dict[Any, Any]:
    """The example that comments a pull request."""
    (block,) = re.findall(r"^```yaml\n(.+?)^```", text(AB), flags=re.MULTILINE | re.DOTALL)
    read: dict[Any, Any] = yaml.safe_load(block)
    return read


def test_the_workflow_for_a_pull_request_asks_for_few_rights_and_types_options_that_exist() -> None:
    read = workflow()
    assert (
        read[True] == "pull_request"
    )  # YAML 1.1 takes `on` for a truth value, and GitHub does not
    assert read["permissions"] == {"contents": "read", "pull-requests": "write"}
    steps = read["jobs"]["ab"]["steps"]
    assert all(("uses" in step) is not ("run" in step) for step in steps)
    (measure,) = [step["run"] for step in steps if "bridgetoll ab" in step.get("run", "")]
    words = shlex.split(measure)
    typed = {word for word in words[words.index("ab") :] if word.startswith("--")}
    assert typed >= {"--baseline", "--with", "--fail-on-regression"}
    assert typed <= options_of("ab")
    paths = {step["with"]["path"] for step in steps if "path" in step.get("with", {})}
    assert {"head", "base", "bridgetoll"} == paths


def test_the_workflow_keeps_the_reports_table_alone(tmp_path: Path) -> None:
    folder = tmp_path / "bridgetoll/results/ab-1"
    folder.mkdir(parents=True)
    (folder / "report.md").write_text(
        "# A/B\n\n**Slower.**\n\n![B / A](pictures/ab.png)\n\n*B / A*\n\n| a | b |\n|---|---|\n\n"
        "<details><summary>More</summary>\n\nmore\n\n</details>\n"
    )
    (keep,) = [
        s["run"] for s in workflow()["jobs"]["ab"]["steps"] if "report.md" in s.get("run", "")
    ]
    summary = tmp_path / "summary.md"
    env = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
    subprocess.run(["bash", "-ec", keep], cwd=tmp_path, env=env, check=True)
    kept = summary.read_text()
    assert kept == (tmp_path / "comment.md").read_text()
    assert kept == "# A/B\n\n**Slower.**\n\n\n| a | b |\n|---|---|\n\n"


def test_the_lines_for_git_bisect_end_it_where_the_run_itself_failed() -> None:
    """git takes 1 to 124 for a bad commit."""
    (case,) = re.findall(r"case \$\? in .*? esac", text(AB))
    for status, meant in {0: 0, 1: 1, 2: 255, 3: 125, 4: 255, 125: 125, 130: 255}.items():
        done = subprocess.run(["sh", "-c", f"(exit {status}); {case}"], check=False)
        assert done.returncode == meant
