"""What people read, from runs made up in memory: nothing here depends on its exact wording."""

import csv
import json
import re
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import MalformedFile
from harness.records.plan import DUPLICATE
from harness.records.store import Store
from harness.records.verification import Audit, Constants
from harness.report import write
from harness.report.price_offers import price_offers
from harness.report.write import write_report
from tests.toys.ab import of_the_ladder
from tests.toys.ladder import ladder_run, ladder_study, ladder_trials
from tests.toys.pages import HOSTILE, Page, check, written
from tests.toys.runs import BASELINE, histogram, make_run, make_study, simulate

COST = {BASELINE: 500.0, "b/other": 550.0}
RUN = make_run(make_study(blocks=3))


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
    assert "2.00 [2.00, 2.00]" in result.markdown.replace("\\", "")
    assert "2.00 ±0" in result.page.text
    comparison = result.report.analysis.conditions[0].comparisons
    (cpu, *_) = comparison.values()
    assert cpu.ratios["b/other"].mean == pytest.approx(2.0, rel=1e-6)


def test_notes_say_what_the_columns_do_not(tmp_path: Path) -> None:
    trials = simulate(RUN, COST, 1)
    few = written(tmp_path / "few", RUN, trials)
    many = [msgspec.structs.replace(t, latency_hdr=histogram(2.0)) for t in trials]
    enough = written(tmp_path / "enough", RUN, many)
    for text in (few.html, few.markdown):
        assert "A 99th percentile is n/a" in text
        assert "since the server started" in text
    for text in (enough.html, enough.markdown):
        assert "A 99th percentile is n/a" not in text
        assert "since the server started" in text
    fresh = make_run(msgspec.structs.replace(RUN.study, fresh="condition"))
    assert "since the server started" not in written(tmp_path, fresh, trials).markdown


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


def test_what_every_server_had_is_told_beside_what_the_study_gives(tmp_path: Path) -> None:
    had = Constants(
        workers=2, working=2, threads=5, at_once=5, sent=12, pool="pooled", allowed=14,
        connections=13, exact=False, listens=("loopback, port 1234",),
    )  # fmt: skip
    trials = simulate(RUN, COST, 1)
    old = written(tmp_path / "old", RUN, trials)
    assert "What the study holds constant, as measured" not in old.page.text
    run = msgspec.structs.replace(RUN, audits=(Audit("b/other", (), constants=had),))
    result = written(tmp_path / "new", run, trials)
    check(result, tmp_path / "new")
    table = result.html.partition("What the study holds constant, as measured")[2]
    cells = re.findall(r"<td>(.*?)</td>", table.partition("</table>")[0])
    assert cells == ["2", "2", "5", "5", "13", "14", "loopback, port 1234"]


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


def test_what_the_run_tells_apart_and_identical_servers_that_differ_are_told(
    tmp_path: Path,
) -> None:
    run = make_run(make_study(blocks=6))
    usual = simulate(run, COST, 4, drift=0.01, noise=0.004, start=0.001)
    dearer = simulate(run, {BASELINE: 550.0, "b/other": 550.0}, 1, drift=0.01, noise=0.004)
    off = [d if u.entry.endswith(DUPLICATE) else u for u, d in zip(usual, dearer, strict=True)]
    agreeing = written(tmp_path / "agreeing", run, usual)
    differing = written(tmp_path / "differing", run, off)
    for result in (agreeing, differing):
        check(result, tmp_path)
        assert "finds differences of" in result.page.text
        assert "finds differences of" in result.markdown
    for text in (agreeing.page.text, agreeing.markdown):
        assert "The two identical servers agree" in text
        assert "identical servers differ" not in text
    for text in (differing.page.text, differing.markdown):
        assert "The two identical servers differ under io_read" in text
        assert "identical servers agree" not in text


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
    assert "100.00%" in result.markdown
    assert "no correct answer" in result.page.text


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
        "ratios.csv",
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


def test_of_many_conditions_three_are_pictured_and_old_pictures_go(tmp_path: Path) -> None:
    study = make_study(blocks=2)
    (usual,) = study.conditions
    conditions = tuple(
        msgspec.structs.replace(usual, endpoint=endpoint, connections=count)
        for endpoint in ("io_create", "io_read", "noop")
        for count in (8, 32)
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
    assert pictures == {f"{c.name}-server_cpu_us_per_request.png" for c in conditions[:3]}
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


def test_every_chart_of_the_page_is_a_file_where_that_is_asked_for(tmp_path: Path) -> None:
    few = written(tmp_path, RUN, simulate(RUN, COST, 1)).report.page.parent / "figures"
    usual = {path.name for path in few.iterdir()}
    write_report(Store(tmp_path / RUN.id), every_figure=True)
    names = {path.name for path in few.iterdir()}
    assert usual < names
    for chart in ("pairs-server_cpu_us_per_request.svg", "trials.png", "resources.svg"):
        assert any(name.endswith(chart) for name in names), chart


def test_an_ab_tells_what_the_price_list_of_another_run_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        write, "price_offers", lambda run, runs, _: price_offers(run, runs, tmp_path / "cache")
    )
    ladder = ladder_run(ladder_study({"io_read": 8}, blocks=2))
    priced = Store.create(tmp_path / "results", "priced")
    priced.write_run(msgspec.structs.replace(ladder, id="priced"))
    for trial in ladder_trials(ladder, noise=0.002):
        priced.write_trial(msgspec.structs.replace(trial, run="priced"))
    run, trials = of_the_ladder(speed=1.5)
    store = Store.create(tmp_path / "results", run.id)
    store.write_run(run)
    for trial in trials:
        store.write_trial(trial)
    page = write_report(store, results=tmp_path / "results").page
    markdown = (store.folder / "report.md").read_text(encoding="utf-8")
    for text in (Page(page.read_text(encoding="utf-8")).text, markdown):
        assert re.search(r"one thread fewer explains .*1[78]\d ± .* µs", text)
        assert "run priced, of this machine" in text
        assert "times 1.50" in text
        assert re.search(r"one thread fewer, each 1[78]\d ± ", text)
    (bill,) = json.loads(page.with_name("summary.json").read_bytes())["bills"]
    assert bill["predicted_us"]["mean"] == pytest.approx(-180, rel=0.05)
    assert bill["source"]["run"] == "priced"
