"""The whole receipt, from what was seen and measured."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import msgspec

from harness.analysis.receipt.bill import UrlBill, against, bill, spread_of, tolls_of
from harness.analysis.receipt.causes import ObservedProject, cause_of, sets_up_connection
from harness.analysis.receipt.prices import PriceBook
from harness.analysis.receipt.receipt import Receipt, UrlReceipt
from harness.analysis.receipt.recommend import recommendations
from harness.analysis.receipt.time_lines import time_line
from harness.records.observation import Loaded, Observation, ObservedUrl, Served


class ReceiptHead(msgspec.Struct, frozen=True):
    """What stands above a receipt; see `Receipt`."""

    version: str
    made_at: str
    machine: dict[str, str | int]


def wanted_prices(observation: Observation) -> frozenset[str]:
    """Names of the prices of all tolls that the application pays."""
    causes = partial(cause_of, project=ObservedProject.of(observation))
    return frozenset(name for url in observation.urls for name in tolls_of(url.observed, causes))


def whole_receipt(
    head: ReceiptHead,
    observation: Observation,
    loaded: Loaded | None,
    prices: PriceBook | None,
    other: Served | None,
    notes: Sequence[str],
    took_s: float,
    asked: Mapping[str, int] = MappingProxyType({}),
) -> Receipt:
    """The receipt, with its recommendations.

    Args:
        observation: of the application.
        loaded: what was measured under load; None if nothing was.
        prices: of the tolls; None without any.
        other: the application that it is compared with.
        notes: further ones.
        took_s: seconds to make it.
        asked: by `SentRequest.name`, how often each application was asked before all that.
    """
    urls, unpriced = [], set[str]()
    for url in observation.urls:
        told, lacking = _url(url, observation, loaded, prices)
        urls.append(_with_sent(told, url, loaded, asked.get(url.request.name, 0)))
        unpriced |= set(lacking)
    more = () if loaded is None else loaded.notes
    if prices is not None and unpriced:
        more = (*more, prices.lacking(sorted(unpriced)))
    receipt = Receipt(
        version=head.version,
        made_at=head.made_at,
        machine=head.machine,
        served=observation.served,
        other=other,
        urls=tuple(urls),
        left_behind=observation.left_behind,
        prices=None if prices is None else prices.prices,
        recommendations=(),
        notes=tuple(dict.fromkeys((*notes, *observation.notes, *more))),
        took_s=took_s,
    )
    return msgspec.structs.replace(receipt, recommendations=recommendations(receipt, observation))


def _with_sent(told: UrlReceipt, url: ObservedUrl, loaded: Loaded | None, asked: int) -> UrlReceipt:
    """With how many requests each application got."""
    name = url.request.name
    own = () if loaded is None else loaded.urls.get(name, ())
    others = () if loaded is None else loaded.other.get(name, ())
    other = told.against
    if other is not None:
        other = msgspec.structs.replace(other, sent=asked + sum(block.sent for block in others))
    sent = asked + url.sent + sum(block.sent for block in own)
    return msgspec.structs.replace(told, sent=sent, against=other)


def _url(
    url: ObservedUrl, observation: Observation, loaded: Loaded | None, prices: PriceBook | None
) -> tuple[UrlReceipt, tuple[str, ...]]:
    """What one URL takes, and names of prices that it lacks."""
    causes = partial(cause_of, project=ObservedProject.of(observation))
    paid: UrlBill = bill(url.observed, loaded, url.request.name, prices, causes)
    amounts = dict.fromkeys(amount for one in url.observed for amount in one.counts)
    return UrlReceipt(
        request=url.request,
        status=url.observed[0].status,
        requests=len(url.observed),
        counted={
            amount: spread_of([one.counts[amount] for one in url.observed])
            for amount in amounts
            if all(amount in one.counts for one in url.observed)
        },
        items=paid.items,
        connecting=spread_of(
            [sum(map(sets_up_connection, one.happenings)) for one in url.observed]
        ),
        time_line=time_line(url.observed, causes),
        cpu=paid.cpu,
        tolls=paid.tolls,
        rate_per_s=paid.rate_per_s,
        failed=paid.failed,
        against=None if loaded is None else against(loaded, url.request.name),
    ), paid.unpriced
