"""Tables of workers, and how page and Markdown show them."""

from pathlib import Path

import msgspec

from harness import report
from harness.analysis.analyse import analyse
from harness.records.trial import WorkerRecord
from harness.report.render import environment
from harness.report.sections.scaling import HEADINGS, scaling_values
from tests.toys.runs import BASELINE
from tests.toys.sweeps import scaled, scaled_trials, swept

OTHER = "b/other"
GAINS = {1: 800.0, 2: 500.0, 4: 500.0}
TEMPLATES = Path(str(report.__file__)).with_name("templates")


def test_the_table_has_a_row_for_each_stack_and_number_of_workers() -> None:
    values = scaling_values(*scaled({BASELINE: GAINS, OTHER: GAINS}))
    assert values is not None
    (table,) = values["tables"]
    assert [row[:2] for row in table["rows"]] == [
        [name, count] for name in (BASELINE, OTHER) for count in ("1", "2", "4")
    ]
    assert all(len(row) == len(HEADINGS) for row in table["rows"])
    assert table["rows"][0][3] == "1"


def test_the_page_shows_shares_memory_and_connections_of_workers() -> None:
    run, trials = scaled_trials({BASELINE: GAINS})
    workers = tuple(WorkerRecord(ns, 1024 * mib, held) for ns, mib, held in
                    ((60, 30, 20), (20, 50, 8), (10, 40, 4), (10, 40, 0)))  # fmt: skip
    trials = [msgspec.structs.replace(t, workers=workers[: t.condition.workers]) for t in trials]
    values = scaling_values(run, analyse(run, trials))
    page = environment(TEMPLATES, escape=True).get_template("sections/scaling.html")
    text = page.render(scaling=values)
    for cell in ("60% (even: 25%)", "0 to 20", "<td>40</td>", "<td>20</td>"):
        assert cell in text
    assert "share their 2 cores" in text


def test_other_sweeps_have_no_such_table() -> None:
    costs: dict[str, float | None] = {BASELINE: 500.0, OTHER: 250.0}
    assert scaling_values(*swept(dict.fromkeys((1, 10, 100), costs))) is None
