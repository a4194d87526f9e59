"""Price lists for an A/B, from the kept runs beside it.

To analyse a run with prices takes seconds, so what it gives is kept in the cache folder, and only
the runs that serve are analysed at all.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from harness.analysis.causes.bills import OfferedPrices, unpriced
from harness.analysis.causes.kept_prices import (
    KeptPrices,
    is_priced,
    kept_prices,
    may_have_prices,
    tolls_taken,
)
from harness.base.errors import BridgetollError
from harness.records.comparability import unlike
from harness.records.lock import reading
from harness.records.run import Run
from harness.records.store import Store, run_ids
from harness.report.run_cache import RunCache


def price_offers(run: Run, results: Path, cache_folder: Path) -> tuple[OfferedPrices, ...]:
    """The price lists that an A/B needs, the best first; none where no toll differs.

    The newest run that has prices, and A under most of the endpoints. If it lacks A under some, the
    next one that has it there follows.

    Args:
        run: of the A/B.
        results: where kept runs lie. One that is damaged or still measured is left out.
        cache_folder: keeps price lists.
    """
    needed = set(unpriced(run))
    if not needed:
        return ()
    cache = RunCache(cache_folder / "prices", tuple[KeptPrices, ...])
    missing = set(needed)
    offers: list[OfferedPrices] = []
    for store, other in _candidates(results, run.id, needed):
        has = missing & _known(other, needed)
        if offers and not has:
            continue
        for prices in _prices(store, other, cache):
            offers.append(OfferedPrices(prices, _changed(other, run, needed)))
            missing -= has
        if not missing:
            break
    return tuple(offers)


def newest_prices(
    results: Path, cache_folder: Path, wanted: Collection[str] = ()
) -> KeptPrices | None:
    """The price list of a kept run, for a receipt that cannot measure its own.

    Of the runs whose variants take most of the tolls that are wanted, the newest.

    Args:
        results: as of `price_offers`. cache_folder: likewise.
        wanted: names of prices.

    Returns:
        None if no run has a price list.
    """
    cache = RunCache(cache_folder / "prices", tuple[KeptPrices, ...])
    kept = [(store, run) for store, run in _runs(results) if may_have_prices(run)]
    kept.sort(key=lambda item: item[1].started_at, reverse=True)
    for store, run in sorted(kept, key=lambda item: -len(tolls_taken(item[1]) & {*wanted})):
        for prices in _prices(store, run, cache):
            return prices
    return None


def _candidates(
    results: Path, but: str, needed: set[tuple[str, str]]
) -> Sequence[tuple[Store, Run]]:
    """Runs whose design gives prices: those that have most of what is needed first, then by age."""
    found = [(store, other) for store, other in _runs(results) if other.id != but]
    found = [(store, other) for store, other in found if may_have_prices(other)]
    found.sort(key=lambda item: item[1].started_at, reverse=True)
    return sorted(found, key=lambda item: -len(_known(item[1], needed)))


def _changed(there: Run, here: Run, needed: set[tuple[str, str]]) -> dict[str, str]:
    """By A, why it is not the same in both runs."""
    names = {name for name, _ in needed if name in there.variants}
    reasons = {name: unlike(there, here, name) for name in sorted(names)}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _runs(results: Path) -> Iterator[tuple[Store, Run]]:
    for name in run_ids(results):
        store = Store(results / name)
        with suppress(BridgetollError):
            yield store, store.read_run()


def _known(run: Run, needed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The variants and endpoints whose cost a run has measured, of those that are needed."""
    conditions = [condition for condition in run.study.conditions if is_priced(condition)]
    return {
        (name, endpoint)
        for name, endpoint in needed
        if name in run.measured
        and any(c.endpoint == endpoint and name in run.study.measured(c) for c in conditions)
    }


def _prices(
    store: Store, run: Run, cache: RunCache[tuple[KeptPrices, ...]]
) -> tuple[KeptPrices, ...]:
    """The price list of a run, computed unless it is kept; none if it has none, or is in use."""
    with suppress(BridgetollError), reading(store.folder):
        key = cache.key(store.folder)
        if (found := cache.read(store.folder, key)) is not None:
            return found
        trials, damaged = store.trials(run)
        made = kept_prices(run, trials)
        prices = () if made is None else (made,)
        if not damaged:
            cache.keep(store.folder, key, prices)
        return prices
    return ()
