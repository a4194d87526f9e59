"""How much of a difference the price list explains, in words."""

import msgspec
import pytest

from harness.analysis.causes.bills import Bill, BillItem, PriceSource
from harness.analysis.causes.prices import CONNECT, THREAD
from harness.analysis.stats.intervals import Interval
from harness.base.workspace import Workspace
from harness.inputs.study_loader import study_names
from harness.report.words import bills
from harness.report.words.bills import bill_rows, bill_sentences, short_source, source_sentence
from harness.report.words.sentences import MOST_WORDS
from tests.toys.runs import BASELINE, CONDITION, make_run

RUN = make_run()
HOP = "hop (asgiref)"


def about(mean: float, half: float | None) -> Interval:
    if half is None:
        return Interval(mean, None, None, None, 1)
    return Interval(mean, mean - half, mean + half, half / 2, 6)


def source(**changes: object) -> PriceSource:
    usual = PriceSource(
        run="bridge-1", started_at="2026-01-02T03:04:05+00:00", machine=RUN.machine,
        connections=CONDITION.connections, cost=about(1000, 5), scale=about(1.1, 0.01),
        changed=None,
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changes)


def bill(
    measured: tuple[float, float | None],
    predicted: tuple[float, float | None] | None = None,
    *items: BillItem,
    differs: bool | None = True,
    **changes: object,
) -> Bill:
    """One thread fewer, if nothing else is said."""
    cost = None if predicted is None else about(*predicted)
    price = None if cost is None else about(abs(cost.mean), cost.half_width)
    known = items or (BillItem(THREAD, 2, 1, price, cost),)
    made = Bill(
        variant="a/b", origin=BASELINE, condition=CONDITION, items=known, measured=about(*measured),
        differs=differs, predicted=cost,
        left=None if cost is None else about(*measured).minus(cost),
        source=None if cost is None else source(),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (bill((-205, 30), (-190, 15)), "one thread fewer explains 190 ± 15 of the 205 ± 30 µs."),
        (
            bill((-205, 30), (-220, 40)),
            "one thread fewer explains the 205 ± 30 µs; by the price list, 220 ± 40.",
        ),
        (
            bill((-205, 10), (-120, 10)),
            "one thread fewer explains 120 ± 10 of the 205 ± 10 µs. 85 ± 14 µs have another cause.",
        ),
        (
            bill((-100, 10), (-205, 10)),
            "by the price list, one thread fewer saves 205 ± 10 µs; B takes 100 ± 10 µs less.",
        ),
        (
            bill((50, 10), (-205, 10)),
            "by the price list, one thread fewer saves 205 ± 10 µs; B takes 50 ± 10 µs more.",
        ),
        (
            bill((-4.2, 9.3), (-205, 10), differs=False),
            "by the price list, one thread fewer saves 205 ± 10 µs; B takes 4 ± 9 µs less.",
        ),
        (
            bill(
                (-60, 10), (-205, 10),
                BillItem(THREAD, 2, 1, about(205, 10), about(-205, 10), (71.6, 132.4)),
            ),
            "by the price list, one thread fewer saves 205 ± 10 µs; B takes 60 ± 10 µs less. "
            "Single pairs of variants put a thread at 72 to 132 µs there.",
        ),
        (
            bill((-205, None), (-190, None), differs=None),
            "by the price list, one thread fewer saves 190 µs; B takes 205 µs less.",
        ),
        (
            bill(
                (250, 10), (240, 20),
                BillItem(HOP, 1, 4, about(60, 5), about(180, 15)),
                BillItem(THREAD, 0, 1, about(60, 5), about(60, 5)),
            ),
            "3 thread hops more and one thread more explain 240 ± 20 of the 250 ± 10 µs.",
        ),
        (
            bill(
                (60, 10), (55, 5),
                BillItem(THREAD, 0, 1, about(55, 5), about(55, 5)),
                BillItem(CONNECT, 0, 1),
            ),
            "one thread more explains 55 ± 5 of the 60 ± 10 µs. "
            "The price list has no price of a connection.",
        ),
    ],
)  # fmt: skip
def test_the_sentence_follows_from_the_figures(made: Bill, text: str) -> None:
    sentences = bill_sentences(made)
    assert " ".join(sentences) == text
    assert all(len(part.split()) <= MOST_WORDS for part in text.split(". "))


def test_where_no_toll_differs_nothing_is_explained() -> None:
    (text,) = bill_sentences(msgspec.structs.replace(bill((40, 10)), items=()))
    assert "explains none of the 40 ± 10 µs" in text


def test_without_prices_the_sentence_names_the_study_that_makes_them() -> None:
    (text,) = bill_sentences(bill((-40, 10)))
    assert "price of a thread" in text
    assert f"`bridgetoll run {bills.CHEAPEST}`" in text
    (text,) = bill_sentences(bill((-40, 10), None, BillItem(CONNECT, 0, 1)))
    assert "price of a connection" in text
    assert f"`bridgetoll run {bills.ALL}`" in text


@pytest.mark.parametrize("name", [bills.CHEAPEST, bills.ALL])
def test_these_studies_exist(name: str) -> None:
    assert name in study_names(Workspace())


def test_the_source_tells_machine_day_and_scale() -> None:
    text = source_sentence(RUN, bill((-205, 30), (-190, 15)))
    assert "bridge-1, of this machine on 2026-01-02" in text
    assert "times 1.10" in text
    assert "1,000 µs there and 1,100 here" in text
    assert short_source(bill((-205, 30), (-190, 15))) == "Prices: bridge-1, times 1.10."


def test_prices_that_could_not_be_scaled_say_so_and_whose_they_are() -> None:
    strange = source(scale=None, cost=None, machine={"processor": "other"}, connections=64)
    made = bill((-205, 30), (-190, 15), source=strange)
    text = source_sentence(RUN, made)
    assert "another machine" in text
    assert "not scaled" in text
    assert BASELINE in text
    assert "64 connections" in text
    assert "not scaled" in short_source(made)


def test_a_reference_that_changed_is_told() -> None:
    made = bill((-205, 30), (-190, 15), source=source(changed="its packages changed"))
    assert "its packages changed" in source_sentence(RUN, made)


def test_the_bill_has_a_row_for_each_toll_for_the_sum_and_for_the_rest() -> None:
    made = bill(
        (250, 10), (240, 20),
        BillItem(HOP, 1, 4, about(60, 5), about(180, 15)),
        BillItem(THREAD, 1, 0, about(60, 5), about(-60, 5)),
    )  # fmt: skip
    assert [(row["what"], row["value"]) for row in bill_rows(made)] == [
        ("3 thread hops more, each 60 ± 5", "+180 ± 15"),
        ("one thread fewer, each 60 ± 5", "-60 ± 5"),
        ("together", "+240 ± 20"),
        ("measured", "+250 ± 10"),
        ("left", "+10 ± 22"),
    ]
    assert len(bill_rows(bill((-205, 30), (-190, 15)))) == 3, "one toll is its own sum"
