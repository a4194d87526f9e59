"""A site's front page in a browser: from disk, without a network, by mouse, keyboard and link."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest
from playwright.sync_api import Browser, Locator, Page

from harness.analysis.analyse import Analysis
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.site.board import Board
from harness.report.site.boards import newest
from harness.report.site.pages import index_page
from harness.report.write import Report
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, Theme, Watched, watching
from tests.toys.leaders import ABOUT, COSTS, CREATE, analysed_board, leaders_run, leaders_trials
from tests.toys.leaders import starved as without_an_answer
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import CONDITION

HOSTILE = "</script><script>document.title = 'run'</script><img src=x onerror=alert(1)> \" & '"
LONG = "A question of many words " * 12
RIGHT_TO_LEFT = "מה יקר יותר, גשר או חוט?"
READY = "document.documentElement.dataset.board === 'ready'"


class Made(msgspec.Struct):
    """A run with its analysis and its leaderboard, before it is a part of a site."""

    run: Run
    analysis: Analysis
    board: Board | None


def make(run: Run, trials: Sequence[Trial]) -> Made:
    return Made(run, *analysed_board(run, trials))


def titled(run: Run, text: str) -> Run:
    study = msgspec.structs.replace(run.study, title=text, question=text)
    variants = {
        name: msgspec.structs.replace(record, title=text) for name, record in run.variants.items()
    }
    return msgspec.structs.replace(run, study=study, variants=variants)


def site(folder: Path, *made: Made, title: str = "Ours") -> Path:
    """The front page of these runs, by date."""
    reports = [
        Report(page=Path("x"), trials=0, run=m.run, analysis=m.analysis, damaged=()) for m in made
    ]
    boards = newest([(m.run, m.board) for m in made])
    path = folder / "index.html"
    path.write_text(index_page(title, reports, (), boards), encoding="utf-8")
    return path


def ranking() -> Made:
    run = leaders_run(id="first-20260101-000000", study_name="first")
    trials = [
        without_an_answer(t) if t.variant == "c/dear" and t.condition == CREATE else t
        for t in leaders_trials(run)
    ]
    return make(run, trials)


def many_loads() -> Made:
    conditions = [
        Condition(endpoint=endpoint, connections=count, rows=100)
        for count in (1, 8, 32, 64)
        for endpoint in ("io_read", "io_create")
    ]
    run = leaders_run(
        ["a/base", "c/dear"], conditions, blocks=2, id="loads-20260102-000000", study_name="loads"
    )
    return make(run, leaders_trials(run))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site(tmp_path_factory.mktemp("site"), many_loads(), ranking())


@pytest.fixture
def page(watched: Watched, path: Path) -> Iterator[Page]:
    """The front page of two runs; it must not complain of anything, and ask for nothing."""
    visit(watched.page, path)
    yield watched.page
    assert watched.complaints == []
    assert watched.requests == []


def visit(page: Page, path: Path, state: str = "") -> None:
    page.goto(f"{path.as_uri()}{state}")
    page.wait_for_function(READY)


def stacks(page: Page) -> list[str]:
    return page.locator("#board tbody .name").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    return page.locator("#board tbody tr", has_text=name)


def state(page: Page) -> dict[str, list[str]]:
    return parse_qs(page.url.partition("#")[2])


def sort(page: Page, heading: str) -> None:
    page.locator("#board thead").get_by_role("button", name=heading).click()


def test_the_table_is_the_same_with_and_without_javascript(
    browser: Browser, watched: Watched, path: Path
) -> None:
    """Two programs make it: one in Python and one in JavaScript."""
    texts = []
    plain = browser.new_context(java_script_enabled=False)
    still = plain.new_page()
    still.goto(path.as_uri())
    visit(watched.page, path)
    for page in (still, watched.page):
        cells = page.locator("#board").locator("th, td").all_inner_texts()
        titles = [cell.get_attribute("title") or "" for cell in page.locator("#board td").all()]
        heat = [cell.get_attribute("class") or "" for cell in page.locator("#board td").all()]
        texts.append([" ".join(text.split()) for text in cells] + titles)
        texts[-1] += [name.removesuffix(" why") for name in heat]
    assert "Sorting, filters" in still.locator("main").inner_text()
    assert not still.locator("#b-controls").is_visible()
    plain.close()
    assert texts[0] == texts[1]


def test_it_sorts_by_every_column_and_back(page: Page) -> None:
    sort(page, "stack")
    assert stacks(page) == sorted(COSTS)
    sort(page, "Read")
    assert stacks(page)[2:] == ["c/dear", "d/dearest"]
    sort(page, "Read")
    assert stacks(page)[:2] == ["d/dearest", "c/dear"]
    sort(page, "Insert")
    assert stacks(page)[2:] == ["d/dearest", "c/dear"], "the last has no figure there"
    sort(page, "Insert")
    assert stacks(page)[0] == "d/dearest"
    assert stacks(page)[-1] == "c/dear"
    sort(page, "Insert")
    sorts = [head.get_attribute("aria-sort") for head in page.locator("#board thead th").all()]
    assert sorts == ["none", "none", "ascending"]


def test_it_sorts_by_keyboard_and_keeps_the_focus(page: Page) -> None:
    button = page.locator("#board thead").get_by_role("button", name="stack")
    button.focus()
    page.keyboard.press("Enter")
    assert stacks(page) == sorted(COSTS)
    page.keyboard.press("Space")
    assert stacks(page) == sorted(COSTS, reverse=True)
    assert page.evaluate("document.activeElement.dataset.key") == "stack"


def test_a_measure_of_which_more_is_better_is_sorted_from_the_most(page: Page) -> None:
    page.select_option("#b-measure", "throughput_per_s")
    assert stacks(page)[-1] in ("c/dear", "d/dearest")
    head = page.locator("#board thead th[aria-sort=descending]")
    assert head.count() == 1
    assert "throughput" in page.locator("#b-count").inner_text()


def test_a_filter_shows_the_stacks_that_pass_and_says_how_many(page: Page) -> None:
    assert page.locator("#b-count").inner_text().startswith("4 of 4 stacks")
    page.locator("#b-filter summary").click()
    page.get_by_role("checkbox", name="Cherry").check()
    assert sorted(stacks(page)) == ["c/dear", "d/dearest"]
    page.get_by_role("checkbox", name="psycopg").check()
    assert stacks(page) == ["c/dear"]
    assert page.locator("#b-count").inner_text().startswith("1 of 4 stacks")
    page.get_by_role("checkbox", name="async", exact=True).check()
    assert "no stack passes the filter" in page.locator("#b-count").inner_text()
    assert page.locator("#b-filtered").inner_text() == ": Cherry, psycopg, async"


def test_every_factor_filters(page: Page) -> None:
    page.locator("#b-filter summary").click()
    legends = page.locator("#b-filters legend").all_inner_texts()
    assert legends == ["Framework", "Data layer", "Server", "Views"]
    boxes = page.locator("#b-filters input")
    shown = set()
    for at in range(boxes.count()):
        boxes.nth(at).check()
        shown.add(tuple(stacks(page)))
        boxes.nth(at).uncheck()
    assert () not in shown
    assert len(shown) > len(legends)
    assert len(stacks(page)) == len(COSTS)


def test_a_chosen_stack_is_what_the_others_are_compared_with(page: Page) -> None:
    page.select_option("#b-to", "c/dear")
    read = [row(page, name).locator("td").first for name in COSTS]
    ratios = [float(cell.locator(".ratio").inner_text().rstrip("\u00d7")) for cell in read]
    assert ratios == pytest.approx([500 / 900, 500 / 900, 1, 5], rel=0.03)
    assert [cell.get_attribute("class") for cell in read] == ["g2", "g2", "h0", "h4"]
    assert "c/dear" in page.locator("#b-key").inner_text()


def test_ties_are_marked_and_told(page: Page) -> None:
    marks = page.locator("#board tbody .mark")
    assert marks.all_inner_texts() == ["=", "="]
    titles = [cell.get_attribute("title") or "" for cell in page.locator("#board td").all()]
    assert sum("tie groups: a" in title for title in titles) == 4
    assert sum("the same within 3 %" in title for title in titles) == 2


def test_two_stacks_stand_side_by_side_with_verdicts_and_differences(page: Page) -> None:
    page.get_by_role("checkbox", name="Compare a/base").check()
    assert "choose another" in page.locator("#b-bar").inner_text()
    page.get_by_role("checkbox", name="Compare d/dearest").check()
    page.get_by_role("button", name="Show side by side").click()
    lines = page.locator("#b-rows tr")
    assert lines.count() == 2
    for text in lines.all_inner_texts():
        assert re.search(r"[89]\.\d\d \[[89]\.\d\d, \d+\.\d\d\]\s+differs", text)
    told = page.locator("#b-differ li").all_inner_texts()
    assert told == [
        "Cherry instead of Apple",
        "server gunicorn-gthread instead of gunicorn-uvicorn",
        "Django's ORM instead of asyncpg",
        "sync views",
    ]
    assert page.evaluate("document.activeElement.id") == "b-pair-title"


def test_a_third_choice_takes_the_place_of_the_first(page: Page) -> None:
    for name in ("a/base", "d/dearest", "b/equal"):
        page.get_by_role("checkbox", name=f"Compare {name}").check()
    assert page.input_value("#b-a") == "d/dearest"
    assert page.input_value("#b-b") == "b/equal"
    assert not page.get_by_role("checkbox", name="Compare a/base").is_checked()
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#b-side").is_hidden()
    assert page.locator("#b-bar").is_hidden()


def test_of_a_pair_the_verdict_and_the_lack_of_figures_are_told(page: Page) -> None:
    page.select_option("#b-a", "a/base")
    page.select_option("#b-b", "b/equal")
    assert page.locator("#b-rows").inner_text().count("the same within 3 %") == 2
    page.select_option("#b-b", "c/dear")
    insert = page.locator("#b-rows tr", has_text="Insert").inner_text()
    assert "starved" in insert
    assert "c/dear: no correct answer (" in insert
    page.select_option("#b-measure", "memory_peak_mib")
    assert "no verdict: this load gives no verdict on it" in page.locator("#b-rows").inner_text()


def test_turned_round_a_pair_has_the_inverse_ratio(page: Page) -> None:
    ratios = []
    for a, b in (("a/base", "d/dearest"), ("d/dearest", "a/base")):
        page.select_option("#b-a", "")
        page.select_option("#b-b", b)
        page.select_option("#b-a", a)
        text = page.locator("#b-rows tr", has_text="Read").locator("td").first.inner_text()
        ratios.append([float(found) for found in re.findall(r"[\d.]+", text)])
    (mean, low, high), (turned, turned_low, turned_high) = ratios
    assert low < mean < high
    assert turned_low <= turned <= turned_high
    assert turned == pytest.approx(1 / mean, abs=0.006)


def test_a_link_brings_the_whole_state_back(page: Page, path: Path) -> None:
    page.select_option("#b-measure", "throughput_per_s")
    page.select_option("#b-to", "c/dear")
    page.locator("#b-filter summary").click()
    page.get_by_role("checkbox", name="gunicorn-gthread").check()
    page.get_by_role("checkbox", name="sync", exact=True).check()
    sort(page, "stack")
    sort(page, "stack")
    page.select_option("#b-a", "d/dearest")
    page.select_option("#b-b", "c/dear")
    assert state(page) == {
        "run": ["first-20260101-000000"], "measure": ["throughput_per_s"], "to": ["c/dear"],
        "sort": ["stack"], "order": ["worst"], "a": ["d/dearest"], "b": ["c/dear"],
        "server": ["gunicorn-gthread"], "views": ["sync"],
    }  # fmt: skip
    seen = page.locator("main").inner_text()
    link = page.locator("#b-link").get_attribute("href")
    page.goto("about:blank")
    visit(page, path, link or "")
    assert page.locator("main").inner_text() == seen
    assert stacks(page) == ["d/dearest", "c/dear"]
    assert page.get_by_role("checkbox", name="gunicorn-gthread").is_checked()


def test_a_link_to_another_run_and_view_is_followed_within_the_page(page: Page, path: Path) -> None:
    page.select_option("#b-run", label="loads · 2 cores · 2026-01-01")
    assert len(stacks(page)) == 2
    page.select_option("#b-view", "endpoint:io_create")
    assert page.locator("#board thead th").count() == 5
    link = page.url.partition("#")[2]
    page.select_option("#b-run", "0")
    assert page.url == path.as_uri(), "the first state needs no hash"
    page.evaluate("link => { location.hash = link; }", link)
    page.wait_for_function("document.querySelectorAll('#board thead th').length === 5")
    assert page.input_value("#b-view") == "endpoint:io_create"


def test_a_link_to_what_is_not_here_is_told_and_the_rest_holds(page: Page, path: Path) -> None:
    page.goto("about:blank")
    visit(
        page, path, "#run=gone&measure=nonsense&sort=x&to=y&framework=Cherry&a=a%2Fbase&b=a%2Fbase"
    )
    assert page.locator("#b-count").inner_text().startswith("gone is not the newest run")
    assert page.input_value("#b-measure") == "server_cpu_us_per_request"
    assert stacks(page) == ["c/dear", "d/dearest"]
    assert page.input_value("#b-b") == ""


def test_a_hash_that_is_no_state_changes_nothing(page: Page) -> None:
    page.select_option("#b-measure", "throughput_per_s")
    page.get_by_role("link", name="All runs").click()
    assert page.input_value("#b-measure") == "throughput_per_s"
    assert page.url.endswith("#runs")


def test_many_loads_are_chosen_by_a_select(page: Page) -> None:
    assert not page.locator("#b-view").is_visible()
    page.select_option("#b-run", "1")
    assert page.locator("#b-view optgroup").count() == 2
    assert page.locator("#board thead th").count() == 3
    page.select_option("#b-view", "load:64 connections")
    loads = page.locator("#board thead .load").all_inner_texts()
    assert loads == ["64 connections", "64 connections"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["usual_page", "phone_page"])
def test_it_is_accessible_and_fits_the_screen(
    request: pytest.FixtureRequest, path: Path, screen: str, theme: Theme
) -> None:
    """With everything unfolded: filters, two stacks, reasons."""
    page: Page = request.getfixturevalue(screen)
    size = page.viewport_size
    assert size is not None
    with watching(page, theme):
        for chosen in ("", "#run=first-20260101-000000&framework=Cherry&a=c%2Fdear&b=d%2Fdearest"):
            page.goto("about:blank")
            visit(page, path, chosen)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            assert violations(page) == []


def test_a_phone_shows_the_first_column_of_figures(phone: Watched, path: Path) -> None:
    visit(phone.page, path)
    box = phone.page.locator("#board tbody td").first.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["y"] + box["height"] <= PHONE["height"]


@pytest.mark.parametrize("text", [HOSTILE, LONG, RIGHT_TO_LEFT], ids=["hostile", "long", "rtl"])
def test_any_text_is_text(watched: Watched, tmp_path: Path, text: str) -> None:
    """As the title of a run, of a variant and of the site."""
    run = titled(leaders_run(blocks=2), text)
    path = site(tmp_path, make(run, leaders_trials(run)), title=text)
    visit(watched.page, path, "#a=a%2Fbase&b=c%2Fdear")
    assert watched.page.title().startswith(text.strip()[:20])
    assert watched.page.get_by_role("link", name=text.strip()[:40]).count() == 2
    assert watched.page.locator("main img").count() == 0
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 1100
    assert watched.complaints == []


def test_hostile_factors_and_names_stay_texts(watched: Watched, tmp_path: Path) -> None:
    run = leaders_run(["a/base", "b/equal"], (CONDITION,), blocks=2)
    variants = {
        name: msgspec.structs.replace(
            record, framework=HOSTILE + name, server=HOSTILE, factors={"data": HOSTILE + name}
        )
        for name, record in run.variants.items()
    }
    run = msgspec.structs.replace(run, variants=variants)
    path = site(tmp_path, make(run, leaders_trials(run)))
    visit(watched.page, path, "#a=a%2Fbase&b=b%2Fequal")
    watched.page.locator("#b-filter summary").click()
    assert HOSTILE in watched.page.locator("#b-filters").inner_text()
    assert HOSTILE in watched.page.locator("#b-differ").inner_text()
    watched.page.locator("#b-filters input").first.check()
    assert len(stacks(watched.page)) == 1
    watched.page.reload()
    watched.page.wait_for_function(READY)
    assert len(stacks(watched.page)) == 1
    assert watched.page.locator("main img").count() == 0
    assert watched.complaints == []


def test_sixty_stacks_sort_and_filter(watched: Watched, tmp_path: Path) -> None:
    names = [f"s{at:02d}/stack" for at in range(60)]
    run = leaders_run(names, (CONDITION,), blocks=2)
    costs = {name: 500.0 + 10 * at for at, name in enumerate(names)}
    visit(watched.page, site(tmp_path, make(run, leaders_trials(run, costs))))
    assert len(stacks(watched.page)) == 60
    sort(watched.page, "stack")
    assert stacks(watched.page) == names
    assert not watched.page.locator("#b-filter").is_visible(), "all have the same factors"


def test_one_variant_and_one_block_have_values_and_no_verdicts(
    watched: Watched, tmp_path: Path
) -> None:
    alone = leaders_run(["a/base"], id="alone-20260101-000000", study_name="alone")
    once = leaders_run(blocks=1, id="once-20260101-000000", study_name="once")
    visit(watched.page, site(tmp_path, *(make(run, leaders_trials(run)) for run in (alone, once))))
    notes = watched.page.locator("#b-notes").inner_text()
    assert notes.count("a verdict needs two blocks") == 2
    assert watched.page.locator("#board .mark").count() == 0
    watched.page.select_option("#b-a", "a/base")
    watched.page.select_option("#b-b", "c/dear")
    assert watched.page.locator("#b-rows").inner_text().count("(one block)") == 6
    watched.page.select_option("#b-run", "1")
    assert stacks(watched.page) == ["a/base"]
    assert watched.complaints == []


def test_runs_without_a_leaderboard_are_listed_alone(watched: Watched, tmp_path: Path) -> None:
    ramp = make(msgspec.structs.replace(ramp_run(), id="ramp-20260101-000000"), [make_cell()])
    empty = make(leaders_run(id="empty-20260101-000000"), [])
    path = site(tmp_path, ramp, empty)
    watched.page.goto(path.as_uri())
    assert "No run here has figures" in watched.page.locator("#leaderboard").inner_text()
    assert watched.page.locator(".runs > li").count() == 2
    assert watched.page.locator("script, table").count() == 0
    assert violations(watched.page) == []
    assert watched.complaints == []


def test_a_stack_without_any_figure_keeps_its_row(watched: Watched, tmp_path: Path) -> None:
    run = leaders_run(excluded={"d/dearest": "health: it answers from memory"})
    trials = [
        without_an_answer(t) if t.variant == "b/equal" else t
        for t in leaders_trials(run)
        if t.variant != "d/dearest"
    ]
    visit(watched.page, site(tmp_path, make(run, trials)))
    assert len(stacks(watched.page)) == len(ABOUT)
    assert "starved: no correct answer" in row(watched.page, "b/equal").inner_text()
    assert "excluded: health: it answers from memory" in row(watched.page, "d/dearest").inner_text()


def test_on_paper_nothing_is_cut_off(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert not page.locator("#b-controls").is_visible()
