"""The scripts and the report write numbers alike."""

from collections.abc import Callable

import pytest

from harness.report.script import with_texts
from harness.report.words import numbers
from tests.browser.conftest import Watched

VALUES = [0.000123, 0.0994, 0.0996, 0.5, 1.0, 2.999, 12.0, 99.96, 999.4, 999.5, 1234.6, 98765.4]
SHARES = [0.0004, 0.0099, 0.03, 0.0301, 0.125, 1.99, 2.0, 7.5]


@pytest.fixture
def texts(watched: Watched) -> Callable[[str, list[float]], list[str]]:
    def call(name: str, values: list[float]) -> list[str]:
        made: list[str] = watched.page.evaluate(
            f"values => {{ {with_texts('')}; return values.map(texts.{name}); }}", values
        )
        return made

    return call


@pytest.mark.parametrize(
    ("script", "report", "values"),
    [
        ("number", numbers.number, VALUES),
        ("times", numbers.times, VALUES),
        ("percent", numbers.percent, SHARES),
        ("atMost", numbers.at_most, SHARES),
    ],
)
def test_a_script_writes_a_number_as_the_report_does(
    texts: Callable[[str, list[float]], list[str]],
    script: str,
    report: Callable[[float], str],
    values: list[float],
) -> None:
    assert texts(script, values) == [report(value) for value in values]
