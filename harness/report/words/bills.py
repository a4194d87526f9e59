"""The bill of an A/B in words: how much of a difference the price list explains."""

from harness.analysis.causes.bills import Bill, BillItem
from harness.analysis.causes.prices import CONNECT, HOP, THREAD
from harness.analysis.stats.intervals import Interval
from harness.inputs.conditions import request
from harness.records.run import Run
from harness.report.words import numbers
from harness.report.words.causes import sign
from harness.report.words.machines import hardware
from harness.report.words.sentences import listed

_NOUNS = {HOP: "thread hop", THREAD: "thread", CONNECT: "connection"}
"""By the beginning of a price's name."""
CHEAPEST, ALL = "bridge-quick", "bridge"
"""Studies that make a price list: the cheapest, and the one with every toll."""
_OF_CHEAPEST = (f"{HOP} (asgiref)", THREAD)


def bill_sentences(bill: Bill) -> list[str]:
    """How much of the difference is explained, in one sentence or two, to follow a colon."""
    if bill.predicted is None:
        return [_without_prices(bill)]
    priced = [item for item in bill.items if item.price is not None]
    told = [_explained(bill, bill.predicted, priced)]
    if names := [_noun(item) for item in bill.items if item.price is None]:
        told.append(f"The price list has no price of a {listed(names)}.")
    return told


def _explained(bill: Bill, predicted: Interval, items: list[BillItem]) -> str:
    what, one = listed([_change(item) for item in items]), _is_one(items)
    amount, measured = _size(predicted), _size(bill.measured)
    left = 0 if bill.left is None else sign(bill.left)
    less = abs(predicted.mean) <= abs(bill.measured.mean)
    agree = sign(predicted) == sign(bill.measured) != 0
    if not (bill.differs and agree and (less or not left)):
        verb = ("saves" if one else "save") if predicted.mean < 0 else ("costs" if one else "cost")
        way = "less" if bill.measured.mean < 0 else "more"
        text = f"by the price list, {what} {verb} {amount} µs; B takes {measured} µs {way}."
        return f"{text}{_pairs(items)}"
    text = f"{what} {'explains' if one else 'explain'}"
    if not less:
        return f"{text} the {measured} µs; by the price list, {amount}."
    rest = "" if bill.left is None or not left else f" {_size(bill.left)} µs have another cause."
    return f"{text} {amount} of the {measured} µs.{rest}"


def _pairs(items: list[BillItem]) -> str:
    """What single pairs say of the price, where one price is in question."""
    if len(items) != 1 or items[0].pairs is None:
        return ""
    least, most = (f"{us:,.0f}" for us in items[0].pairs)
    width = least if least == most else f"{least} to {most}"
    return f" Single pairs of variants put a {_noun(items[0])} at {width} µs there."


def _without_prices(bill: Bill) -> str:
    if not bill.items:
        return (
            "thread hops, threads and connections are the same, so the price list explains none of "
            f"the {_size(bill.measured)} µs."
        )
    names = listed([f"a {_noun(item)}" for item in bill.items])
    known = all(item.name in _OF_CHEAPEST for item in bill.items)
    return (
        f"no kept run has a price of {names}; `bridgetoll run {CHEAPEST if known else ALL}` makes "
        "one."
    )


def source_sentence(run: Run, bill: Bill) -> str:
    """Where the prices of a bill come from, and how they were brought to this machine's speed."""
    source = bill.source
    if source is None:
        return ""
    same = hardware(source.machine) == hardware(run.machine)
    which = "this machine" if same else "another machine"
    text = f"Prices are from run {source.run}, of {which} on {source.started_at[:10]}"
    if source.connections != bill.condition.connections:
        text += f", with {source.connections} connections"
    asked = request(bill.condition.endpoint)
    if source.scale is None or source.cost is None:
        return f"{text}. They are not scaled: it has no cost of {asked} to {bill.origin}."
    here = numbers.number(source.cost.mean * source.scale.mean)
    text += (
        f", times {numbers.times(source.scale.mean)}: for {asked}, A took "
        f"{numbers.number(source.cost.mean)} µs there and {here} here."
    )
    return (
        text if source.changed is None else f"{text} A may differ there, because {source.changed}."
    )


def short_source(bill: Bill) -> str:
    """The same for a terminal; empty without prices."""
    if bill.source is None:
        return ""
    scale = bill.source.scale
    how = "not scaled" if scale is None else f"times {numbers.times(scale.mean)}"
    return f"Prices: {bill.source.run}, {how}."


def bill_rows(bill: Bill) -> list[dict[str, str]]:
    """B less A in microseconds per request: each toll, the sum of several, the rest."""
    rows: list[tuple[str, Interval | None]] = []
    for item in bill.items:
        price = "" if item.price is None else f", each {numbers.plus_minus(item.price)}"
        rows.append((f"{_change(item)}{price}", item.cost))
    if len(bill.items) > 1:
        rows.append(("together", bill.predicted))
    rows += [("measured", bill.measured), ("left", bill.left)]
    return [
        {"what": what, "value": numbers.MISSING if value is None else _signed(value)}
        for what, value in rows
    ]


def _signed(value: Interval) -> str:
    text = numbers.plus_minus(value)
    return f"+{text}" if value.mean > 0 else text


def _size(value: Interval) -> str:
    return numbers.plus_minus(value if value.mean >= 0 else value.negated())


def _change(item: BillItem) -> str:
    count, noun = abs(item.after - item.before), _noun(item)
    many = f"one {noun}" if count == 1 else f"{numbers.number(count)} {noun}s"
    return f"{many} {'more' if item.after > item.before else 'fewer'}"


def _noun(item: BillItem) -> str:
    return next(noun for start, noun in _NOUNS.items() if item.name.startswith(start))


def _is_one(items: list[BillItem]) -> bool:
    return len(items) == 1 and abs(items[0].after - items[0].before) == 1
