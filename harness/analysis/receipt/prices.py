"""Prices of tolls: measured by a ladder on the application's own interpreter, or of a kept run.

A step of the ladder is a request that takes a known number of each toll. Its cost is modelled as a
sum of numbers times prices, and the prices are fitted to the steps of each block, as those of
`causes.prices` are. Steps that differ in one toll alone tell its price by their difference.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Protocol

from harness.analysis.causes.kept_prices import KeptPrices
from harness.analysis.causes.levels import at_one_speed
from harness.analysis.causes.prices import CONNECT, HOP, THREAD, PriceList, Row, fit_rows
from harness.analysis.receipt.receipt import Prices, PriceTag
from harness.analysis.stats.intervals import Interval, block_interval
from harness.records.observation import Amount, LadderStep, Loaded, LoadedBlock

LOOP = "event loop made"
WRAPPER = "database wrapper made"
MEASURED_HERE = "measured here"
_WITH_QUERY = " with a query"
_LADDER = "ladder"
"""The endpoint of its steps, where variants have theirs."""
_AMOUNTS = {
    HOP: Amount.HOPS, THREAD: Amount.THREADS, LOOP: Amount.LOOPS, CONNECT: Amount.CONNECTIONS,
    WRAPPER: Amount.WRAPPERS,
}  # fmt: skip
_BY_THE_RUN = "fitted to the variants of a kept run, which differ in tolls"
_BY_THE_LADDER = {
    HOP: "pieces of work, each handed over, against all of them handed over at once",
    THREAD: "a request that starts threads against the same that starts none",
    LOOP: "a request that makes event loops against one that makes none",
    CONNECT: "a request that opens and closes a connection to your database against one that does "
    "not",
    WRAPPER: "the same queries in a new thread against one that is kept, less the price of threads",
}


def hop(kind: str) -> str:
    """The name of the price of a hop. kind: `asgiref`, `anyio` or `executor`."""
    return f"{HOP} ({kind})"


def hop_that_waits(kind: str) -> str:
    """The same of a hop in which a database is asked: another thread has the interpreter meanwhile.

    Where the ladder could not ask the database, it costs as much as any other.
    """
    return hop(kind) + _WITH_QUERY


def is_toll(name: str) -> bool:
    """Whether a term of a step is a toll, and not the work of its request."""
    return name.startswith(tuple(_AMOUNTS))


class PriceBook(Protocol):
    """Prices that belong together, because one fit has given them."""

    @property
    def prices(self) -> Prices:
        """As a receipt shows them."""

    def total(self, counts: Mapping[str, float]) -> Interval | None:
        """What so many of each cost together, in microseconds; None where one has no price.

        counts: by the name of the price.
        """

    def lacking(self, names: Sequence[str]) -> str:
        """What to say of tolls that have no price. names: of their prices, at least one."""


def cost_of(block: LoadedBlock) -> float | None:
    """Microseconds of CPU per correct answer; None without any, or without measurable work."""
    return block.cpu_ns / 1e3 / block.correct if block.correct and block.cpu_ns > 0 else None


def log_costs(blocks: Sequence[LoadedBlock]) -> dict[int, float]:
    """By block, the logarithm of the microseconds per correct answer."""
    costs = {block.block: cost_of(block) for block in blocks}
    return {number: math.log(cost) for number, cost in costs.items() if cost is not None}


URL, OTHER, STEP = "url ", "other ", "step "
"""Beginnings of the names of entries; after them come those of `Loaded`."""


def all_log_costs(loaded: Loaded) -> dict[str, dict[int, float]]:
    """Of everything that took turns, by entry and block: what disturbs one of them shows in all."""
    entries = {
        **{URL + name: blocks for name, blocks in loaded.urls.items()},
        **{OTHER + name: blocks for name, blocks in loaded.other.items()},
        **{STEP + name: step.blocks for name, step in loaded.ladder.items()},
    }
    return {name: log_costs(blocks) for name, blocks in entries.items()}


class MeasuredPrices:
    """Prices of the ladder of one receipt.

    by_block: by the name of the price and the block, microseconds.
    """

    def __init__(self, connections: int, by_block: Mapping[str, Mapping[int, float]]) -> None:
        self.by_block = by_block
        self._connections = connections

    @cached_property
    def prices(self) -> Prices:
        """See `PriceBook.prices`."""
        tags = (
            _tag(name, block_interval(list(values.values())), _BY_THE_LADDER[_toll_of(name)])
            for name, values in self.by_block.items()
        )
        return Prices(MEASURED_HERE, self._connections, tuple(t for t in tags if t is not None))

    def total(self, counts: Mapping[str, float]) -> Interval | None:
        """See `PriceBook.total`. The sum is taken in each block, as one fit has given its prices:
        where a hop is dear, a thread is cheap.
        """
        counts = _merged(counts, self.by_block)
        if not counts or not counts.keys() <= self.by_block.keys():
            return None
        blocks = set.intersection(*(set(self.by_block[name]) for name in counts))
        return block_interval(
            [
                sum(count * self.by_block[name][block] for name, count in counts.items())
                for block in sorted(blocks)
            ]
        )

    def lacking(self, names: Sequence[str]) -> str:
        """See `PriceBook.lacking`."""
        return f"Without a price here, and not in the sum: {', '.join(names)}."


def _merged(counts: Mapping[str, float], known: Collection[str]) -> dict[str, float]:
    """The counts with hops that query among all others, where those have no price of their own."""
    merged: dict[str, float] = {}
    for name, count in counts.items():
        usual = name if name in known else name.removesuffix(_WITH_QUERY)
        merged[usual] = merged.get(usual, 0.0) + count
    return merged


def _toll_of(name: str) -> str:
    """What a price is the price of: the beginning of its name."""
    return next(toll for toll in _AMOUNTS if name.startswith(toll))


def _tag(name: str, value: Interval | None, how: str) -> PriceTag | None:
    """A price as a receipt shows it. value: microseconds. how: it was found."""
    return None if value is None else PriceTag(name, _AMOUNTS[_toll_of(name)], value, how)


def measured_prices(loaded: Loaded) -> MeasuredPrices | None:
    """The prices that the ladder tells; None if it tells none.

    Every block is brought to the same speed of the machine, as everything in its slices shows it.
    """
    levels = at_one_speed(all_log_costs(loaded))
    rows = [
        Row(name, _LADDER, step.terms, levels[STEP + name])
        for name, step in loaded.ladder.items()
        if levels[STEP + name]
    ]
    names = list(dict.fromkeys(term for row in rows for term in row.terms))
    if len(rows) < 2 or not any(is_toll(name) for name in names):
        return None
    fit = fit_rows(rows, names)
    by_block = {
        names[at]: {block: float(prices[at]) for block, prices in fit.by_block.items()}
        for at in fit.identified
        if is_toll(names[at])
    }
    return MeasuredPrices(loaded.connections, by_block) if any(by_block.values()) else None


class TakenPrices:
    """Prices of a kept run, at the concurrency of its list that is nearest."""

    def __init__(self, kept: KeptPrices, connections: int) -> None:
        self._run = kept.run
        self._list: PriceList = kept.at(connections)

    @property
    def prices(self) -> Prices:
        """See `PriceBook.prices`."""
        tags = (_tag(price.name, price.value, _BY_THE_RUN) for price in self._list.prices)
        return Prices(self._run, self._list.connections, tuple(t for t in tags if t is not None))

    def total(self, counts: Mapping[str, float]) -> Interval | None:
        """See `PriceBook.total`. A run has one price for all hops of a kind."""
        return self._list.total(_merged(counts, ()))

    def lacking(self, names: Sequence[str]) -> str:
        """See `PriceBook.lacking`. Its variants' threads made their wrappers, too."""
        sentences = []
        if others := [name for name in names if name != WRAPPER]:
            sentences.append(
                f"The kept run {self._run} has no price for: {', '.join(others)}. The sum lacks it."
            )
        if WRAPPER in names:
            sentences.append(f"In {self._run} the price of a thread includes its database wrapper.")
        return " ".join(sentences)


def names_in_runs(names: Collection[str]) -> frozenset[str]:
    """The names that these prices have in a run, which has one price for all hops of a kind."""
    return frozenset(name.removesuffix(_WITH_QUERY) for name in names)


def step_costs(ladder: Mapping[str, LadderStep]) -> dict[str, Interval]:
    """What a request of each step costs, microseconds, for those who check the ladder."""
    found = {
        name: block_interval([c for b in step.blocks if (c := cost_of(b)) is not None])
        for name, step in ladder.items()
    }
    return {name: cost for name, cost in found.items() if cost is not None}
