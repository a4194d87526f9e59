"""Sites of runs made up in memory; some of them by somebody who wishes us no good."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from harness.base.errors import MalformedFile, StoreFailed, UsageError
from harness.inputs.claims import Claim, Criterion
from harness.inputs.settings import LoadSettings
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import RampRecord
from harness.report.site.folder import MARKER
from harness.report.site.pages import board_script
from harness.report.site.site import Site, publish
from tests.toys.pages import HOSTILE, Page
from tests.toys.runs import make_trial, make_window
from tests.toys.shelves import dated_run, shelve

pytestmark = pytest.mark.usefixtures("undrawn_unless_asked")
FILES = {
    "index.html", "report.md", "ratios.csv", "trials.csv", "trials.parquet", "summary.json",
    "summary.schema.json", "figures", "pictures",
}  # fmt: skip
FIRST, SECOND = dated_run(1, {"x": "1"}), dated_run(2, {"x": "2"})


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    return [shelve(tmp_path / "results", run) for run in (FIRST, SECOND)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "site"


def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pages(target: Path) -> Iterator[Path]:
    yield from (target / name for name in ("index.html", "trends.html", "twins.html"))


def check(target: Path, *more: str) -> None:
    """What holds for every site; more: names of further pages."""
    for path in (*pages(target), *(target / name for name in more)):
        made = page(path)
        assert made.scripts[1:] == ([board_script()] if made.scripts else [])
        assert not made.scripts or (path.name == "index.html" and json.loads(made.scripts[0]))
        assert not any(name.startswith("on") for _, name, _ in made.attributes)
        assert all(source.startswith("data:image/svg+xml") for source in made.values("src"))
        assert len(set(made.values("id"))) == len(made.values("id"))
        for reference in made.values("href"):
            parts = urlsplit(reference)
            assert (parts.scheme, parts.netloc) == ("", "")
            assert not parts.path.startswith("/")
            assert ".." not in parts.path
            if parts.path:
                assert (path.parent / parts.path).is_file()
            else:
                assert parts.fragment in made.values("id")
        cells = re.findall(r">([^<>]*)</t[dh]>", path.read_text(encoding="utf-8"))
        assert not {"None", "nan", "inf"} & set(cells)


@pytest.mark.usefixtures("drawn")
def test_a_site_has_a_list_trends_identical_servers_and_a_report_of_every_run(
    stores: list[Store], target: Path
) -> None:
    site = publish(stores, target, "My runs")
    check(target)
    assert site == Site(page=target / "index.html", damaged={}, left=())
    assert {path.name for path in target.iterdir()} == {
        MARKER, "index.html", "trends.html", "twins.html", "runs",
    }  # fmt: skip
    for run in (FIRST, SECOND):
        assert {path.name for path in (target / "runs" / run.id).iterdir()} == FILES
    text = page(site.page).text
    for wanted in ("My runs", FIRST.study.title, "2026-02-01", "b/other"):
        assert wanted in text
    assert FIRST.study.question in page(site.page).values("title")
    assert text.rindex(SECOND.id) < text.rindex(FIRST.id)


def test_the_runs_are_left_as_they_are(stores: list[Store], target: Path, tmp_path: Path) -> None:
    before = contents(tmp_path / "results")
    publish(stores, target, "x")
    assert contents(tmp_path / "results") == before


def test_verdicts_and_machine_stand_in_the_list(stores: list[Store], target: Path) -> None:
    text = page(publish(stores, target, "x").page).text
    assert text.count("No stack is shown to be ahead.") == 3, "above the table, and of both runs"
    assert "2 cores" in text


def test_trends_tell_estimates_and_what_changed(stores: list[Store], target: Path) -> None:
    publish(stores, target, "x")
    trends = page(target / "trends.html")
    assert "x 1 to 2" in trends.text
    assert trends.text.count("2026-02-01") >= 3
    assert trends.tags.count("img") == 2
    assert all(trends.values("alt"))


def test_one_run_has_no_trends_and_says_so(stores: list[Store], target: Path) -> None:
    publish(stores[:1], target, "x")
    check(target)
    assert (
        "No two of these runs measured a variant under the same condition"
        in page(target / "trends.html").text
    )


def test_a_run_is_published_once_however_often_it_is_named(
    stores: list[Store], target: Path
) -> None:
    publish([*stores, stores[0]], target, "x")
    ids = page(target / "index.html").values("id")
    assert [name for name in ids if name.startswith("run-")] == ["run-2", "run-1"]


def test_all_pages_have_a_policy_that_allows_their_own_scripts_alone(
    stores: list[Store], target: Path
) -> None:
    publish(stores, target, "x")
    found = [*pages(target), target / "runs" / FIRST.id / "index.html"]
    for path in found:
        (policy,) = re.findall(r"Content-Security-Policy[^>]*", path.read_text())
        assert "default-src 'none'" in policy
        assert ("sha256-" in policy) == (path.name == "index.html")
        assert "unsafe-eval" not in policy


def test_a_site_can_be_made_again(stores: list[Store], target: Path) -> None:
    publish(stores, target, "x")
    before = contents(target)
    publish(stores, target, "x")
    assert contents(target).keys() == before.keys()


def test_what_was_published_before_is_told_and_stays(stores: list[Store], target: Path) -> None:
    publish(stores, target, "x")
    site = publish(stores[:1], target, "x")
    check(target)
    assert site.left == (SECOND.id,)
    assert SECOND.id not in page(site.page).text
    assert (target / "runs" / SECOND.id / "index.html").is_file()


def test_texts_of_a_stranger_stay_texts(tmp_path: Path, target: Path) -> None:
    def hostile(run: Run) -> Run:
        variants = {
            name: msgspec.structs.replace(record, title=HOSTILE, server=HOSTILE)
            for name, record in run.variants.items()
        }
        return msgspec.structs.replace(
            run,
            study=msgspec.structs.replace(run.study, title=HOSTILE, question=HOSTILE),
            machine={"kernel": HOSTILE + run.id},
            started_at=HOSTILE,
            variants=variants,
            excluded={HOSTILE: HOSTILE},
        )

    stores = [shelve(tmp_path / "results", hostile(run)) for run in (FIRST, SECOND)]
    publish(stores, target, HOSTILE)
    check(target)
    for path in pages(target):
        scripts = path.read_text(encoding="utf-8").count("<script")
        assert scripts == (2 if path.name == "index.html" else 0)
        assert HOSTILE in page(path).text


@pytest.mark.parametrize(
    "name", ["../../evil", "/evil", "a/b", "..", ".", "", "tiny\n", "<script>", "another", "a\\b"]
)
def test_a_run_that_calls_itself_otherwise_is_refused(
    tmp_path: Path, target: Path, name: str
) -> None:
    store = shelve(tmp_path / "results", dated_run(1, id=name), folder="tiny")
    with pytest.raises(UsageError, match=r"calls itself .*; leave it out") as told:
        publish([store], target, "x")
    assert repr(name) in str(told.value)
    assert "\n" not in str(told.value)
    assert not target.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"results"}


@pytest.mark.parametrize("name", ["a b", "a..b", "é", "<b>", "a%2f", "-->"])
def test_a_name_that_is_no_plain_one_is_refused(tmp_path: Path, target: Path, name: str) -> None:
    store = shelve(tmp_path / "results", dated_run(1, id=name))
    with pytest.raises(UsageError, match="in letters, digits"):
        publish([store], target, "x")
    assert not target.exists()


def test_of_two_runs_of_one_name_the_second_is_left_out(
    stores: list[Store], target: Path, tmp_path: Path
) -> None:
    again = shelve(tmp_path / "elsewhere", FIRST)
    site = publish([*stores, again], target, "x")
    check(target)
    (reason,) = site.refused.values()
    assert list(site.refused) == [again.folder]
    assert str(reason).startswith(f"Two runs are called {FIRST.id}, in ")


def test_what_lies_outside_a_run_does_not_get_into_its_report(
    stores: list[Store], target: Path, tmp_path: Path
) -> None:
    trial = min((stores[0].folder / "trials").iterdir())
    secret = tmp_path / trial.name
    changed = trial.read_text().replace('"error_samples": []', '"error_samples": ["secret"]')
    secret.write_text(changed.replace('"problem": null', '"problem": "secret"'))
    trial.unlink()
    trial.symlink_to(secret)
    site = publish(stores, target, "x")
    (error,) = site.damaged[FIRST.id]
    assert str(error).startswith(f"trials/{trial.name}: is a symbolic link out of the run's folder")
    assert not [path for path, body in contents(target).items() if b"secret" in body]
    assert "1 damaged trial" in page(site.page).text


def test_a_report_is_not_written_through_a_link(
    stores: list[Store], target: Path, tmp_path: Path
) -> None:
    publish(stores[1:], target, "x")
    (tmp_path / "victim").mkdir()
    (target / "runs" / FIRST.id).symlink_to(tmp_path / "victim")
    with pytest.raises(StoreFailed, match="is a symbolic link"):
        publish(stores, target, "x")
    assert list((tmp_path / "victim").iterdir()) == []


def test_a_damaged_run_is_left_out_and_the_rest_is_published(
    stores: list[Store], target: Path
) -> None:
    (stores[1].folder / "run.json").write_text("{")
    site = publish(stores, target, "x")
    check(target)
    assert list(site.refused) == [stores[1].folder]
    assert "run.json" in str(site.refused[stores[1].folder])
    text = page(site.page).text
    assert f"left out: {SECOND.id}" in text
    assert str(stores[1].folder) not in text
    assert FIRST.id in text


def test_a_damaged_run_alone_is_an_error_and_nothing_is_written(
    stores: list[Store], target: Path
) -> None:
    (stores[1].folder / "run.json").write_text("{")
    with pytest.raises(MalformedFile, match=r"run\.json"):
        publish(stores[1:], target, "x")
    assert not target.exists()


def test_a_hostile_run_among_others_is_left_out(
    stores: list[Store], target: Path, tmp_path: Path
) -> None:
    hostile = shelve(tmp_path / "results", dated_run(3, id="../../evil"), folder="tiny")
    site = publish([*stores, hostile], target, "x")
    check(target)
    assert list(site.refused) == [hostile.folder]
    assert {path.name for path in tmp_path.iterdir()} == {"results", "site"}


def test_the_folder_of_a_run_is_no_site(stores: list[Store]) -> None:
    with pytest.raises(UsageError, match="which must not change"):
        publish(stores, stores[0].folder / "report", "x")
    assert not (stores[0].folder / "report").exists()


def test_a_run_of_ramps_is_listed_without_trends(tmp_path: Path, target: Path) -> None:
    study = msgspec.structs.replace(FIRST.study, load=LoadSettings(engine="locust"))
    run = msgspec.structs.replace(FIRST, study=study)
    store = Store.create(tmp_path / "results", run.id)
    store.write_run(run)
    ramp = RampRecord(
        users=8, failed_per_second=(0,) * 20, under_way_at_stop=0, warned=False, max_connections=100
    )
    for entry in run.study.variants:
        window = make_window(per_second=(50,) * 20)
        store.write_trial(make_trial(entry, slices=[window], ramp=ramp))
    publish([store], target, "x")
    check(target)
    made = page(target / "index.html")
    assert "No run here has figures to compare" in made.text
    assert f"runs/{run.id}/index.html" in made.values("href")
    assert "table" not in made.tags


def test_each_run_is_told_as_it_begins(stores: list[Store], target: Path) -> None:
    steps: list[str] = []
    publish(stores, target, "x", step=steps.append)
    assert [FIRST.id in steps[0], SECOND.id in steps[1]] == [True, True]


RATIO = Criterion(of="b/other", to="a/base", measure="cpu", at_least=0.2)


def test_a_site_judges_claims_by_all_of_its_runs(stores: list[Store], target: Path) -> None:
    claims = (
        Claim("X1", "somebody, 2020", "something", (RATIO,)),
        Claim("X2", HOSTILE, HOSTILE, studies=("quick",)),
    )
    publish(stores, target, HOSTILE, claims)
    check(target, "claims.html")
    assert "claims.html" in page(target / "index.html").values("href")
    made = page(target / "claims.html")
    assert "2 claims: 1 true, 1 not tested." in made.text
    assert "Judged by 2 runs." in made.text
    assert [href for href in made.values("href") if href.startswith("runs/")] == [
        f"runs/{run.id}/index.html" for run in (FIRST, SECOND)
    ]
    assert "bridgetoll run quick" in made.text


def test_a_site_without_claims_has_no_page_of_them(stores: list[Store], target: Path) -> None:
    publish(stores, target, "My runs")
    assert not (target / "claims.html").exists()
    assert "claims.html" not in page(target / "index.html").values("href")
