"""The parts of a receipt in words: counts, prices, verdicts, and what it answers."""

import math
from collections.abc import Sequence
from datetime import datetime

from harness.analysis.receipt.prices import MEASURED_HERE
from harness.analysis.receipt.receipt import (
    PRICED,
    Cause,
    CauseKind,
    Item,
    Receipt,
    Recommendation,
    Spread,
    UrlReceipt,
)
from harness.analysis.stats.interval import Interval
from harness.records.observation import Amount, LeftBehind, Served
from harness.report.words import numbers
from harness.report.words.sentences import capital, listed

_NOUNS = {
    Amount.HOPS: ("hop", "hops"),
    Amount.RETURNS: ("return to the event loop", "returns to the event loop"),
    Amount.HANDOVERS: ("handover between threads", "handovers between threads"),
    Amount.THREADS: ("thread", "threads"),
    Amount.LOOPS: ("event loop", "event loops"),
    Amount.CONNECTIONS: ("connection", "connections"),
    Amount.WRAPPERS: ("DB wrapper", "DB wrappers"),
    Amount.STATEMENTS: ("statement", "statements"),
    Amount.TRANSACTIONS: ("transaction", "transactions"),
    Amount.ROUND_TRIPS: ("round trip to the database", "round trips to the database"),
    Amount.SWITCHES: ("context switch", "context switches"),
}
"""One and several."""
_ALWAYS = (Amount.STATEMENTS, Amount.ROUND_TRIPS, Amount.SWITCHES)
"""Told even where there is none."""
_VARYING = (Amount.SWITCHES,)
"""Differs by chance, so the span says enough."""
_BYTES = (
    (Amount.BYTES_IN, Amount.BYTES_OUT, "HTTP"),
    (Amount.DATABASE_BYTES_IN, Amount.DATABASE_BYTES_OUT, "database"),
)
_KIB = 1024
_OF_THREADS = (Amount.WRAPPERS,)
"""Tolls that only come with started threads: where there is none, they go without saying."""
_WRAPPER = (
    "DB wrapper: Django's object around a database connection. A new thread makes one for its "
    "first query, which costs so much more."
)
UNSEEN = "Hops, threads and connections cannot be seen from outside."
_LEAST_MIB = 0.05
"""Less is none; a process may also have less than before."""
_PACKAGES = ("django", "fastapi", "flask", "starlette")
"""Frameworks, the one first that a receipt names."""
_FIRST = (*_PACKAGES, "asgiref", "anyio", "psycopg", "sqlalchemy")
_FRAMEWORKS = {"django": "Django", "fastapi": "FastAPI", "flask": "Flask", "starlette": "Starlette"}


def noun(amount: Amount, count: float = 1) -> str:
    """What is counted, as a noun for so many of it."""
    one, several = _NOUNS[amount]
    return one if count == 1 else several


def cost(interval: Interval | None, width: int = 80) -> str:
    """Microseconds with half of the interval, as `312 ±18`; without it where there is no room."""
    if interval is None:
        return numbers.MISSING
    text = numbers.plus_minus(interval).replace("± ", "±")
    return text if len(text) <= width else text.partition(" ")[0]


def quantity(spread: Spread) -> str:
    """How many per request; a mean where requests differ."""
    return numbers.number(spread.mean)


def distribution(spread: Spread, requests: int) -> str:
    """How many requests had how many, as `1 in 12 of 20 requests, 2 in 8`; empty if all agree."""
    if spread.steady:
        return ""
    (first, often), *others = spread.values.items()
    texts = [f"{_value(first)} in {often} of {requests} requests"]
    return ", ".join([*texts, *(f"{_value(value)} in {count}" for value, count in others)])


def _value(value: str) -> str:
    return "another number" if value == "others" else value


def counts(url: UrlReceipt) -> list[str]:
    """What is counted and has no price of its own, each in a few words."""
    told = [
        f"{_span(spread)} {noun(amount, spread.highest)}{_of_them(url, amount)}"
        for amount in _NOUNS
        if amount not in PRICED and (spread := url.counted.get(amount)) is not None
        if spread.highest or amount in _ALWAYS
    ]
    if (wait := url.counted.get(Amount.POOL_WAIT_US)) is not None and wait.highest:
        told.append(f"{_span(wait)} µs of waiting for a connection")
    if (cpu := url.counted.get(Amount.CPU_US)) is not None:
        told.append(f"{_span(cpu)} µs of CPU")
    for taken, given, where in _BYTES:
        sides = [
            f"{_size_span(spread)} {way}"
            for amount, way in ((taken, "in"), (given, "out"))
            if (spread := url.counted.get(amount)) is not None and spread.highest
        ]
        if sides:
            told.append(f"{where} {' and '.join(sides)}")
    return told


