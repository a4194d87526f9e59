"""A report's page in a browser: what its controls, links and sections do."""

import re
from pathlib import Path

import msgspec
import pytest

from harness.records.trial import trial_file
from tests.browser.conftest import PHONE, Watched
from tests.toys.kinds import CREATE, Made, ranking, titled
from tests.toys.pages import written
from tests.toys.runs import BASELINE, histogram, make_run, make_study, simulate

HOSTILE = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
TABLE, HEROES = "#t tbody", "#heroes"


def page_of(folder: Path, made: Made) -> Path:
    return written(folder, *made).report.page


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, trials = ranking()
    hostile = {
        name: msgspec.structs.replace(record, title=HOSTILE)
        for name, record in run.variants.items()
    }
    run = msgspec.structs.replace(run, variants=hostile)
    made = titled((run, trials), HOSTILE)
    return page_of(tmp_path_factory.mktemp("page"), made)


def four_variants() -> Made:
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


def test_nothing_is_drawn_before_it_is_asked_for(watched: Watched, path: Path) -> None:
    watched.open(path)
    assert watched.page.locator("svg.marks").count() == 0
    assert watched.page.locator(f"{HEROES} img:visible").count() == 2
    assert not watched.page.evaluate("'vegaEmbed' in window")
    assert watched.complaints == []
    assert watched.requests == []


