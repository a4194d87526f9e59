"""What a URL of an application pays: its tolls by cause, its CPU, and the ratio to another's.

Tolls are counted without load and priced by a ladder under load. The URL's own CPU is measured
beside the ladder. So the share that the tolls take is a prediction, set against a measurement.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from harness.analysis.causes.levels import at_one_speed
from harness.analysis.causes.prices import CONNECT, THREAD
from harness.analysis.receipt.prices import (
    LOOP,
    OTHER,
    URL,
    WRAPPER,
    PriceBook,
    all_log_costs,
    hop,
    hop_that_waits,
)
from harness.analysis.receipt.receipt import PRICED, Against, Cause, CauseKind, Item, Spread
from harness.analysis.stats.blocks import BlockModel
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.stats.verdicts import Family, decide
from harness.records.observation import (
    Amount,
    Frame,
    Happening,
    Loaded,
    LoadedBlock,
    ObservedRequest,
)

MARGIN = 0.03
"""Ratios up to 1.03, and down to its inverse, are the same for practice, as in studies."""
_MOST_VALUES = 8
OTHERS = "others"
_MACHINERY = ("asyncio", "concurrent", "threading", "contextlib", "functools", "uvloop")
"""Modules through which whatever hands work over goes."""
_QUERYING = (Amount.STATEMENTS, Amount.CONNECTIONS, Amount.TRANSACTIONS)

type CauseOf = Callable[[Happening], Cause]


class UrlBill(msgspec.Struct, frozen=True):
    """What one URL pays; see `UrlReceipt`.

    unpriced: names of prices that are missing, so that the sum of the tolls lacks them.
    errors: of requests under load, by kind.
    """

    items: tuple[Item, ...]
    tolls: Interval | None
    cpu: Interval | None
    rate_per_s: Interval | None
    failed: int
    errors: dict[str, int]
    unpriced: tuple[str, ...]


def price_name(happening: Happening, request: ObservedRequest, cause: Cause) -> str | None:
    """The price of a toll; None for what has none."""
    match happening.what:
        case Amount.HOPS:
            kind = hop_kind(happening.frames)
            waits = cause.kind is CauseKind.QUERY or _queries(happening, request)
            return hop_that_waits(kind) if waits else hop(kind)
        case Amount.THREADS:
            return THREAD
        case Amount.LOOPS:
            return LOOP
        case Amount.CONNECTIONS:
            return _connection_name(happening.frames)
        case Amount.WRAPPERS:
            return WRAPPER
        case _:
            return None


def _connection_name(frames: Sequence[Frame]) -> str:
    """The ladder opens connections of Django, so one that is opened past it has no price."""
    if any(frame.module.startswith("django.db.") for frame in frames):
        return CONNECT
    roots = (frame.module.partition(".")[0] for frame in frames)
    driver = next((root for root in roots if root not in _MACHINERY), "a driver")
    return f"{CONNECT} by {driver} (without Django)"


def hop_kind(frames: Sequence[Frame]) -> str:
    """Which library hands work to a thread, by the asker's stack: the first that is no machinery.

    Returns:
        `asgiref`, `anyio`, or `executor` for all others.
    """
    roots = (frame.module.partition(".")[0] for frame in frames)
    first = next((root for root in roots if root not in _MACHINERY), "")
    return first if first in ("asgiref", "anyio") else "executor"


def _queries(handed: Happening, request: ObservedRequest) -> bool:
    """Whether something was asked of a database within a hop, in its thread."""
    return any(
        other.what in _QUERYING
        and other.by == handed.thread
        and handed.begin_ns <= other.begin_ns
        and (handed.end_ns is None or other.begin_ns <= handed.end_ns)
        for other in request.happenings
    )


def tolls_of(observed: Sequence[ObservedRequest], cause_of: CauseOf) -> dict[str, float]:
    """By the name of its price, how many of each toll a request takes on average."""
    counts: dict[str, float] = {}
    for request in observed:
        for happening in request.happenings:
            if happening.what in PRICED:
                name = price_name(happening, request, cause_of(happening))
                assert name is not None
                counts[name] = counts.get(name, 0.0) + 1 / len(observed)
    return counts


def bill(
    observed: Sequence[ObservedRequest],
    loaded: Loaded | None,
    name: str,
    prices: PriceBook | None,
    cause_of: CauseOf,
) -> UrlBill:
    """The bill of one URL.

    Args:
        observed: its requests, one after the other.
        loaded: all that was measured under load; None where nothing could be.
        name: of the URL, as `Loaded.urls` has it.
        prices: None where there are none.
        cause_of: names the cause of a toll.
    """
    counts = tolls_of(observed, cause_of)
    known = {n: c for n, c in counts.items() if prices is not None and prices.total({n: 1.0})}
    blocks = () if loaded is None else loaded.urls.get(name, ())
    return UrlBill(
        items=_items(observed, prices, cause_of),
        tolls=None if prices is None else _sum(prices, known),
        cpu=None if loaded is None else cpu_of(loaded, URL + name),
        rate_per_s=_rate([b.correct / b.load_ns * 1e9 for b in blocks if b.load_ns]),
        failed=sum(block.failed for block in blocks),
        errors=_errors(blocks),
        unpriced=tuple(sorted(counts.keys() - known.keys())),
    )


def _sum(prices: PriceBook, counts: Mapping[str, float]) -> Interval | None:
    """All of them together; nothing costs nothing."""
    return prices.total(counts) if counts else Interval(0.0, 0.0, 0.0, 0.0, 0)


def _errors(blocks: Sequence[LoadedBlock]) -> dict[str, int]:
    errors: dict[str, int] = {}
    for block in blocks:
        for kind, count in block.errors.items():
            errors[kind] = errors.get(kind, 0) + count
    return errors


def _rate(per_s: Sequence[float]) -> Interval | None:
    """Noise of a shared machine multiplies, so the interval is of logarithms, as ratios have it."""
    if not all(per_s):
        return block_interval(per_s)
    interval = block_interval([math.log(rate) for rate in per_s])
    return None if interval is None else interval.exp()


def _items(
    observed: Sequence[ObservedRequest], prices: PriceBook | None, cause_of: CauseOf
) -> tuple[Item, ...]:
    """Lines by toll and cause, dearest first; those without a price last, by their number."""
    tallies: dict[tuple[Amount, Cause], list[dict[str, int]]] = {}
    for at, request in enumerate(observed):
        for happening in request.happenings:
            if happening.what not in PRICED:
                continue
            cause = cause_of(happening)
            by_request = tallies.setdefault(
                (happening.what, cause), [{} for _ in range(len(observed))]
            )
            price = price_name(happening, request, cause)
            assert price is not None
            by_request[at][price] = by_request[at].get(price, 0) + 1
    items = [_item(amount, cause, t, prices) for (amount, cause), t in tallies.items()]
    return tuple(
        sorted(
            items,
            key=lambda item: (
                -(item.total.mean if item.total else 0.0),
                -item.per_request.mean,
                item.cause.name,
            ),
        )
    )


def _item(
    amount: Amount, cause: Cause, tallies: Sequence[Mapping[str, int]], prices: PriceBook | None
) -> Item:
    spread = spread_of([sum(tally.values()) for tally in tallies])
    counts: dict[str, float] = {}
    for tally in tallies:
        for name, count in tally.items():
            counts[name] = counts.get(name, 0.0) + count / len(tallies)
    each = {name: count / spread.mean for name, count in counts.items()}
    return Item(
        amount=amount,
        cause=cause,
        per_request=spread,
        price=None if prices is None else prices.total(each),
        total=None if prices is None else prices.total(counts),
    )


def spread_of(values: Sequence[float]) -> Spread:
    """A quantity over the requests that were counted, one value each."""
    tally: dict[float, int] = {}
    for value in values:
        tally[value] = tally.get(value, 0) + 1
    common = sorted(tally, key=lambda value: (-tally[value], value))
    kept = common if len(common) <= _MOST_VALUES else common[: _MOST_VALUES - 1]
    told = {f"{value:g}": tally[value] for value in sorted(kept)}
    rest = sum(tally.values()) - sum(told.values())
    return Spread(
        mean=sum(values) / len(values),
        lowest=min(values),
        highest=max(values),
        values=told | ({OTHERS: rest} if rest else {}),
    )


def cpu_of(loaded: Loaded, entry: str) -> Interval | None:
    """Microseconds of CPU per correct answer; the interval is over blocks of fresh servers.

    Every block is brought to the same speed of the machine. entry: as of `prices.all_log_costs`.
    """
    levels = at_one_speed(all_log_costs(loaded)).get(entry, {})
    return block_interval(list(levels.values()))


def against(loaded: Loaded, name: str) -> Against | None:
    """The ratio of the other application's CPU per request to this one's, and a verdict.

    The error of a ratio is moderated by that of all that took turns. The family are all URLs.

    Args:
        loaded: of both.
        name: of the URL, in both.

    Returns:
        None where one of both has no figure.
    """
    logs = all_log_costs(loaded)
    one, other = URL + name, OTHER + name
    if not logs.get(one) or not logs.get(other):
        return None
    effect = BlockModel(logs).difference(other, one)
    if effect is None:
        return None
    pairs = sum(bool(logs.get(OTHER + url)) for url in loaded.urls)
    decision = decide(effect, Family.DUNNETT, max(1, pairs), MARGIN)
    return Against(
        cpu=cpu_of(loaded, other), ratio=decision.interval, verdict=str(decision.verdict)
    )
