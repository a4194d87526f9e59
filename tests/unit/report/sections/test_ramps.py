import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import msgspec
import pytest

from harness.analysis.labels.labels import Finding, Label
from harness.analysis.labels.rules import Shares
from harness.analysis.locust import Cell, Gain, summarise
from harness.analysis.stats.intervals import Interval
from harness.inputs.published_tables import Published, PublishedCell
from harness.inputs.settings import Ramp
from harness.inputs.study import Condition, Latency
from harness.records.trial import RoundTrips
from harness.report.drawing.figures import Figures
from harness.report.sections.ramps import DETAILS, ramps_values
from harness.report.words.ramps import (
    KEPT,
    gain_sentence,
    ramp_words,
    rate_and_total,
    reason,
    route,
)
from tests.toys.pages import HOSTILE, check, written
from tests.toys.ramps import FAR, NEAR, OTHER, beside, lost_cell, make_cell, ramp_run
from tests.toys.runs import BASELINE, make_run

pytestmark = pytest.mark.usefixtures("undrawn_unless_asked")
SATURATED = Finding(Label.SERVER_BOUND, "97% of its CPU used")
WAITING = Finding(Label.LATENCY_BOUND, "nothing was busy")
FAILING = Finding(Label.ERRORS, "10.00% of requests failed (closed)")
SHARES = Shares(server=0.1, database=0.1, generator=0.1, foreign=None, steal=0.0)


def cell(**changes: Any) -> Cell:
    """A cell of nine hundred successes, about which there is nothing to say."""
    usual: dict[str, Any] = {"trials": 1, "highest_per_s": 9.0, "successes": 900.0}
    usual |= {"failures": 0.0}
    return Cell(OTHER, **(usual | {"condition": NEAR} | changes))


def test_a_cell_that_came_to_nothing_is_told_by_the_first_line_of_its_problem() -> None:
    lost = Cell(OTHER, NEAR, trials=0, problem="Locust died; it said:\nouch")
    assert reason(lost) == "Locust died; it said:"


def test_what_limited_a_cell_and_what_disturbed_it_are_told_with_their_figures() -> None:
    assert reason(cell(findings=(SATURATED, FAILING))) == "server-bound: 97% of its CPU used"
    assert reason(cell(findings=(FAILING,))) == "no single limit"
    assert reason(cell()) == "no single limit"
    noisy = Finding(Label.NOISY, "4.4% of CPU time was stolen")
    told = "server-bound: 97% of its CPU used; noisy: 4.4% of CPU time was stolen"
    assert reason(cell(findings=(SATURATED, noisy))) == told


def test_a_cell_without_a_rate_says_why() -> None:
    """Its only success came in the last second, which was cut short."""
    assert "no rate" in reason(cell(highest_per_s=None, successes=1.0))
    assert "no rate" not in reason(cell())


def test_a_share_of_errors_is_told_with_their_kinds() -> None:
    told = reason(cell(failures=100.0, errors={"closed": 60, "status 500": 1_040}))
    assert told.startswith("no single limit; 10.0% of requests failed (60 requests whose ")
    assert told.endswith(", 1,040 answers with status 500)")


@pytest.mark.parametrize(("steady", "told"), [(10.0, True), (25.0, True), (26.0, False)])
def test_a_highest_rate_that_was_a_burst_is_told(steady: float, told: bool) -> None:
    found = reason(cell(highest_per_s=50.0, steady_per_s=steady))
    assert ("did not keep its highest rate" in found) == told


@pytest.mark.parametrize(
    ("successes", "failures", "told"),
    [(999.0, 1.0, False), (998.0, 2.0, True), (0.0, 5.0, True), (0.0, 0.0, False)],
)
def test_one_error_in_a_thousand_is_not_worth_a_word(
    successes: float, failures: float, told: bool
) -> None:
    some = cell(successes=successes, failures=failures, errors={"closed": round(failures)})
    assert ("of requests failed" in reason(some)) == told


@pytest.mark.parametrize(
    ("connections", "most", "told"),
    [
        (97, 100, True),
        (100 - KEPT, 100, True),
        (100 - KEPT - 1, 100, False),
        (97, 1_000, False),
        (None, 100, False),
        (97, None, False),
    ],
)
def test_connections_that_were_all_taken_are_told(
    connections: int | None, most: int | None, told: bool
) -> None:
    found = reason(cell(most_connections=connections, max_connections=most))
    assert (f"{most} connections were exhausted ({connections} seen" in found) == told