def test_measure_and_baseline_change_pictures_and_table(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    seen = [page.locator(TABLE).inner_text()]
    for control, value in (
        ("#x-measure", "throughput_per_s"), ("#x-baseline", "b/lean"), ("#x-baseline", "none"),
    ):  # fmt: skip
        page.select_option(control, value=value)
        watched.settle()
        assert page.locator(f"{HEROES} svg.marks:visible").count() == 2
        seen.append(page.locator(TABLE).inner_text())
    assert len(set(seen)) == len(seen)
    assert "throughput" in (
        page.locator(f"{HEROES} svg.marks").first.get_attribute("aria-label") or ""
    )
    page.select_option("#x-baseline", value=BASELINE)
    page.select_option("#x-measure", value="server_cpu_us_per_request")
    watched.settle()
    assert page.locator(TABLE).inner_text() == seen[0]
    assert watched.complaints == []


def test_a_page_is_ready_again_once_an_unfolded_section_is_drawn(
    watched: Watched, path: Path
) -> None:
    watched.open(path)
    seen = watched.page.evaluate(
        """async () => {
          const section = document.getElementById("latency");
          await new Promise((heard) => {
            section.addEventListener("toggle", heard, { once: true });
            section.open = true;
          });
          return document.documentElement.dataset.page ?? "at work";
        }"""
    )
    assert seen == "at work"
    watched.settle()
    assert watched.page.locator("#x-latencies svg.marks[aria-label]").count() == 1
    assert watched.complaints == []


def test_another_endpoint_is_another_table(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    first = page.locator("#figures-title").inner_text()
    page.select_option("#x-endpoint", "io_read")
    watched.settle()
    assert "io_read" in page.locator("#figures-title").inner_text() != first


def test_the_address_keeps_what_is_chosen_and_a_link_opens_its_section(
    watched: Watched, path: Path
) -> None:
    watched.open(path)
    page = watched.page
    page.select_option("#x-endpoint", "io_read")
    page.select_option("#x-measure", "throughput_per_s")
    page.select_option("#x-baseline", "b/lean")
    watched.settle()
    address, chosen = page.url.partition("#")[2], page.locator(TABLE).inner_text()
    assert address
    watched.open(path, f"#{address}&at=pairs")
    assert page.locator(TABLE).inner_text() == chosen
    assert page.locator("#pairs[open]").count() == 1
    watched.open(path, "#method")
    assert page.locator("#method[open]").count() == 1
    page.evaluate("location.hash = 'read-ties'")
    page.wait_for_function(
        "() => document.getElementById('read-ties').getBoundingClientRect().top < 200"
    )
    assert watched.complaints == []


def test_a_foreign_address_is_the_usual_page(watched: Watched, path: Path) -> None:
    watched.open(path)
    usual = watched.page.locator(TABLE).inner_text()
    for address in (
        "#nowhere",
        "#endpoint=x&measure=y&baseline=z&load=q",
        "#%00=<script>",
        "#=&&=",
    ):
        watched.open(path, address)
        assert watched.page.locator(TABLE).inner_text() == usual
    assert watched.complaints == []


def test_filters_leave_the_rest(watched: Watched, tmp_path: Path) -> None:
    run, trials = ranking()
    variants = {
        name: msgspec.structs.replace(record, factors={"data": "orm" if "twin" in name else "raw"})
        for name, record in run.variants.items()
    }
    watched.open(page_of(tmp_path, (msgspec.structs.replace(run, variants=variants), trials)))
    page = watched.page
    page.locator(".filter summary").click()
    page.get_by_label("Data layer").select_option("orm")
    watched.settle()
    shown = page.locator(TABLE).inner_text()
    assert "c/twin" in shown
    assert "b/lean" not in shown
    assert "2 of 4" in page.locator("#t-note").inner_text()
    assert "data=orm" in page.url


def test_a_filter_that_nothing_passes_says_so_and_an_unknown_one_is_ignored(
    watched: Watched, tmp_path: Path
) -> None:
    run, trials = ranking()
    variants = {
        name: msgspec.structs.replace(
            record,
            framework="One" if name == BASELINE else "Two",
            factors={"data": "orm" if name == BASELINE else "raw"},
        )
        for name, record in run.variants.items()
    }
    path = page_of(tmp_path, (msgspec.structs.replace(run, variants=variants), trials))
    watched.open(path, "#data=orm&framework=Two")
    assert "No stack passes the filter." in watched.page.locator(HEROES).inner_text()
    watched.open(path, "#data=nonsense")
    assert watched.page.locator(f"{TABLE} tr").count() == 4
    assert watched.complaints == []


def test_a_link_unfolds_its_section_again(watched: Watched, path: Path) -> None:
    watched.open(path, "#trials")
    section, link = watched.page.locator("#trials"), watched.page.locator("#jump")
    watched.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML("
        "'afterbegin', '<a id=\"jump\" href=\"#trials\">Details</a>')"
    )
    section.evaluate("(node) => { node.open = false; }")
    link.click()
    assert section.evaluate("(node) => node.open")


def test_more_columns_come_on_demand(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    assert not page.get_by_role("columnheader", name="PostgreSQL CPU").is_visible()
    page.get_by_role("button", name="More columns").click()
    assert page.get_by_role("columnheader", name="PostgreSQL CPU").is_visible()


def test_equal_variants_are_told_from_undecided_ones(watched: Watched, tmp_path: Path) -> None:
    watched.open(page_of(tmp_path, four_variants()), "#pairs")
    page = watched.page
    rows = {
        name: page.locator(f"{TABLE} tr", has_text=name).inner_text()
        for name in ("b/equal", "c/unsteady", "d/dear")
    }
    assert "the same within 3 %" in rows["b/equal"]
    assert re.search(r"undecided, at most \d+ %", rows["c/unsteady"])
    assert "the same" not in rows["d/dear"]
    assert "undecided" not in rows["d/dear"]
    cells = page.locator("#x-matrix tbody tr", has_text="d/dear").locator("td.differs")
    assert cells.count() == 3
    told = page.locator("#x-matrix td[title^='undecided, at most']").first.inner_text()
    assert re.search(r"\(≤ \d+ %\)$", told)
    assert page.locator("#x-matrix td[title^='the same within 3 %']").count() == 2
    assert watched.complaints == []


def test_a_phone_shows_ratio_and_verdict_without_scrolling(phone: Watched, tmp_path: Path) -> None:
    phone.open(page_of(tmp_path, four_variants()))
    right = phone.page.locator(f"{TABLE} tr td:nth-child(2)").first.bounding_box()
    assert right is not None
    assert right["x"] + right["width"] <= PHONE["width"]


def test_trials_that_do_not_count_are_listed_with_reason_and_file(
    watched: Watched, tmp_path: Path
) -> None:
    run, trials = ranking()
    at = next(n for n, trial in enumerate(trials) if trial.condition == CREATE)
    trials[at] = msgspec.structs.replace(trials[at], problem="the server died")
    watched.open(page_of(tmp_path, (run, trials)), "#trials")
    page = watched.page
    assert "1 not counted" in page.locator("#x-trials-count").inner_text()
    page.locator("#x-odd summary").click()
    row = page.locator("#x-odd-table tbody tr").inner_text()
    assert "incomplete: the server died" in row
    assert trial_file(trials[at]) in row
    assert watched.complaints == []


def test_every_link_of_the_page_leads_somewhere(watched: Watched, path: Path) -> None:
    watched.open(path)
    targets = watched.page.evaluate(
        "[...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))"
    )
    for target in set(targets):
        assert watched.page.locator(f"[id='{target[1:]}']").count() == 1, target


def test_a_hostile_title_is_text(watched: Watched, path: Path) -> None:
    watched.open(path)
    assert watched.page.title() != "run"
    assert watched.page.get_by_text("<script>document.title").count() >= 1


def test_controls_have_labels_and_drawn_charts_have_words(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    for name in ("Endpoint", "Measure", "Compare with"):
        assert page.get_by_label(name).count() == 1
    for section, chart in (
        ("latency", "x-latencies"), ("resources", "x-resources"), ("trials", "x-trials"),
    ):  # fmt: skip
        page.locator(f"#{section} > summary").click()
        page.wait_for_selector(f"#{chart} svg.marks[aria-label]")
    assert watched.complaints == []


def test_everything_can_be_reached_by_keyboard(watched: Watched, path: Path) -> None:
    watched.open(path)
    page = watched.page
    page.focus("#x-endpoint")
    page.keyboard.press("ArrowDown")
    watched.settle()
    assert page.input_value("#x-endpoint") == "io_read"
    page.focus("#method > summary")
    page.keyboard.press("Enter")
    assert page.locator("#method[open]").count() == 1


def test_a_phone_cuts_no_text_of_a_chart(phone: Watched, path: Path) -> None:
    page = phone.page
    phone.open(path, "#measure=throughput_per_s&at=trials")
    page.locator("#resources > summary").click()
    page.wait_for_selector("#x-resources svg.marks[aria-label]")
    phone.settle()
    texts, cut = page.evaluate(CHART_TEXTS)
    assert {"counted, with a label", "generator", f"ratio to {BASELINE}"} <= set(texts)
    assert cut == []
    assert phone.complaints == []


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
    assert cells == 16
    assert after == before


def test_the_page_draws_what_the_file_shows(watched: Watched, path: Path) -> None:
    """The script draws a dot plot anew; its ratios are those of the picture in the page."""
    watched.open(path)
    page = watched.page
    said = page.locator(f"{HEROES} img").first.get_attribute("alt") or ""
    page.select_option("#x-measure", "throughput_per_s")
    watched.settle()
    page.select_option("#x-measure", "server_cpu_us_per_request")
    page.select_option("#x-baseline", "none")
    watched.settle()
    page.select_option("#x-baseline", BASELINE)
    page.evaluate("location.hash = 'measure=server_cpu_us_per_request'")
    page.wait_for_function(
        "() => document.querySelector('#heroes svg.marks')"
        "?.getAttribute('aria-label')?.includes('ratio')"
    )
    watched.settle()
    drawn = page.locator(f"{HEROES} svg.marks").first.get_attribute("aria-label") or ""
    pattern = r"(\S+) (\d\.\d\d)"
    assert dict(re.findall(pattern, drawn)).items() <= dict(re.findall(pattern, said)).items()
    assert re.findall(pattern, drawn)


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
