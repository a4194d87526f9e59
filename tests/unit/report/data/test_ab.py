"""The answer of an A/B as data, and as a table of `report.md`."""

import json
import re
from typing import Any

import jsonschema
import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.inputs.manifests import QUANTITIES
from harness.records.run import Run
from harness.records.trial import Trial
from harness.records.verification import Audit, Toll
from harness.report.answer.heroes import heroes
from harness.report.data.ab import ab_result
from harness.report.drawing.figures import Figures
from harness.report.render import markdown
from harness.report.schemas import schema
from harness.report.view import template_values
from tests.toys.ab import A, B, measured, measured_from
from tests.toys.runs import BASELINE, CONDITION

pytestmark = pytest.mark.usefixtures("undrawn_unless_asked")


def audited(run: Run, a: str) -> Run:
    """A starts two threads per request, and B one."""
    usual = dict.fromkeys(QUANTITIES, 1.0)
    audits = tuple(
        Audit(name, (Toll(CONDITION.endpoint, 10, usual | counted, {}),))
        for name, counted in (
            (a, {"threads": 2.0, "voluntary_switches": 4.0}),
            (B, {"threads": 1.0, "voluntary_switches": 3.5}),
        )
    )
    return msgspec.structs.replace(run, audits=audits)


def told(run: Run, trials: list[Trial], allowed: float | None = None) -> Any:
    """As it is printed; it is what its schema says."""
    body = msgspec.json.encode(ab_result(run, analyse(run, trials), allowed))
    value = json.loads(body)
    jsonschema.Draft202012Validator(schema("ab")).validate(value)
    return value


def test_it_has_verdicts_ratios_and_what_the_audits_count_differently() -> None:
    run, trials = measured(1100.0)
    result = told(audited(run, BASELINE), trials)
    assert result["gate"] is None
    (b,) = result["bs"]
    assert (b["a"], b["origin"], b["a_has"]) == (BASELINE, BASELINE, None)
    assert (b["variant"], b["change"], b["excluded"]) == (B, "x 2", None)
    (endpoint,) = b["endpoints"]
    assert (endpoint["endpoint"], endpoint["verdict"]) == (CONDITION.endpoint, "slower")
    cpu = endpoint["measures"][0]
    assert (cpu["measure"], cpu["verdict"]) == ("server_cpu_us_per_request", "differs")
    assert cpu["b"]["mean"] / cpu["a"]["mean"] == pytest.approx(1.1, rel=0.02)
    assert [(c["quantity"], c["a"], c["b"], c["exact"]) for c in endpoint["counts"]] == [
        ("threads", 2.0, 1.0, True), ("voluntary_switches", 4.0, 3.5, False),
    ]  # fmt: skip


def test_it_has_the_gates_answer_and_what_the_baseline_has() -> None:
    run, trials = measured_from(1100.0)
    result = told(run, trials, 0.03)
    (b,) = result["bs"]
    assert (b["a"], b["origin"], b["a_has"]) == (A, BASELINE, "x 1.5")
    assert result["gate"]["answer"] == "regressed"
    assert result["gate"]["allowed_share"] == 0.03
    assert "x 2" in result["gate"]["sentence"]


def test_a_b_that_was_not_measured_says_why() -> None:
    run, trials = measured(1100.0)
    run = msgspec.structs.replace(run, excluded={B: "sums: wrong"})
    result = told(run, [t for t in trials if t.variant != B], 0.03)
    (b,) = result["bs"]
    assert b["excluded"] == "sums: wrong"
    assert [e["verdict"] for e in b["endpoints"]] == [None]
    assert result["gate"]["answer"] == "undecided"


def test_the_reports_table_has_a_row_for_each_measure() -> None:
    run, trials = measured(1100.0)
    run = audited(run, BASELINE)
    analysis = analyse(run, trials)
    with Figures() as figures:
        shown = heroes(run, analysis, figures)
        text = markdown(template_values(run, analysis, [], figures, shown))
        figures.finish()
    head = text.partition("<details>")[0]
    assert "- x 2, against a/base: no package" in head
    row = r"\| a read \| CPU \(µs\) \| [\d,]+ \| [\d,]+ \| 1\.1.* \| worse \|"
    assert re.search(row, head, re.IGNORECASE), head
    assert "| threads | 2 | 1 |" in head
    assert head.count("### ") == 1
