import json
from pathlib import Path

import msgspec

from harness.analysis.analyse import analyse
from harness.records.run import Run
from harness.report.answer.headline import headline
from harness.report.site.boards import newest
from harness.report.site.pages import board_script, index_page, trends_page, twins_page
from harness.report.site.trends import trends
from harness.report.write import Report
from tests.toys.leaders import analysed_board, starved
from tests.toys.pages import Page
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import BASELINE, simulate
from tests.toys.shelves import COST, dated_run

RUNS = [dated_run(1, {"x": "1"}), dated_run(2, {"x": "1"}), dated_run(3, {"x": "2"})]


def reported(run: Run) -> Report:
    analysis = analyse(run, simulate(run, COST, 1))
    return Report(page=Path("index.html"), trials=0, run=run, analysis=analysis, damaged=())


REPORTS = [reported(run) for run in RUNS]
TRENDS = trends([(report.run, report.analysis) for report in REPORTS])


def test_runs_are_numbered_by_date_and_the_latest_is_first() -> None:
    page = Page(index_page("x", REPORTS))
    assert [name for name in page.values("id") if name.startswith("run-")] == [
        "run-3", "run-2", "run-1",
    ]  # fmt: skip
    assert page.values("href").count(f"runs/{RUNS[0].id}/trials.parquet") == 1


def test_the_list_names_who_was_not_measured() -> None:
    run = dated_run(1, excluded={"b/other": "it answers from memory"})
    assert "not measured" in Page(index_page("x", [reported(run)])).text
    assert "not measured" not in Page(index_page("x", REPORTS)).text


def test_a_trend_says_at_each_run_what_changed_since_the_one_above() -> None:
    text = Page(trends_page("x", REPORTS, TRENDS)).text
    for wanted in ("first of these runs", "nothing known", "x 1 to 2", f"of {BASELINE}"):
        assert wanted in text


def test_a_site_of_nothing_is_three_pages_all_the_same() -> None:
    assert "0 runs" in Page(index_page("x", [])).text
    assert "No two of these runs" in Page(trends_page("x", [], ())).text
    nothing = Page(twins_page("x", []))
    assert "No run has two identical servers" in nothing.text
    assert "img" not in nothing.tags


def test_the_page_of_identical_servers_counts_over_all_runs_and_shows_each() -> None:
    page = Page(twins_page("x", REPORTS))
    checks = [check for report in REPORTS for check in report.analysis.twins]
    held = sum(check.holds_one for check in checks)
    assert len(checks) == len(REPORTS) == 3
    assert f"contained 1 in {held} of 3 conditions" in page.text
    assert [name for name in page.values("id") if name.startswith("run-")] == [
        "run-1", "run-2", "run-3",
    ]  # fmt: skip
    for run in RUNS:
        assert f"runs/{run.id}/index.html" in page.values("href")
    for check in checks:
        assert f"{check.ratio.mean:.3f}" in page.text
    assert page.tags.count("img") == 1
    assert all(page.values("alt"))


def test_a_run_of_locust_has_no_table_of_identical_servers_and_is_named() -> None:
    run = msgspec.structs.replace(ramp_run(), id="ramp-20260301-000000")
    analysis = analyse(run, [make_cell()])
    ramp = Report(page=Path("index.html"), trials=0, run=run, analysis=analysis, damaged=())
    page = Page(twins_page("x", [*REPORTS, ramp]))
    assert f"runs/{run.id}/index.html" not in page.values("href")
    assert f"Locust loads setups without a duplicate: {run.id}" in page.text


def test_the_list_of_runs_leads_to_the_other_pages() -> None:
    assert {"trends.html", "twins.html"} <= set(Page(index_page("x", REPORTS)).values("href"))


def test_the_table_of_trends_says_which_variant_answered_nothing() -> None:
    run = RUNS[1]
    trials = [starved(t) if t.variant == "b/other" else t for t in simulate(run, COST, 1)]
    failed = msgspec.structs.replace(REPORTS[1], analysis=analyse(run, trials))
    reports = [REPORTS[0], failed, REPORTS[2]]
    text = Page(
        trends_page("x", reports, trends([(report.run, report.analysis) for report in reports]))
    ).text
    assert "starved: no correct answer (" in text


def test_the_front_page_has_an_answer_of_every_run_and_a_leaderboard_of_the_newest() -> None:
    boards = newest([(run, analysed_board(run, simulate(run, COST, 1))[1]) for run in RUNS])
    page = Page(index_page("x", REPORTS, (), boards))
    data, script = page.scripts
    (board,) = json.loads(data)
    assert board["run"] == RUNS[2].id
    assert board["machine"] == "2 cores"
    assert script == board_script()
    assert page.text.count(headline(RUNS[0], REPORTS[0].analysis)[0]) == 4
    assert page.tags.count("table") == 2, "the leaderboard, and two stacks side by side"
    assert {row for row in COST if row in page.text} == set(COST)


def test_a_trend_says_where_runs_cannot_be_compared() -> None:
    other = dated_run(2, machine=RUNS[0].machine | {"processors": 8})
    reports = [reported(RUNS[0]), reported(other)]
    found = trends([(report.run, report.analysis) for report in reports])
    text = Page(trends_page("x", reports, found)).text
    assert "not comparable with the run above, because the machines differ" in text