@pytest.mark.parametrize(("failures", "told"), [(0.0, False), (100.0, True)])
def test_fewer_connections_seen_are_all_of_them_where_requests_failed_too(
    failures: float, told: bool
) -> None:
    """A look sees few of those that come and go with every request."""
    found = reason(cell(most_connections=90, max_connections=100, failures=failures))
    assert ("100 connections were exhausted (90 seen" in found) == told


CLIENT = msgspec.structs.replace(NEAR, latency=Latency(client_ms=200.0))


@pytest.mark.parametrize(
    ("condition", "connections", "facts"),
    [
        (FAR, 16.0, ("connections waited for round trips", "queue", "16 connections")),
        (FAR, 0.3, ("connections waited for round trips", "queue", "0.3 connections")),
        (FAR, None, ("requests waited for round trips", "queue")),
        (CLIENT, 16.0, ("requests waited for round trips", "queue")),
        (NEAR, 16.0, ("requests waited in a queue",)),
    ],
)
def test_a_cell_that_was_bound_by_latency_says_where_its_requests_waited(
    condition: Condition, connections: float | None, facts: tuple[str, ...]
) -> None:
    """One thread that connects for each request is seen by PostgreSQL for a part of the time."""
    waiting = cell(findings=(WAITING,), shares=SHARES, connections=connections, condition=condition)
    text = reason(waiting)
    assert text.startswith("latency-bound: nothing was busy; ")
    assert all(fact in text for fact in facts)


def test_a_cell_that_was_bound_by_its_server_does_not_say_that_it_waited() -> None:
    assert "waited" not in reason(cell(findings=(SATURATED,), shares=SHARES, connections=16.0))


def test_limits_waits_errors_and_connections_are_told_in_this_order() -> None:
    everything = cell(
        findings=(WAITING,), shares=SHARES, connections=95.0, most_connections=97,
        max_connections=100, failures=100.0, condition=FAR,
        errors={"status 500": 100},
    )  # fmt: skip
    label, _, wait, failed, exhausted = re.split("; |: ", reason(everything))
    assert label == "latency-bound"
    assert "95 connections" in wait
    assert failed == "10.0% of requests failed (100 answers with status 500)"
    assert "97 seen" in exhausted


@pytest.mark.parametrize(
    ("highest", "successes", "text"),
    [
        (185.0, 23_030, "185.0 / 23,030"),
        (0.1, 24.4, "0.1 / 24"),
        (0.0, 0, "0.0 / 0"),
        (None, 24, "n/a / 24"),
        (1.0, None, "n/a"),
    ],
)
def test_a_pair_is_the_highest_rate_and_all_successes(
    highest: float | None, successes: float | None, text: str
) -> None:
    assert rate_and_total(highest, successes) == text


@pytest.mark.parametrize(
    ("latency", "text"),
    [
        (None, "io_read, 0 ms"),
        (Latency(200.0, 200.0), "io_read, 200 ms"),
        (Latency(), "io_read, 0 ms"),
        (Latency(database_ms=0.5), "io_read, 0.5 ms to the database, 0 ms to the client"),
        (Latency(100.0, 200.0), "io_read, 100 ms to the database, 200 ms to the client"),
    ],
)
def test_a_route_is_its_endpoint_with_what_was_added(latency: Latency | None, text: str) -> None:
    assert route(Condition("io_read", latency=latency)) == text


def test_a_gain_is_told_beside_the_published_one() -> None:
    alone = Interval(2.0, None, None, None, 1)
    text = gain_sentence(Gain(OTHER, BASELINE, FAR, alone, 40.0))
    assert text.startswith("io_read, 200 ms: b/other reached 2.00 (one block) times the rate of a/")
    assert "ublished: 40 times" in text


