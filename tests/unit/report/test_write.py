"""What people read, from runs made up in memory: nothing here depends on its exact wording."""

import base64
import csv
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import MalformedFile
from harness.base.workspace import cache_folder
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.report.script import explorer_script, vega
from harness.report.write import Report, write_report
from tests.toys.runs import BASELINE, make_run, make_study, simulate

HOSTILE = "> <script>alert(1)</script> a|b `c` ![x](http://x.example/y) & \"q\" 'r'"
COST = {BASELINE: 500.0, "b/other": 550.0}
RUN = make_run(make_study(blocks=3))
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Tags, attributes and visible text of a page; complains of tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        elif "style" not in self._open:
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


class Written(msgspec.Struct):
    report: Report
    page: Page
    html: str
    markdown: str
    summary: object


def written(folder: Path, run: Run, trials: Sequence[Trial], damage: Sequence[str] = ()) -> Written:
    store = Store.create(folder, run.id)
    store.write_run(run)
    for trial in trials:
        store.write_trial(trial)
    for name in damage:
        (store.folder / "trials" / name).write_text("{")
    made = write_report(store)
    html = made.page.read_text(encoding="utf-8")
    markdown = (store.folder / "report.md").read_text(encoding="utf-8")
    summary = json.loads(made.page.with_name("summary.json").read_bytes())
    return Written(made, Page(html), html, markdown, summary)


def check(result: Written, folder: Path) -> None:
    """What holds for every report."""
    page = result.page
    check_scripts(page)
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert all(value.startswith("data:image/") for value in page.values("src"))
    assert not [href for href in page.values("href") if not href.startswith("#")]
    assert {href[1:] for href in page.values("href")} <= set(page.values("id"))
    assert len(set(page.values("id"))) == len(page.values("id"))
    assert all(alt for tag, name, alt in page.attributes if (tag, name) == ("img", "alt"))
    assert len(page.values("alt")) == page.tags.count("img")
    for text in (result.html, result.markdown, json.dumps(result.summary)):
        assert str(folder) not in text
    cells = re.findall(r">([^<>]*)</t[dh]>", result.html)
    cells += [cell.strip() for cell in re.findall(r"[^|\n]+", result.markdown)]
    assert not {"None", "nan", "inf"} & set(cells)
    check_tables(result.markdown)


def check_scripts(page: Page) -> None:
    """Two blocks of data and two scripts, which are ours to the letter and which alone may run."""
    (allowed,) = (value for value in page.values("content") if "default-src 'none'" in value)
    assert "unsafe-eval" not in allowed
    assert "http" not in allowed
    if not page.scripts:
        assert "script-src 'none'" in allowed
        return
    data, specs, *code = page.scripts
    assert json.loads(data)["conditions"]
    assert set(json.loads(specs)) == {"absolute", "ratio", "trials", "latencies", "resources"}
    assert code == [vega(cache_folder()), explorer_script()]
    for script in code:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed
    assert page.tags.count("script") == len(page.scripts)


def check_tables(markdown: str) -> None:
    """Every row of a Markdown table has as many cells as its header."""
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}
        assert len(cells) == 1, block


def test_a_run_is_reported_with_every_variant_and_a_chart(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, simulate(RUN, COST, 1))
    check(result, tmp_path)
    assert "img" in result.page.tags
    for name in RUN.study.variants:
        assert name in result.page.text
        assert name in result.markdown
    for text in (result.page.text, result.markdown):
        assert RUN.id in text
        assert str(RUN.study.seed) in text
    assert result.report.damaged == ()


def test_the_figures_of_page_markdown_and_summary_are_the_same(tmp_path: Path) -> None:
    trials = simulate(RUN, {BASELINE: 500.0, "b/other": 1_000.0}, 1, drift=0, noise=0, start=0)
    result = written(tmp_path, RUN, trials)
    for text in (result.page.text, result.markdown.replace("\\", "")):
        assert "2.00 [2.00, 2.00]" in text
    comparison = result.report.analysis.conditions[0].comparisons
    (cpu, *_) = comparison.values()
    assert cpu.ratios["b/other"].mean == pytest.approx(2.0, rel=1e-6)


def test_text_from_elsewhere_stays_text(tmp_path: Path) -> None:
    study = msgspec.structs.replace(RUN.study, title=HOSTILE, question=HOSTILE)
    hostile = msgspec.structs.replace(
        make_run(study, excluded={"b/other": HOSTILE}),
        machine={"kernel": HOSTILE, "processors": 2},
    )
    variants = {
        name: msgspec.structs.replace(
            record, title=HOSTILE, framework=HOSTILE, factors={"views": HOSTILE}
        )
        for name, record in hostile.variants.items()
    }
    hostile = msgspec.structs.replace(hostile, variants=variants)
    trials = [
        msgspec.structs.replace(t, problem=HOSTILE, error_samples=(HOSTILE,))
        for t in simulate(hostile, COST, 1)
        if t.variant == BASELINE
    ]
    result = written(tmp_path, hostile, trials)
    check(result, tmp_path)
    assert HOSTILE in result.page.text
    assert "<script" not in result.markdown
    assert "![x](" not in result.markdown


def test_excluded_variants_are_named_with_the_reason(tmp_path: Path) -> None:
    run = make_run(RUN.study, excluded={"b/other": "it answers from memory"})
    result = written(tmp_path, run, [t for t in simulate(run, COST, 1) if t.entry != "b/other"])
    check(result, tmp_path)
    for text in (result.page.text, result.markdown):
        assert "it answers from memory" in text