def _of_them(url: UrlReceipt, amount: Amount) -> str:
    """How many of the statements a framework has added by itself."""
    if amount is not Amount.STATEMENTS or url.connecting is None or not url.connecting.highest:
        return ""
    return f", {_span(url.connecting)} of them to prepare a new connection"


def differing(url: UrlReceipt) -> list[str]:
    """Counts that are not the same in every request, with how often each was seen.

    Those that an item of the receipt tells already are left out.
    """
    told = {item.amount for item in url.items if not item.per_request.steady}
    return [
        f"{noun(amount, 2)}: {distribution(spread, url.requests)}"
        for amount in _NOUNS
        if amount not in _VARYING and amount not in told
        if (spread := url.counted.get(amount)) is not None and not spread.steady
    ]


def no_toll(url: UrlReceipt) -> str:
    """Said in place of items."""
    seen = [noun(a) for a in PRICED if a in url.counted and a not in _OF_THREADS]
    return f"No {listed(seen).replace(' and ', ' or ')} per request." if seen else UNSEEN


def own(items: Sequence[Item]) -> list[Item]:
    """Those that the project causes, its middleware included."""
    return [item for item in items if item.cause.project]


def others(items: Sequence[Item]) -> list[Item]:
    """Those that every request of the framework has, whatever the project does."""
    return [item for item in items if not item.cause.project]


def others_title(items: Sequence[Item], served: Served) -> str:
    """What causes the tolls that are not the project's."""
    kinds = {item.cause.kind for item in items}
    name = framework(served)
    if kinds == {CauseKind.LIFE_CYCLE} and name:
        return f"{name}'s own life cycle"
    causes = [] if kinds == {CauseKind.SERVER} else [name or "the framework"]
    if CauseKind.SERVER in kinds:
        causes.append("the server")
    return f"{capital(listed(causes))}, for every request"


def framework(served: Served) -> str:
    """The name of the framework; empty if it is none that is known."""
    found = (name for name in _PACKAGES if name in served.packages)
    return _FRAMEWORKS.get(next(found, ""), "")


def plain_sum(items: Sequence[Item]) -> str:
    """The sum of some items, without an interval; empty without prices."""
    totals = [item.total.mean for item in items if item.total is not None]
    return numbers.number(sum(totals)) if totals else ""


def share(url: UrlReceipt) -> str:
    """The tolls' share of the CPU time; empty where one of both is unknown."""
    if url.tolls is None or url.cpu is None or url.cpu.mean <= 0:
        return ""
    return f"{url.tolls.mean / url.cpu.mean:.0%}".replace("%", " %")


_WIDE = 3.0
"""An interval whose ends differ by more is told by its ends: plus and minus would be lopsided."""
_VAGUE = 30.0
"""One whose ends differ by more tells nothing."""


def throughput(url: UrlReceipt, receipt: Receipt) -> str:
    """Correct answers per second, and under which load; empty if unknown."""
    if url.rate_per_s is None:
        return ""
    rate = url.rate_per_s
    text = f"{cost(rate)} requests/s"
    if rate.low is not None and rate.high is not None and rate.high > _VAGUE * rate.low:
        text = f"about {numbers.number(rate.mean)} requests/s, by few and noisy slices,"
    elif rate.low is not None and rate.high is not None and rate.high > _WIDE * rate.low:
        text = f"{numbers.number(rate.low)} to {numbers.number(rate.high)} requests/s"
    if receipt.prices is not None:
        text += f" on {receipt.prices.connections} connections"
    return text


def explained(url: UrlReceipt) -> str:
    """Why an async endpoint takes a thread or an event loop; empty where none does."""
    causes = [item.cause for item in url.items if item.cause.kind is CauseKind.ASYNC_ENDPOINT]
    if not causes:
        return ""
    return (
        f"{causes[0].name} is async: without an event loop, asgiref's async_to_sync makes one for "
        "each call, in a thread of its own"
    )


def failures(url: UrlReceipt) -> str:
    """Empty if every answer under load was as expected."""
    if not url.failed:
        return ""
    return f"{url.failed:,} answers under load were not as expected; they count for nothing"


def is_priced(url: UrlReceipt) -> bool:
    """Whether anything of it has a price."""
    return any(item.total is not None for item in url.items)


def sums(url: UrlReceipt, receipt: Receipt) -> list[tuple[str, str]]:
    """What stands below the items: the sum of tolls, CPU time, and the other application's."""
    told = []
    if url.tolls is not None and is_priced(url):
        told.append(("Tolls", cost(url.tolls)))
    if url.cpu is not None:
        told.append(("CPU per request, measured under load", cost(url.cpu)))
    if is_priced(url) and (part := share(url)):
        told.append(("Tolls are", f"{part} of it"))
    if url.against is not None:
        told.append((f"CPU {_other(receipt)}", cost(url.against.cpu)))
        told.append(("Compared", against(url)))
    return told


