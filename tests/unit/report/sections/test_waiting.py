from harness.report.sections.waiting import HEADINGS, REACHES, waiting_values
from tests.toys.runs import BASELINE
from tests.toys.waits import Broken, waited

OTHER = "b/other"
LATE = Broken({"timeout": 40}, {"timeout": 960}, correct=16)


def test_every_stack_has_a_row_at_every_number_also_where_it_broke() -> None:
    shares = {n: {BASELINE: 0.97, OTHER: 0.9 if n < 1_000 else LATE} for n in (10, 100, 1_000)}
    values = waiting_values(waited(shares)[1].waiting)
    assert values is not None
    rows = {(row["connections"], row["stack"]): row["values"] for row in values["rows"]}
    assert len(rows) == 3 * 2
    assert all(len(row) == len(HEADINGS) for row in rows.values())
    assert rows["1,000", OTHER][0].startswith("1.6 %")
    assert rows["1,000", OTHER][-1] == "timeouts"
    assert rows["1,000", OTHER][-2] == "3,000"
    assert rows["1,000", BASELINE][-1] == ""
    reaches = {row["stack"]: row["values"] for row in values["reaches"]}
    assert all(len(row) == len(REACHES) for row in reaches.values())
    assert reaches[OTHER][2:] == ["100", "1,000", "timeouts"]


def test_a_run_without_waiting_requests_has_no_section() -> None:
    assert waiting_values(None) is None
