"""What a URL pays, from counted tolls, prices and load whose truth is known."""

import random
from collections.abc import Mapping, Sequence

import pytest

from harness.analysis.causes.prices import CONNECT, THREAD
from harness.analysis.receipt.bill import (
    OTHERS,
    against,
    bill,
    hop_kind,
    spread_of,
    tolls_of,
)
from harness.analysis.receipt.prices import WRAPPER, MeasuredPrices, hop, hop_that_waits
from harness.analysis.receipt.receipt import Cause, CauseKind
from harness.records.observation import (
    Amount,
    Frame,
    Happening,
    LadderStep,
    Loaded,
    LoadedBlock,
    ObservedRequest,
)

ASGIREF = (
    Frame("concurrent.futures.thread", "ThreadPoolExecutor.submit", "t.py", 1),
    Frame("asyncio.base_events", "BaseEventLoop.run_in_executor", "b.py", 1),
    Frame("asgiref.sync", "SyncToAsync.__call__", "s.py", 1),
    Frame("shop.views", "orders", "views.py", 12),
)
PLAIN = hop("asgiref")
PRICES = MeasuredPrices(
    32,
    {
        PLAIN: {0: 68.0, 1: 72.0, 2: 70.0},
        hop_that_waits("asgiref"): {0: 100.0, 1: 100.0, 2: 100.0},
        THREAD: {0: 152.0, 1: 148.0, 2: 150.0},
        WRAPPER: {0: 110.0, 1: 112.0, 2: 108.0},
    },
)
MIDDLEWARE = Cause(CauseKind.MIDDLEWARE, "shop.middleware.Tenant")
QUERY = Cause(CauseKind.QUERY, "Order.objects.acount", "views.py", 12)


def happening(
    what: Amount, by: str, begin: int = 0, end: int | None = None, thread: int = 7, asker: int = 1
) -> Happening:
    frames = (*ASGIREF[:3], Frame(by, "f", "f.py", 1))
    return Happening(what, begin, end, thread, asker, frames)


def request(*happenings: Happening) -> ObservedRequest:
    return ObservedRequest(200, 0, 10**6, {}, happenings)


def cause_of(one: Happening) -> Cause:
    return QUERY if one.frames[-1].module == "shop.views" else MIDDLEWARE


TYPICAL = (
    happening(Amount.HOPS, "shop.middleware"),
    happening(Amount.HOPS, "shop.middleware"),
    happening(Amount.THREADS, "shop.middleware"),
    happening(Amount.HOPS, "shop.views"),
    happening(Amount.STATEMENTS, "shop.views"),
)


def blocks(
    cost_us: float, noise: float = 0.0, failed: int = 0, seed: int = 1
) -> tuple[LoadedBlock, ...]:
    draw = random.Random(seed)
    errors = {"status 500": failed} if failed else {}
    return tuple(
        LoadedBlock(
            number, round(1e6 * cost_us * draw.lognormvariate(0.0, noise)), 1_000, failed,
            2 * 10**9, errors,
        )
        for number in range(3)
    )  # fmt: skip


def of(*costs_us: float) -> tuple[LoadedBlock, ...]:
    return tuple(
        LoadedBlock(number, round(1e6 * cost), 1_000, 0, 2 * 10**9)
        for number, cost in enumerate(costs_us)
    )


def loaded(
    urls: Mapping[str, tuple[LoadedBlock, ...]],
    other: Mapping[str, tuple[LoadedBlock, ...]] | None = None,
) -> Loaded:
    return Loaded(
        32, dict(urls), dict(other or {}), {"none": LadderStep({"request": 1}, blocks(60))}
    )


@pytest.mark.parametrize(
    ("modules", "kind"),
    [
        (("concurrent.futures.thread", "asyncio.base_events", "asgiref.sync", "a"), "asgiref"),
        (("anyio._backends._asyncio", "anyio.to_thread", "starlette.concurrency"), "anyio"),
        (("asyncio.base_events", "asyncio.threads", "shop.views", "asgiref.sync"), "executor"),
        (("concurrent.futures.thread", "shop.views"), "executor"),
        ((), "executor"),
    ],
    ids=["asgiref", "anyio", "to_thread", "own executor", "no frame"],
)
def test_the_stack_tells_which_library_hands_work_over(modules: Sequence[str], kind: str) -> None:
    assert hop_kind([Frame(module, "f", "f.py", 1) for module in modules]) == kind


def test_a_hop_in_which_something_is_asked_of_a_database_has_a_price_of_its_own() -> None:
    hops = (
        happening(Amount.HOPS, "shop.middleware", 10, 20),
        happening(Amount.STATEMENTS, "shop.middleware", 15, 16, asker=7),
        happening(Amount.HOPS, "shop.middleware", 30, 40),
        happening(Amount.STATEMENTS, "shop.middleware", 35, 36, asker=8),  # in another thread
    )
    counts = tolls_of([request(*hops)], cause_of)
    assert counts == {hop_that_waits("asgiref"): 1.0, PLAIN: 1.0}


def test_items_are_lines_by_cause_dearest_first() -> None:
    made = bill([request(*TYPICAL)] * 4, loaded({"GET /": blocks(900)}), "GET /", PRICES, cause_of)
    lines = [
        (item.amount, item.cause, item.per_request.mean, round(item.total.mean, 6))
        for item in made.items
        if item.total is not None
    ]
    assert lines == [
        (Amount.THREADS, MIDDLEWARE, 1.0, 150.0),
        (Amount.HOPS, MIDDLEWARE, 2.0, 140.0),
        (Amount.HOPS, QUERY, 1.0, 100.0),
    ]
    assert made.tolls is not None
    assert made.tolls.mean == pytest.approx(390.0)
    assert made.unpriced == ()