def _other(receipt: Receipt) -> str:
    """What is compared with, after `CPU`; it may differ in settings alone."""
    one, other = receipt.served, receipt.other
    if other is None:
        return "of the other application"
    of = "" if served_title(other) == served_title(one) else f"of {served_title(other)}"
    has = _differences(one, other)
    having = f"with {listed(has)}" if has else ""
    return " ".join(filter(None, (of, having))) or "of the same once more"


def _differences(one: Served, other: Served) -> list[str]:
    """What the other one has in its place, beside application and server."""
    told = list(other.settings)
    if one.python != other.python:
        told.append(f"Python {other.python}")
    if one.folder != other.folder:
        told.append(f"the folder {other.folder}")
    if other.server == one.server:  # else its packages differ anyway
        changed = [n for n in other.packages if one.packages.get(n) != other.packages[n]]
        told += [f"{name} {other.packages[name]}" for name in changed[:_MOST_PACKAGES]]
        told += [f"without {name}" for name in one.packages if name not in other.packages][:1]
    return told


_MOST_PACKAGES = 3


def place(cause: Cause) -> str:
    """File and line in the project's own code; empty without one."""
    if cause.file is None:
        return ""
    return cause.file if cause.line is None else f"{cause.file}:{cause.line}"


def moment(receipt: Receipt) -> str:
    """When it was made, as the record writes it if that is no date."""
    try:
        made = datetime.fromisoformat(receipt.made_at)
    except ValueError:
        return receipt.made_at
    return f"{made.day} {made:%b %Y %H:%M}"


def notes(receipt: Receipt) -> list[str]:
    """What a reader must know of the figures, each as a sentence."""
    told = [capital(note) for note in receipt.notes]
    if receipt.prices is not None and any(is_priced(url) for url in receipt.urls):
        source = receipt.prices.source
        where = "" if source == MEASURED_HERE else "of the kept run "
        told.insert(0, f"Prices: {where}{source}.")
    if any(item.amount is Amount.WRAPPERS for url in receipt.urls for item in url.items):
        told.append(_WRAPPER)
    return told


def overlaid(served: Served) -> str:
    """What bridgetoll added; empty if nothing."""
    if not served.overlaid:
        return ""
    names = [f"{name} {served.packages.get(name, '')}".strip() for name in served.overlaid]
    return f"* From an environment of bridgetoll's own: {listed(names)}."


def served_title(served: Served) -> str:
    """The application and its server."""
    what = served.app or served.url or "an application"
    return what if served.server is None else f"{what} on {served.server}"


def served_whole(served: Served) -> str:
    """The same with interpreter, packages and the variables that were set for it."""
    return " · ".join(filter(None, (served_title(served), packages(served), *served.settings)))


def packages(served: Served, *, all_: bool = True) -> str:
    """Interpreter and packages with their versions; those that bridgetoll added are marked.

    all_: False for those alone that a reader looks for first.
    """
    parts = [f"Python {served.python}"] if served.python else []
    for name, version in served.packages.items():
        if all_ or name in _FIRST or name == served.server:
            parts.append(f"{name} {version}{'*' if name in served.overlaid else ''}")
    return " · ".join(parts)


def against(url: UrlReceipt) -> str:
    """How the other application's CPU per request compares; empty where nothing is compared."""
    if url.against is None:
        return ""
    ratio = url.against.ratio
    if ratio is None:
        return "it could not be compared"
    width = ratio.log_half_width
    reach = "" if width is None else f" (±{numbers.at_most_short(math.expm1(width))})"
    times = f"{numbers.times(ratio.mean)} times{reach}"
    match url.against.verdict:
        case "differs":
            return f"{times} as much: {'cheaper' if ratio.mean < 1 else 'dearer'}"
        case "undecided":
            return f"{times} as much: undecided"
        case _:
            return f"{times} as much: the same"


def saving(recommendation: Recommendation) -> str:
    """What a change saves at most; empty where it saves no CPU time."""
    if recommendation.saving is None:
        return ""
    return f"up to {cost(recommendation.saving)} µs per request"


def page(recommendation: Recommendation) -> str:
    """Where it is explained."""
    return f"{recommendation.page}#{recommendation.rule}"


def concerned(recommendation: Recommendation, receipt: Receipt) -> str:
    """The URLs that it is about."""
    names = recommendation.urls
    if 1 < len(names) == len(receipt.urls):
        return "both URLs" if len(names) == 2 else f"all {len(names)} URLs"
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return ", ".join(names)