def test_damaged_files_are_named_and_the_rest_is_reported(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, simulate(RUN, COST, 1), damage=["b09-x.json", "b08-y.json"])
    assert len(result.report.damaged) == 2
    for text in (result.page.text, result.markdown):
        assert "b09-x.json" in text
        assert "b08-y.json" in text
        assert "b/other" in text
    check(result, tmp_path)


def test_a_run_without_trials_is_a_page_that_says_so(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, [])
    check(result, tmp_path)
    assert "img" not in result.page.tags
    assert RUN.id in result.page.text


def test_one_block_is_reported_without_a_ranking(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, [t for t in simulate(RUN, COST, 1) if t.block == 1])
    check(result, tmp_path)
    assert "b/other" in result.page.text


def test_trials_of_errors_alone_are_reported(tmp_path: Path) -> None:
    trials = [
        msgspec.structs.replace(
            t,
            slices=tuple(
                msgspec.structs.replace(s, correct=0, errors={"connect": 5}) for s in t.slices
            ),
            rss_peak_kib=None,
            threads=None,
        )
        for t in simulate(RUN, COST, 1)
    ]
    result = written(tmp_path, RUN, trials)
    check(result, tmp_path)
    assert "100.00%" in result.page.text


def test_a_report_can_be_made_again(tmp_path: Path) -> None:
    first = written(tmp_path, RUN, simulate(RUN, COST, 1))
    again = write_report(Store(tmp_path / RUN.id))
    assert (tmp_path / RUN.id / "report.md").read_text(encoding="utf-8") == first.markdown
    assert Page(again.page.read_text(encoding="utf-8")).text == first.page.text


def test_a_damaged_run_file_is_an_error(tmp_path: Path) -> None:
    written(tmp_path, RUN, [])
    (tmp_path / RUN.id / "run.json").write_text("{")
    with pytest.raises(MalformedFile, match=r"run\.json"):
        write_report(Store(tmp_path / RUN.id))


def test_tables_and_schema_lie_beside_the_page(tmp_path: Path) -> None:
    trials = simulate(RUN, COST, 1)
    result = written(tmp_path, RUN, trials)
    folder = result.report.page.parent
    assert {path.name for path in folder.iterdir()} == {
        "index.html", "summary.json", "summary.schema.json", "trials.csv", "trials.parquet",
        "figures",
    }  # fmt: skip
    kept = {path.name for path in folder.parent.iterdir()}
    assert kept == {"run.json", "trials", "report", "report.md", "pictures"}
    figures = {path.suffix for path in (folder / "figures").iterdir()}
    assert figures == {".svg", ".png"}
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [RUN.id] * len(trials)
    for text in (result.page.text, result.markdown):
        assert "trials.parquet" in text


def test_a_trial_of_another_study_is_left_out_and_named(tmp_path: Path) -> None:
    trials = simulate(RUN, COST, 1)
    stray = msgspec.structs.replace(trials[0], entry="c/odd", variant="c/odd")
    result = written(tmp_path, RUN, [*trials, stray])
    check(result, tmp_path)
    (error,) = result.report.damaged
    assert "c/odd" in str(error)
    assert result.report.run == RUN


def test_the_markdown_shows_the_pictures_that_lie_beside_it(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, simulate(RUN, COST, 1))
    pictures = {path.name: path for path in (tmp_path / RUN.id / "pictures").iterdir()}
    shown = re.findall(r"!\[[^\]]+\]\(pictures/(.+?)\)", result.markdown)
    assert set(shown) == set(pictures)
    assert len(shown) == len(RUN.study.conditions)
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in pictures.values())
    assert "figures/" not in result.markdown


def test_of_many_conditions_four_are_pictured_and_old_pictures_go(tmp_path: Path) -> None:
    study = make_study(blocks=2)
    (usual,) = study.conditions
    conditions = tuple(
        msgspec.structs.replace(usual, connections=count) for count in (1, 2, 4, 8, 16, 32)
    )
    run = make_run(msgspec.structs.replace(study, conditions=conditions))
    trials = [
        msgspec.structs.replace(trial, condition=condition)
        for trial in simulate(RUN, COST, 1)
        for condition in conditions
        if trial.block <= study.blocks
    ]
    (tmp_path / run.id / "pictures").mkdir(parents=True)
    (tmp_path / run.id / "pictures" / "old.png").touch()
    store = Store(tmp_path / run.id)
    store.write_run(run)
    for trial in trials:
        store.write_trial(trial)
    write_report(store)
    pictures = {path.name for path in (store.folder / "pictures").iterdir()}
    assert pictures == {f"{c.name}-server_cpu_us_per_request.png" for c in conditions[:4]}
    for condition in conditions:
        assert f"{condition.connections} connection" in (store.folder / "report.md").read_text()


def test_a_packed_run_gives_the_same_report(tmp_path: Path) -> None:
    names = ("report.md", "report/summary.json", "report/trials.csv")
    written(tmp_path, RUN, simulate(RUN, COST, 1))
    store = Store(tmp_path / RUN.id)
    before = [(store.folder / name).read_bytes() for name in names]
    store.pack()
    write_report(store)
    assert [(store.folder / name).read_bytes() for name in names] == before
    assert not (store.folder / "trials").exists()
