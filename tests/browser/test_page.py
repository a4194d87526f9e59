"""The report's page in a browser: from disk, without a network, by mouse and on a phone."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser

from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial, trial_file
from harness.report.write import write_report
from tests.browser.conftest import Watched
from tests.toys.runs import BASELINE, histogram, make_run, make_study, simulate

HOSTILE = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
PHONE = {"width": 360, "height": 740}
CREATE = Condition(endpoint="io_create", connections=8, rows=100)


def two_endpoints() -> tuple[Run, list[Trial]]:
    study = make_study(blocks=4)
    study = msgspec.structs.replace(study, conditions=(*study.conditions, CREATE))
    run = make_run(study)
    hostile = {
        name: msgspec.structs.replace(record, title=HOSTILE)
        for name, record in run.variants.items()
    }
    run = msgspec.structs.replace(run, variants=hostile)
    trials: list[Trial] = []
    for condition, other in zip(study.conditions, (550.0, 800.0), strict=True):
        alone = make_run(make_study(blocks=4))
        made = simulate(alone, {BASELINE: 500.0, "b/other": other}, seed=4, drift=0.01)
        trials += [
            msgspec.structs.replace(t, condition=condition, latency_hdr=histogram(2.0))
            for t in made
        ]
    return run, trials


def written(folder: Path, run: Run, trials: Sequence[Trial]) -> Path:
    store = Store.create(folder, run.id)
    store.write_run(run)
    for trial in trials:
        store.write_trial(trial)
    return write_report(store).page


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("page"), *two_endpoints())


def test_it_loads_from_disk_without_a_complaint_or_a_request(watched: Watched, path: Path) -> None:
    watched.open(path)
    assert watched.complaints == []
    assert watched.requests == []
    assert watched.page.locator("#x-chart svg.marks").count() == 1
    assert watched.page.locator("#x-trials svg.marks").count() == 1


def test_another_endpoint_measure_and_baseline_change_what_is_shown(
    watched: Watched, path: Path
) -> None:
    watched.open(path)
    page = watched.page
    table = page.locator("#x-table tbody")
    seen = [table.inner_text()]
    page.select_option("#x-endpoint", label="io_create")
    seen.append(table.inner_text())
    page.select_option("#x-measure", value="throughput_per_s")
    seen.append(table.inner_text())
    page.select_option("#x-baseline", value="b/other")
    seen.append(table.inner_text())
    page.select_option("#x-baseline", label="none: absolute values")
    seen.append(table.inner_text())
    assert len(set(seen)) == len(seen)
    assert "throughput" in page.locator("#x-head-value").inner_text()
    assert watched.complaints == []


def test_every_pair_is_shown_when_it_is_asked_for(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    assert page.locator("#x-matrix tbody tr").count() == 0
    page.locator("#x-pairs summary").click()
    page.wait_for_selector("#x-matrix tbody tr")
    assert page.locator("#x-matrix tbody tr").count() == 2
    assert "[" in page.locator("#x-matrix tbody").inner_text()


def four_variants() -> tuple[Run, list[Trial]]:
    """One that differs from the baseline, one that equals it, and one that nobody can tell."""
    names = (BASELINE, "b/equal", "c/unsteady", "d/dear")
    run = make_run(make_study(names, blocks=6))
    costs = dict.fromkeys(names, 500.0) | {"d/dear": 900.0}
    steady = simulate(run, costs, seed=5, drift=0.01, noise=0.004, start=0.001)
    unsteady = simulate(run, costs, seed=6, drift=0.01, noise=0.004, start=0.05)
    return run, [
        msgspec.structs.replace(
            other if one.entry == "c/unsteady" else one, latency_hdr=histogram(2.0)
        )
        for one, other in zip(steady, unsteady, strict=True)
    ]


def test_equal_variants_are_told_from_undecided_ones(watched: Watched, tmp_path: Path) -> None:
    watched.open(written(tmp_path, *four_variants()))
    page = watched.page
    rows = {
        name: page.locator("#x-table tbody tr", has_text=name).inner_text()
        for name in ("b/equal", "c/unsteady", "d/dear")
    }
    assert "the same within 3 %" in rows["b/equal"]
    assert re.search(r"undecided, at most \d+ %", rows["c/unsteady"])
    assert "the same" not in rows["d/dear"]
    assert "undecided" not in rows["d/dear"]
    assert page.locator("#x-chart svg.marks").get_by_text("the same within 3 %").count() == 1
    page.locator("#x-pairs summary").click()
    page.wait_for_selector("#x-matrix tbody tr")
    cells = page.locator("#x-matrix tbody tr", has_text="d/dear").locator("td.differs")
    assert cells.count() == 3
    told = page.locator("#x-matrix td[title^='undecided, at most']").first.inner_text()
    assert re.search(r"\(≤ \d+ %\)$", told)
    assert page.locator("#x-matrix td[title='the same within 3 %']").count() == 2
    assert watched.complaints == []


def test_a_phone_shows_ratio_and_verdict_without_scrolling(
    browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, is_mobile=True)
    Watched(page).open(written(tmp_path, *four_variants()))
    right = page.locator("#x-table tbody tr td:nth-child(3)").first.bounding_box()
    page.close()
    assert right is not None
    assert right["x"] + right["width"] <= 390


def test_trials_that_do_not_count_are_listed_with_reason_and_file(
    watched: Watched, tmp_path: Path
) -> None:
    run, trials = two_endpoints()
    trials[0] = msgspec.structs.replace(trials[0], problem="the server died")
    watched.open(written(tmp_path, run, trials))
    page = watched.page
    assert "1 not counted" in page.locator("#x-trials-count").inner_text()
    page.locator("#x-odd summary").click()
    row = page.locator("#x-odd-table tbody tr").inner_text()
    assert "incomplete: the server died" in row
    assert trial_file(trials[0]) in row
    assert watched.complaints == []


def test_where_every_trial_counts_there_is_no_such_list(watched: Watched, path: Path) -> None:
    watched.open(path)
    assert not watched.page.locator("#x-odd").is_visible()


def test_the_help_of_a_ranking_leads_to_its_explanation(watched: Watched, path: Path) -> None:
    watched.open(path)
    targets = watched.page.evaluate(
        "[...document.querySelectorAll('nav a, main a.help')].map((a) => a.getAttribute('href'))"
    )
    assert "#read-ties" in targets
    for target in set(targets):
        assert watched.page.locator(f"[id='{target[1:]}']").count() == 1, target


def test_a_hostile_title_is_text(watched: Watched, path: Path) -> None:
    watched.open(path)
    assert watched.page.title() != "run"
    assert watched.page.get_by_text("<script>document.title").count() >= 1


def test_controls_have_labels_and_live_charts_have_words(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    for name in ("Endpoint", "Load", "Measure", "Compare with"):
        assert page.get_by_label(name).count() == 1
    for name in ("x-chart", "x-trials", "x-latencies", "x-resources"):
        assert page.locator(f"#{name} svg.marks").get_attribute("aria-label")


def test_everything_can_be_reached_by_keyboard(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    page.focus("#x-endpoint")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#x-endpoint") == "io_create"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "x-load"


def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, path: Path) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, is_mobile=True)
    watched = Watched(page)
    watched.open(path)
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert wide <= PHONE["width"]


def test_a_phone_cuts_no_text_of_a_chart(browser: Browser, path: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, is_mobile=True)
    watched = Watched(page)
    watched.open(path)
    texts, cut = page.evaluate(CHART_TEXTS)
    page.close()
    assert {"counted, with a label", "generator", f"ratio to {BASELINE}"} <= set(texts)
    assert cut == []
    assert watched.complaints == []


def test_the_caption_names_what_the_chart_has(watched: Watched, path: Path) -> None:
    watched.open(path)
    caption = watched.page.locator("#x-caption")
    assert "the same within 3 %" in caption.inner_text()
    assert "blocks" not in caption.inner_text()
    watched.page.select_option("#x-baseline", "")
    assert "blocks" in caption.inner_text()
    assert "the same within" not in caption.inner_text()


def test_on_paper_nothing_is_cut_off(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    cut = page.evaluate(
        "[...document.querySelectorAll('main table')].filter("
        "(t) => t.offsetParent && t.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert cut == 0
    assert page.pdf().startswith(b"%PDF")


def test_paper_has_every_pair_and_what_was_closed_is_closed_again(
    watched: Watched, path: Path
) -> None:
    """The page is taken before a `toggle` could be heard."""
    watched.open(path)
    opened = "document.querySelectorAll('details[open]').length"
    before, cells, after = watched.page.evaluate(
        f"() => {{ const before = {opened}; dispatchEvent(new Event('beforeprint'));"
        "const cells = document.querySelectorAll('#x-matrix tbody td').length;"
        f"dispatchEvent(new Event('afterprint')); return [before, cells, {opened}]; }}"
    )
    assert cells == 4
    assert after == before


def test_dark_and_light_are_both_readable(watched: Watched, path: Path) -> None:
    """Text and paper differ by a contrast ratio of 7 at least (WCAG 2.2, 1.4.6)."""
    watched.open(path)
    for scheme in ("light", "dark"):
        watched.page.emulate_media(color_scheme=scheme)
        contrast = watched.page.evaluate(CONTRAST)
        assert contrast >= 7, scheme


CHART_TEXTS = """() => {
  const all = [...document.querySelectorAll("svg.marks")].flatMap((chart) => {
    const edge = chart.getBoundingClientRect();
    return [...chart.querySelectorAll("text, tspan")].map((text) => {
      const { left, right, width } = text.getBoundingClientRect();
      return [text.textContent, width > 0 && (left < edge.left - 1 || right > edge.right + 1)];
    });
  });
  return [all.map(([text]) => text), all.filter(([, cut]) => cut).map(([text]) => text)];
}"""
CONTRAST = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[0-9.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.body);
  const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""
