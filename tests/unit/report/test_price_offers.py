"""Price lists for an A/B, from the kept runs beside it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from harness.analysis.causes.kept_prices import KeptPrices, kept_prices
from harness.records.lock import changing
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.report import price_offers as module
from harness.report.price_offers import newest_prices, price_offers
from tests.toys.ab import of_the_ladder
from tests.toys.ladder import STOCK, ladder_run, ladder_study, ladder_trials
from tests.toys.shelves import dated_run, shelve

AB, _ = of_the_ladder()


def keep(folder: Path, name: str, *endpoints: str, day: int = 1) -> Store:
    """A run of the ladder in the results of this folder."""
    study = ladder_study(dict.fromkeys(endpoints or ("io_read",), 8), blocks=2)
    run = msgspec.structs.replace(
        ladder_run(study), id=name, started_at=f"2026-01-{day:02}T00:00:00+00:00"
    )
    store = Store.create(folder / "results", name)
    store.write_run(run)
    for trial in ladder_trials(run, noise=0.002):
        store.write_trial(msgspec.structs.replace(trial, run=name))
    return store


def offered(folder: Path, run: Run = AB) -> list[str]:
    found = price_offers(run, folder / "results", folder / "cache")
    return [offer.prices.run for offer in found]


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were analysed for their prices."""
    names: list[str] = []

    def noted(run: Run, trials: Sequence[Trial]) -> KeptPrices | None:
        names.append(run.id)
        return kept_prices(run, trials)

    monkeypatch.setattr(module, "kept_prices", noted)
    return names


def test_the_newest_run_with_prices_is_analysed_once_and_kept(
    tmp_path: Path, analysed: list[str]
) -> None:
    keep(tmp_path, "old", day=1)
    keep(tmp_path, "new", day=3)
    keep(tmp_path, "middle", day=2)
    shelve(tmp_path / "results", dated_run(5))
    assert offered(tmp_path) == ["new"]
    assert offered(tmp_path) == ["new"]
    assert analysed == ["new"]


def test_nothing_is_read_where_no_toll_differs(tmp_path: Path, analysed: list[str]) -> None:
    keep(tmp_path, "new")
    assert offered(tmp_path, of_the_ladder(threads=2)[0]) == []
    assert analysed == []


def test_a_run_that_has_a_at_the_endpoint_comes_before_a_newer_one(
    tmp_path: Path, analysed: list[str]
) -> None:
    keep(tmp_path, "other-endpoint", "io_create", day=9)
    keep(tmp_path, "fitting", "noop", "io_read", day=2)
    assert offered(tmp_path) == ["fitting"]
    assert analysed == ["fitting"]


def test_without_a_the_newest_list_still_serves(tmp_path: Path) -> None:
    keep(tmp_path, "old", "io_create", day=1)
    keep(tmp_path, "new", "io_create", day=2)
    assert offered(tmp_path) == ["new"]


def test_two_endpoints_that_no_run_has_together_take_two_lists(tmp_path: Path) -> None:
    keep(tmp_path, "reads", "io_read", day=1)
    keep(tmp_path, "nothing", "noop", day=2)
    noop, _ = of_the_ladder(endpoint="noop")
    conditions = (*AB.study.conditions, *noop.study.conditions)
    tolls = {audit.variant: audit.tolls for audit in noop.audits}
    both = msgspec.structs.replace(
        AB,
        study=msgspec.structs.replace(AB.study, conditions=conditions),
        audits=tuple(
            msgspec.structs.replace(audit, tolls=(*audit.tolls, *tolls[audit.variant]))
            for audit in AB.audits
        ),
    )
    assert offered(tmp_path, both) == ["nothing", "reads"]


def test_what_is_damaged_or_in_use_is_left_out(tmp_path: Path) -> None:
    keep(tmp_path, "good", day=1)
    keep(tmp_path, "damaged", day=9).folder.joinpath("run.json").write_text("{")
    with changing(keep(tmp_path, "busy", day=8).folder):
        assert offered(tmp_path) == ["good"]
    assert offered(tmp_path) == ["busy"]


def test_a_changed_run_is_analysed_again(tmp_path: Path, analysed: list[str]) -> None:
    store = keep(tmp_path, "new")
    offered(tmp_path)
    path = sorted((store.folder / "trials").iterdir())[0]
    path.unlink()
    offered(tmp_path)
    assert analysed == ["new", "new"]


def test_no_kept_run_offers_nothing(tmp_path: Path) -> None:
    assert offered(tmp_path) == []


def test_it_is_told_whether_a_is_the_same_there(tmp_path: Path) -> None:
    store = keep(tmp_path, "new")
    (offer,) = price_offers(AB, tmp_path / "results", tmp_path / "cache")
    assert offer.changed == {}
    run = store.read_run()
    other = {STOCK.partition("/")[0]: {"x": "2"}}
    implementations = {
        name: msgspec.structs.replace(record, packages=other.get(name, record.packages))
        for name, record in run.implementations.items()
    }
    store.write_run(msgspec.structs.replace(run, implementations=implementations))
    (offer,) = price_offers(AB, tmp_path / "results", tmp_path / "cache")
    assert list(offer.changed) == [STOCK]
    assert "packages" in offer.changed[STOCK]


def test_a_receipt_without_prices_of_its_own_takes_those_of_the_newest_run(
    tmp_path: Path, analysed: list[str]
) -> None:
    results, cache = tmp_path / "results", tmp_path / "cache"
    assert newest_prices(results, cache) is None
    keep(tmp_path, "old", day=1)
    keep(tmp_path, "new", day=3)
    shelve(results, dated_run(5))  # has no ladder
    found = newest_prices(results, cache)
    assert found is not None
    assert found.run == "new"
    assert analysed == ["new"]


def test_a_receipt_takes_the_newest_run_with_most_of_its_tolls(
    tmp_path: Path, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, cache = tmp_path / "results", tmp_path / "cache"
    taken = {
        "fitting": {"hop (anyio)", "thread started"},
        "too-old": {"hop (anyio)", "thread started"},
        "new": {"hop (asgiref)", "thread started"},
    }
    for day, name in enumerate(("too-old", "fitting", "new"), 1):
        keep(tmp_path, name, day=day)
    monkeypatch.setattr(module, "tolls_taken", lambda run: frozenset(taken[run.id]))
    for wanted, name in (
        ({"hop (anyio)", "thread started", "event loop made"}, "fitting"),
        ({"thread started"}, "new"),
    ):
        found = newest_prices(results, cache, wanted)
        assert found is not None
        assert found.run == name
    assert analysed == ["fitting", "new"]
