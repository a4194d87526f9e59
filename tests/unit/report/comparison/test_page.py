"""The page on two runs: what it says, and that nothing in it runs or loads."""

import base64
import hashlib
import re
from typing import Any

import msgspec

from harness.report.answer.hero import Hero
from harness.report.comparison.compared import ComparedRuns
from harness.report.comparison.page import comparison_page
from tests.toys.compared import ENDPOINTS, compared, side
from tests.toys.comparisons import CHANGES, COMPARISON, REASONS, compared_runs

COST = {"a/base": 500.0, "b/other": 500.0, "c/third": 400.0}
HOSTILE = "<script>alert(1)</script>"


def page(of: ComparedRuns, hero: Hero | None = None, every: dict[str, Any] | None = None) -> str:
    return comparison_page(of, hero, every)


def plain(html: str) -> str:
    """Its text, without markup."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S).split())


def test_the_answer_its_runs_and_every_pair_are_on_it() -> None:
    after = side("b-2", COST | {"b/other": 600.0}, seed=9, changed=["b/"], endpoints=ENDPOINTS)
    text = plain(page(compared(side("a-1", COST, endpoints=ENDPOINTS), after)))
    assert "B is slower than A in 3 of 9 pairs." in text
    assert "a-1 , 1 Jan 2026, 6 blocks" in text
    assert text.count("the same") >= 6
    assert re.search(r"b/ ?other 1\.20 \[1\.\d+, 1\.\d+\] slower \d+ \d+", text)
    assert "Reference: a/base, c/third, the same in both runs." in text


def test_the_policy_allows_its_own_style_and_nothing_else() -> None:
    html = page(compared_runs())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert policy is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "script-src" not in policy[1]
    assert " style=" not in html
    assert "<script" not in html


def test_texts_of_a_run_are_escaped() -> None:
    of = compared_runs(reasons=(f"the machines differ in {HOSTILE}",))
    hostile = msgspec.structs.replace(
        of, b=msgspec.structs.replace(
            of.b, machine={"processor": HOSTILE}, started_at=HOSTILE, command=HOSTILE,
            study=msgspec.structs.replace(of.b.study, title=HOSTILE),
        ),
    )  # fmt: skip
    html = page(hostile)
    assert HOSTILE not in html
    assert html.count("&lt;script&gt;") >= 4


def test_what_changed_and_what_was_not_alike_is_told_in_full() -> None:
    text = plain(page(compared_runs(reasons=REASONS, changed=CHANGES)))
    assert "Django 6.1.3 -&gt; 6.2.0" in text
    assert "memory_mib (24105 / 64000)" in text
    assert "only in A: fastapi/old" in text
    assert "django/odd under io_read" in text


def test_facts_that_differ_between_the_runs_are_marked() -> None:
    of = compared_runs()
    other = msgspec.structs.replace(of.b, machine={"kernel": "Plan 9", "processors": 2})
    html = page(msgspec.structs.replace(of, b=other))
    row = re.search(r'<tr class="differs"><th scope="row">kernel.*?</tr>', html)
    assert row is not None
    assert "Plan 9" in row[0]
    assert re.search(r"<tr><th scope=\"row\">processors", html)


def test_a_reason_of_many_pairs_is_told_once() -> None:
    one = compared(side("a-1", COST, blocks=1), side("b-2", COST, seed=9))
    assert plain(page(one)).count("1 good block in A") == 1


def test_of_very_many_pairs_those_without_a_difference_are_folded() -> None:
    many = {f"v/{n}": 400.0 + n for n in range(40)}
    after = side("b-2", many | {"v/7": 600.0}, seed=9, blocks=3)
    of = compared(side("a-1", many, blocks=3), after, named=["v/0", "v/1", "v/2"])
    html = page(of)
    first, folded = re.findall(r"<table>.*?</table>", html, re.S)[:2]
    assert "slower" in first
    assert first.count('<tr><th scope="row">') + folded.count('<tr><th scope="row">') == 40
    assert "the same" not in first
    assert "pairs without a difference" in html


def test_runs_with_nothing_in_common_have_no_table_and_no_picture() -> None:
    nothing = compared(side("a-1", COST), side("b-2", {"x/base": 500.0, "y/other": 1.0}))
    html = page(nothing)
    assert "<img" not in html
    assert "Every figure" not in html
    assert "0 blocks" not in html
    assert "only in A: a/base, b/other, c/third" in plain(html)


def test_the_command_that_repeats_it_is_told() -> None:
    text = plain(page(compared_runs(reasons=REASONS)))
    assert f"compare {COMPARISON.run_a} {COMPARISON.run_b} --anyway" in text