def test_a_gain_has_its_successes_and_what_speaks_against_it() -> None:
    alone, less = Interval(2.0, None, None, None, 1), Interval(0.5, None, None, None, 1)
    gain = Gain(
        OTHER, BASELINE, FAR, alone, 40.0, less, 20.0, ("b/other: only 3 of 10 users came",)
    )
    here, _, published = gain_sentence(gain).partition("Published")
    assert "2.00 (one block) times the rate" in here
    assert "0.50 (one block) times its successes" in here
    for fact in ("40 times the rate", "20 times the successes", "only 3 of 10 users came"):
        assert fact in published


def test_a_gain_that_nobody_published_is_told_alone() -> None:
    gain = Gain(OTHER, BASELINE, NEAR, Interval(2.0, 1.5, 2.5, 0.1, 5), None)
    assert gain_sentence(gain) == (
        "io_read, 0 ms: b/other reached 2.00 [1.50, 2.50] times the rate of a/base."
    )


def test_the_load_is_told_in_a_sentence() -> None:
    run = ramp_run()
    text = ramp_words(run)
    for fact in ("FastHttpUser", "5 users", "per second up to 10", "10 s", "12 s in total"):
        assert fact in text
    load = msgspec.structs.replace(run.study.load, ramp=Ramp(client="http"))
    slower = msgspec.structs.replace(run, study=msgspec.structs.replace(run.study, load=load))
    assert ramp_words(slower).startswith("Locust's HttpUser, ")


RUN = beside(
    ramp_run(conditions=(NEAR, FAR)),
    PublishedCell(BASELINE, "io_read", 0.0, 5.0, 100),
    PublishedCell(OTHER, "io_read", 0.0, 20.0, 4_000),
)
TRIPS = RoundTrips(
    database_before=201.0, database_after=203.5, client_before=202.0, client_after=202.0
)
TRIALS = [
    make_cell(),
    make_cell(OTHER, (20,) * 20),
    make_cell(condition=FAR, round_trips=TRIPS),
    lost_cell(OTHER, "it died", condition=FAR),
]


def shown() -> dict[str, Any]:
    figures = Figures()
    view = ramps_values(RUN, summarise(RUN, TRIALS), figures)
    figures.finish()
    assert view is not None
    return view


def test_a_run_of_our_own_generator_has_no_cells_to_show() -> None:
    assert ramps_values(make_run(), None, Figures()) is None


def test_a_row_has_each_setups_figures_beside_the_published_ones() -> None:
    near, far = shown()["rows"]
    assert near == {
        "route": "io_read, 0 ms",
        "cells": [
            {"ours": "10.0 / 200", "published": "5.0 / 100", "ratio": "2"},
            {"ours": "20.0 / 400", "published": "20.0 / 4,000", "ratio": "1"},
        ],
    }
    assert far == {
        "route": "io_read, 200 ms",
        "cells": [
            {"ours": "10.0 / 200", "published": "n/a", "ratio": "n/a"},
            {"ours": "n/a", "published": "n/a", "ratio": "n/a"},
        ],
    }


def test_gains_are_those_of_every_setup_but_the_baseline() -> None:
    view = shown()
    assert (view["baseline"], view["pairs"]) == (BASELINE, [OTHER])
    near, far = view["gains"]
    assert near["values"] == [
        {
            "ours": "2.00 / 2.00 (one block)",
            "published": "4 / 40",
            "quotient": "0.5 / 0.05",
        }
    ]
    assert far["values"] == [{"ours": "n/a", "published": "n/a", "quotient": "n/a"}]
    (verdict,) = view["verdicts"]
    for fact in ("2.00 times the rate", "2.00 (one block) times its successes", "4 times", "40"):
        assert fact in verdict


def test_every_cell_has_its_reason_and_a_value_for_each_heading() -> None:
    details = shown()["details"]
    assert [(row["setup"], row["route"]) for row in details] == [
        (setup, added)
        for added in ("io_read, 0 ms", "io_read, 200 ms")
        for setup in (BASELINE, OTHER)
    ]
    assert all(len(row["values"]) == len(DETAILS) for row in details)
    values = dict(zip(DETAILS, details[0]["values"], strict=True))
    assert (values["users"], values["failed"], values["server CPU"]) == (10, "0.0%", "97%")
    assert (values["cut off at the end"], values["memory, peak (MiB)"]) == ("3", "40")
    page = values["Locust's own report, in the run's folder"]
    assert page == "logs/b01-io_read-c10-r100-a.base.html"
    assert details[-1]["reason"] == "it died"
    assert set(details[-1]["values"]) == {"n/a"}