def test_a_wrapper_is_a_line_by_its_query() -> None:
    made = bill(
        [request(*TYPICAL, happening(Amount.WRAPPERS, "shop.views"))],
        None, "GET /", PRICES, cause_of,
    )  # fmt: skip
    (line,) = [item for item in made.items if item.amount is Amount.WRAPPERS]
    assert (line.cause, line.per_request.mean) == (QUERY, 1.0)
    assert line.total is not None
    assert line.total.mean == pytest.approx(110.0)
    assert made.tolls is not None
    assert made.tolls.mean == pytest.approx(390.0 + 110.0)


def test_the_sum_of_tolls_is_taken_in_each_block() -> None:
    """Where a hop is dear in a block, a thread is cheap: their errors cancel."""
    once = (happening(Amount.HOPS, "shop.middleware"), happening(Amount.THREADS, "shop.middleware"))
    made = bill([request(*once)], None, "GET /", PRICES, cause_of)
    assert made.tolls is not None
    assert made.tolls.half_width == pytest.approx(0.0, abs=1e-9)
    assert all(item.total is not None and item.total.half_width for item in made.items)


def test_a_toll_without_a_price_is_named_and_the_others_are_summed() -> None:
    opened = happening(Amount.CONNECTIONS, "django.db.backends.base.base")
    made = bill([request(*TYPICAL, opened)], None, "GET /", PRICES, cause_of)
    assert made.unpriced == (CONNECT,)
    assert made.tolls is not None
    assert made.tolls.mean == pytest.approx(390.0)
    assert made.items[-1].amount is Amount.CONNECTIONS
    assert made.items[-1].price is None


def test_a_connection_that_is_opened_past_django_is_not_priced_as_one_of_django() -> None:
    frames = (Frame("asyncpg.connect_utils", "_connect_addr", "a.py", 1), ASGIREF[-1])
    raw = Happening(Amount.CONNECTIONS, 0, 1, 99, 99, frames)
    book = MeasuredPrices(32, {**PRICES.by_block, CONNECT: {0: 3_000.0, 1: 3_100.0}})
    made = bill([request(*TYPICAL, raw)], None, "GET /", book, cause_of)
    assert made.unpriced == ("connection opened by asyncpg (without Django)",)
    assert made.tolls is not None
    assert made.tolls.mean == pytest.approx(390.0)


def test_requests_that_differ_are_shown_as_they_are() -> None:
    observed = [request(*TYPICAL), request(TYPICAL[0])]
    made = bill(observed, None, "GET /", PRICES, cause_of)
    spreads = {(item.amount, item.cause.kind): item.per_request for item in made.items}
    assert spreads[Amount.HOPS, CauseKind.MIDDLEWARE].values == {"1": 1, "2": 1}
    assert spreads[Amount.HOPS, CauseKind.QUERY].values == {"0": 1, "1": 1}
    assert not spreads[Amount.THREADS, CauseKind.MIDDLEWARE].steady


def test_a_url_without_tolls_pays_none() -> None:
    made = bill([request()], loaded({"GET /": blocks(60)}), "GET /", PRICES, cause_of)
    assert made.items == ()
    assert made.tolls is not None
    assert made.tolls.mean == 0.0


def test_without_prices_the_tolls_are_only_counted() -> None:
    made = bill([request(*TYPICAL)], None, "GET /", None, cause_of)
    assert made.tolls is None
    assert [item.price for item in made.items] == [None, None, None]
    assert len(made.unpriced) == 3


def test_cpu_and_rate_are_of_the_load_and_failures_are_counted() -> None:
    made = bill([request()], loaded({"GET /": blocks(900, failed=5)}), "GET /", PRICES, cause_of)
    assert made.cpu is not None
    assert made.cpu.mean == pytest.approx(900.0)
    assert made.rate_per_s is not None
    assert made.rate_per_s.mean == pytest.approx(500.0)
    assert (made.failed, made.errors) == (15, {"status 500": 15})


@pytest.mark.parametrize(
    ("other_us", "verdict"), [(500.0, "differs"), (905.0, "the same")], ids=["cheaper", "equal"]
)
def test_two_applications_are_compared_with_a_verdict(other_us: float, verdict: str) -> None:
    measured = loaded(
        {"GET /": blocks(900, 0.005, seed=2), "GET /b": blocks(300, 0.005, seed=3)},
        {"GET /": blocks(other_us, 0.005, seed=4), "GET /b": blocks(290, 0.005, seed=5)},
    )
    compared = against(measured, "GET /")
    assert compared is not None
    assert compared.verdict == verdict
    assert compared.cpu is not None
    assert compared.cpu.mean == pytest.approx(other_us, rel=0.03)
    assert compared.ratio is not None
    assert compared.ratio.mean == pytest.approx(other_us / 900.0, rel=0.03)


def test_noise_leaves_it_undecided() -> None:
    measured = loaded({"GET /": of(900, 700, 1_100)}, {"GET /": of(850, 1_100, 650)})
    compared = against(measured, "GET /")
    assert compared is not None
    assert compared.verdict == "undecided"


def test_what_the_other_application_has_not_answered_is_not_compared() -> None:
    assert against(loaded({"GET /": blocks(900)}), "GET /") is None


def test_many_values_are_gathered_under_others() -> None:
    spread = spread_of([float(n) for n in range(20)] + [3.0] * 5)
    assert len(spread.values) == 8
    assert sum(spread.values.values()) == 25
    assert spread.values["3"] == 6
    assert spread.values[OTHERS] == 13
    assert (spread.lowest, spread.highest) == (0.0, 19.0)
