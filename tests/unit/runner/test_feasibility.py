import msgspec
import pytest

from harness.analysis.labels.rules import CEILING_SHARE
from harness.base.errors import UsageError
from harness.inputs.study import Condition, Latency, Objective, Study
from harness.lab.limits import Limits
from harness.runner.feasibility import check_connections, check_rates
from tests.toys.runs import make_study


def study(condition: Condition, generators: int = 1) -> Study:
    """Two variants and the duplicate: three servers."""
    made = make_study()
    load = msgspec.structs.replace(made.load, generators=generators)
    return msgspec.structs.replace(made, conditions=(Condition("noop"), condition), load=load)


def connections(count: int, generators: int = 1) -> Study:
    return study(Condition("cpu", connections=count), generators)


def limits(in_all: int | None, ports: int | None) -> Limits:
    made = Limits(
        open_files_soft=None, open_files_hard=None,
        open_files=None if in_all is None else in_all + 64,
        first_port=None if ports is None else 1_000,
        last_port=None if ports is None else 999 + ports, backlog=None,
    )  # fmt: skip
    assert made.in_all == in_all
    return made


@pytest.mark.parametrize(
    ("in_all", "ports", "generators", "allowed", "raised"),
    [
        (999, 28_000, 1, 333, "open files (ulimit -n)"),  # shared by three servers
        (999, None, 1, 333, "open files (ulimit -n)"),
        (999, 28_000, 2, 666, "open files (ulimit -n)"),
        (999, 28_000, 8, 999, "open files (ulimit -n)"),  # each server's own, too
        (9_000, 300, 1, 300, "ports (net.ipv4.ip_local_port_range)"),
        (None, 300, 1, 300, "ports (net.ipv4.ip_local_port_range)"),
    ],
)
def test_more_connections_than_can_be_had_are_refused_with_the_number_that_can(
    in_all: int | None, ports: int | None, generators: int, allowed: int, raised: str
) -> None:
    known = limits(in_all, ports)
    check_connections(connections(allowed, generators), known)
    with pytest.raises(UsageError) as caught:
        check_connections(connections(allowed + 1, generators), known)
    facts = [
        f"`cpu, {allowed + 1} connections, 1,000 rows`", " 3 servers",
        f" `connections` to {allowed} ", raised,
    ]  # fmt: skip
    assert [fact for fact in facts if fact not in str(caught.value)] == []


def test_where_no_limit_is_visible_none_is_checked() -> None:
    check_connections(connections(60_000), limits(None, None))


def arrivals(rate: float, generators: int = 1) -> Study:
    return study(Condition("cpu", window_s=5.0, rate=rate), generators)


@pytest.mark.parametrize("generators", [1, 3])
def test_a_rate_that_the_generator_cannot_make_is_refused_with_one_that_it_can(
    generators: int,
) -> None:
    """By the same measure by which `analysis` would call the trial generator-bound."""
    highest = CEILING_SHARE * 10_000 * generators
    check_rates(arrivals(highest, generators), 10_000)
    with pytest.raises(UsageError) as caught:
        check_rates(arrivals(highest + 1, generators), 10_000)
    message = str(caught.value)
    facts = [
        f"`cpu, {highest + 1:g} ", f" {10_000 * generators:,}/s ",
        f" `rate` to {highest:.0f} ",
    ]  # fmt: skip
    assert [fact for fact in facts if fact not in message] == []


@pytest.mark.parametrize(
    "condition",
    [
        Condition("cpu"),
        Condition("cpu", window_s=5.0, share=2.0),
        Condition("cpu", window_s=5.0, objective=Objective()),
    ],
)
def test_rates_that_are_found_on_the_way_cannot_be_checked_beforehand(condition: Condition) -> None:
    check_rates(study(condition), 1.0)


def test_the_relay_needs_two_ends_for_every_connection() -> None:
    far = Condition("cpu", connections=100, window_s=1.0, latency=Latency(client_ms=5.0))
    delayed = study(far)
    ends = 2 * (3 * 100 + delayed.database.max_connections)
    check_connections(delayed, limits(ends, None))
    check_connections(connections(100), limits(ends - 1, None))
    with pytest.raises(UsageError, match=f"relay .* {ends:,} "):
        check_connections(delayed, limits(ends - 1, None))