_MOST_NAMES = 4


def sent(url: UrlReceipt, receipt: Receipt) -> str:
    """A request, how often it was sent, and the names of its headers and of its form's fields."""
    request = url.request
    parts = [request.name]
    if url.sent:
        parts.append(f"{url.sent:,} times")
    if url.against is not None and url.against.sent:
        parts.append(f"{url.against.sent:,} times {_to_other(receipt)}")
    if request.headers:
        parts.append(f"headers {', '.join(request.headers)}")
    if request.form:
        parts.append(f"form {', '.join(request.form)}")
    return " · ".join(parts)


def _to_other(receipt: Receipt) -> str:
    """The other application, as the receiver of a request."""
    if receipt.other is None or served_title(receipt.other) == served_title(receipt.served):
        return "to the other one"
    return f"to {served_title(receipt.other)}"


def left_behind(left: LeftBehind) -> str:
    """What the server holds more than before."""
    told = [
        f"{'no' if count == 0 else f'{count:,}'} {name}{'' if count == 1 else 's'}"
        for count, name in (
            (left.connections, "connection"), (left.threads, "thread"), (left.tasks, "task")
        )
        if count is not None
    ]  # fmt: skip
    if left.memory_bytes is not None:
        mib = left.memory_bytes / _KIB**2
        told.append("no memory" if mib < _LEAST_MIB else f"{mib:.1f} MiB of memory")
    what = listed(told) if told else "nothing that can be seen"
    return f"{what}, after {left.requests} more requests"


def headline(receipt: Receipt) -> list[str]:
    """The answer in two sentences: what the dearest URL pays, and its dearest toll."""
    priced = [url for url in receipt.urls if url.tolls is not None and url.cpu is not None]
    if not priced or any(url.items and not is_priced(url) for url in priced):
        return _counted_headline(receipt)
    url = max(priced, key=lambda u: u.tolls.mean if u.tolls is not None else 0)
    assert url.tolls is not None
    assert url.cpu is not None
    if not url.items:
        return ["No request pays a toll: none hops, starts a thread or opens a connection."]
    tolls, cpu = (cost(value).partition(" ")[0] for value in (url.tolls, url.cpu))
    first = f"{url.request.name} spends {tolls} of its {cpu} µs of CPU on tolls."
    if url.tolls.mean > url.cpu.mean:
        first = f"{url.request.name} took {cpu} µs of CPU; its tolls are priced at {tolls}."
    return [first, f"{capital(_dearest(url))}."]


def _dearest(url: UrlReceipt) -> str:
    """The kind of toll that takes most, with its part."""
    sums = {
        amount: sum(i.total.mean for i in url.items if i.amount == amount and i.total is not None)
        for amount in PRICED
    }
    most = max(sums, key=lambda amount: sums[amount])
    count = sum(i.per_request.mean for i in url.items if i.amount == most)
    many = f"{numbers.number(count)} {noun(most, count)}"
    verb = "costs" if count == 1 else "cost"
    return f"{many} {verb} most: {float(f'{sums[most]:.3g}'):,.0f} µs"


def _counted_headline(receipt: Receipt) -> list[str]:
    """Without prices: how many tolls the URL with the most of them has."""
    if receipt.urls and not any(a in url.counted for url in receipt.urls for a in PRICED):
        return [UNSEEN]
    most = max(receipt.urls, key=lambda url: sum(_totals(url).values()), default=None)
    if most is None or not _totals(most):
        return ["No toll was seen: no request hops, starts a thread or opens a connection."]
    told = [f"{numbers.number(count)} {noun(a, count)}" for a, count in _totals(most).items()]
    priced = "Nothing was priced; see the notes."
    if most.tolls is not None and is_priced(most):
        priced = f"By the prices below, that is {cost(most.tolls)} µs of CPU."
    return [f"{most.request.name} takes {listed(told)} per request.", priced]


def _totals(url: UrlReceipt) -> dict[Amount, float]:
    """By toll: how many a request takes, of those that it takes at all."""
    counts = {
        amount: sum(item.per_request.mean for item in url.items if item.amount == amount)
        for amount in PRICED
    }
    return {amount: count for amount, count in counts.items() if count}


def _span(spread: Spread) -> str:
    if spread.steady:
        return "no" if spread.highest == 0 else numbers.number(spread.highest)
    return f"{numbers.number(spread.lowest)} to {numbers.number(spread.highest)}"


def _size_span(spread: Spread) -> str:
    low, high = _size(spread.lowest), _size(spread.highest)
    return high if low == high else f"{low} to {high}"


def _size(value: float) -> str:
    return f"{value:.0f} B" if value < _KIB else f"{numbers.number(value / _KIB)} KiB"
