"""What `doctor` shows, as text of 80 columns."""

from rich.console import Console

from harness.cli.doctor import advice_table
from harness.doctor.advice import Advice, Topic

FINDINGS = [
    Advice(Topic.CORES, "Two processors [0, 1]."),
    Advice(Topic.CORES, "They are shared by all roles, " * 3 + "alas.", "get more"),
    Advice(Topic.CLOCK, "It ticks."),
]


def test_a_topic_is_named_once_and_a_remedy_follows_its_statement() -> None:
    console = Console(width=80)
    with console.capture() as shown:
        console.print(advice_table(FINDINGS))
    assert [line.rstrip() for line in shown.get().splitlines()] == [
        "cores  Two processors [0, 1].",
        "       They are shared by all roles, They are shared by all roles, They are",
        "       shared by all roles, alas.",
        "       To do: get more",
        "clock  It ticks.",
    ]
