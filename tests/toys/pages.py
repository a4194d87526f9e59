"""Reports that are written for tests, and what holds for every report."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec

from harness.base.workspace import cache_folder
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.report.script import packed, page_script, vega
from harness.report.write import Report, write_report

HOSTILE = "> <script>alert(1)</script> a|b `c` ![x](http://x.example/y) & \"q\" 'r'"


VOID = {"meta", "img", "br", "wbr", "hr", "link", "input"}


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
    packages = [line for line in result.markdown.splitlines() if "packages of" in line]
    assert all(line.startswith("- packages of") for line in packages)
    assert len(packages) == len(result.report.run.implementations)


def check_scripts(page: Page) -> None:
    """Data and two scripts, which are ours to the letter and which alone may run."""
    (allowed,) = (value for value in page.values("content") if "default-src 'none'" in value)
    assert "unsafe-eval" not in allowed
    assert "http" not in allowed
    data, *others, script = page.scripts
    code = [script]
    if others:
        specs, library = others
        assert json.loads(data)["conditions"]
        dots = {"absolute", "absolute-dense", "ratio", "ratio-dense"}
        assert set(json.loads(specs)) == dots | {"trials", "latencies", "resources"}
        code.append(vega(cache_folder()))
        assert library == packed(code[-1])
    else:
        assert json.loads(data) is None
    assert script == page_script()
    for text in code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed
    assert page.tags.count("script") == len(page.scripts)


def check_tables(markdown: str) -> None:
    """Every row of a Markdown table has as many cells as its header."""
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}
        assert len(cells) == 1, block
