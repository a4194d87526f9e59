"""What B has and does that A has not: packages, counts of a request, figures, and their prices."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.analyse import Analysis
from harness.analysis.causes.bills import Bill
from harness.analysis.measures import Measure
from harness.inputs.conditions import brief
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.data.ab import MEASURES, AbMeasure, ab_result
from harness.report.words import ab, bills, numbers
from harness.report.words.sentences import capital


def ab_values(run: Run, analysis: Analysis) -> list[dict[str, Any]]:
    """What each B has that A has not: packages, counts of a request, and what it costs."""
    asked = [result.condition for result in analysis.conditions]
    titles = {condition.name: brief(condition, asked) for condition in asked}
    return [
        {
            "change": b.change,
            "a": b.a,
            "packages": ab.packages(run, b.a, b.variant),
            "counts": [
                {"endpoint": endpoint, "rows": ab.count_rows(found)}
                for endpoint, found in ab.counted_differences(
                    run.audits, b.a, b.variant, asked
                ).items()
            ],
            "rows": [
                _row(titles[endpoint.condition], measure, analysis.margin)
                for endpoint in b.endpoints
                for measure in endpoint.measures
                if measure.measure in MEASURES
            ],
            "bills": [
                _bill(run, bill, asked) for bill in analysis.bills if bill.variant == b.variant
            ],
        }
        for b in ab_result(run, analysis).bs
    ]


def _row(where: str, item: AbMeasure, margin: float) -> dict[str, str]:
    """B beside A by one measure."""
    silent = item.measure is Measure.THROUGHPUT and item.unsaid is not None
    return {
        "where": where,
        "measure": item.measure.short,
        "a": numbers.MISSING if item.a is None else numbers.number(item.a.mean),
        "b": numbers.MISSING if item.b is None else numbers.number(item.b.mean),
        "ratio": numbers.ratio(item.ratio),
        "verdict": "not compared"
        if silent
        else ab.verdict(item.measure, item.ratio.mean, item.verdict, margin),
    }


def _bill(run: Run, bill: Bill, among: Sequence[Condition]) -> dict[str, Any]:
    """How much of the difference the price list explains."""
    return {
        "title": capital(brief(bill.condition, among)),
        "sentences": bills.bill_sentences(bill),
        "rows": bills.bill_rows(bill) if bill.source is not None else [],
        "source": bills.source_sentence(run, bill),
    }