SHORT = [make_cell(per_second=(0, 1)), make_cell(OTHER, (41, 41))]
"""A ramp of two seconds: Locust's chart has no point of it."""


def test_a_ramp_too_short_for_locusts_chart_has_one_rate_in_table_sentence_and_ratio() -> None:
    figures = Figures()
    ramps = summarise(RUN, SHORT)
    view = ramps_values(RUN, ramps, figures)
    figures.finish()
    assert view is not None
    near = view["rows"][0]
    assert [cell["ours"] for cell in near["cells"]] == ["0.5 / 1", "41.0 / 82"]
    assert [cell["ratio"] for cell in near["cells"]] == ["n/a", "n/a"]
    assert "82.00" in view["verdicts"][0]
    assert view["gains"][0]["values"][0]["ours"].startswith("82.00")
    assert "chart has no rate" in view["uncharted"]


def test_a_setup_whose_chart_is_empty_keeps_the_others_from_being_charted() -> None:
    """Otherwise one column would hold two quantities."""
    late = (*(0,) * 13, 30, 30)
    view = ramps_values(RUN, summarise(RUN, [make_cell(), make_cell(OTHER, late)]), Figures())
    assert view is not None
    assert [cell["ours"] for cell in view["rows"][0]["cells"]] == ["10.0 / 200", "6.0 / 60"]
    assert "of 1 rows" not in view["uncharted"]
    assert shown()["uncharted"] == ""


def test_added_round_trips_are_told_from_the_least_to_the_most() -> None:
    assert shown()["trips"] == [
        "database, nominally 200 ms: 201.0 to 203.5 ms idle (2 measurements)",
        "client, nominally 200 ms: 202.0 to 202.0 ms idle (2 measurements)",
    ]


@pytest.mark.usefixtures("drawn")
def test_a_chart_per_endpoint_names_every_setup_and_every_latency() -> None:
    (chart,) = shown()["charts"]
    svg = unquote(chart["uri"].partition(",")[2])
    drawn = " ".join(ElementTree.fromstring(svg).itertext())
    assert chart["title"] == "Successes per second: io_read"
    for wanted in (BASELINE, OTHER, "0 ms", "200 ms database, 200 ms client"):
        assert wanted in drawn
    assert "b/other at 0 ms 20" in chart["alt"]


def test_page_and_markdown_have_every_cell(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, TRIALS)
    check(result, tmp_path)
    for wrong in ("stay alive together", "baseline runs twice"):
        assert wrong not in result.page.text
    for text in (result.page.text, result.markdown):
        assert "no ratio is tested" in text
        for wanted in ("20.0 / 400", "20.0 / 4,000", "it died", "A table", "nominally 200 ms"):
            assert wanted in text


def test_a_ramp_that_replicates_nothing_is_not_laid_beside_anything(tmp_path: Path) -> None:
    result = written(tmp_path, ramp_run(), TRIALS[:2])
    check(result, tmp_path)
    for text in (result.page.text, result.markdown):
        assert "20.0 / 400" in text
        assert "published" not in text.lower()


def test_a_ramp_without_cells_is_a_page_that_says_so(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, [])
    check(result, tmp_path)
    for text in (result.page.text, result.markdown):
        assert "No trial has been measured yet" in text
        assert "it has not been measured yet" in text


def test_a_ramp_with_cells_and_no_gain_does_not_say_that_nothing_was_measured(
    tmp_path: Path,
) -> None:
    result = written(tmp_path, RUN, [make_cell(OTHER), lost_cell(BASELINE, "it died")])
    check(result, tmp_path)
    for text in (result.page.text, result.markdown):
        assert "10.0 / 200" in text
        assert "No trial has been measured yet" not in text


def test_text_of_tables_and_problems_stays_text(tmp_path: Path) -> None:
    table = Published(title=HOSTILE, source=HOSTILE, note=HOSTILE, cells=())
    run = msgspec.structs.replace(RUN, published=table)
    result = written(tmp_path, run, [make_cell(), lost_cell(OTHER, HOSTILE)])
    check(result, tmp_path)
    assert HOSTILE in result.page.text
    assert "<script" not in result.markdown
    assert "![x](" not in result.markdown
