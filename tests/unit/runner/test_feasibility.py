import re

import msgspec
import pytest

from harness.analysis.labels.rules import CEILING_SHARE
from harness.base.errors import UsageError
from harness.inputs.study import Condition, Latency, Objective, Study
from harness.lab.limits import Limits
from harness.lab.thread_limits import ThreadLimit
from harness.runner.feasibility import (
    backlog_warning,
    check_connections,
    check_rates,
    check_threads,
)
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


FILES = "open files: `sudo prlimit --pid $$ --nofile="
PORTS = "`sudo sysctl -w net.ipv4.ip_local_port_range="


@pytest.mark.parametrize(
    ("in_all", "ports", "generators", "allowed", "raised"),
    [
        (
            999,
            28_000,
            1,
            333,
            FILES,
        ),  # shared by three servers
        (999, None, 1, 333, FILES),
        (999, 28_000, 2, 666, FILES),
        (
            999,
            28_000,
            8,
            999,
            FILES,
        ),  # each server's own, too
        (9_000, 300, 1, 300, PORTS),
        (None, 300, 1, 300, PORTS),
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


def windows(count: int, generators: int = 1) -> Study:
    return study(Condition("cpu", connections=count, window_s=1.0), generators)


def test_a_window_needs_connections_to_its_own_server_alone() -> None:
    known = limits(19_936, 28_000)
    check_connections(windows(10_000), known)
    with pytest.raises(UsageError, match="each of 3 servers"):
        check_connections(connections(10_000), known)


def test_the_command_raises_the_limit_for_server_and_generator() -> None:
    with pytest.raises(UsageError, match=r"one server .* 1,960;.* --nofile=10064:10064`"):
        check_connections(windows(10_000), limits(1_960, 28_000))


def test_several_generator_processes_share_what_one_may_not_open() -> None:
    """Slices to three servers; each server has its own limit, and could hold them."""
    known = limits(19_936, 28_000)
    check_connections(connections(10_000, generators=2), known)
    with pytest.raises(UsageError, match=r"--nofile=30064:30064` .* generators = 2`"):
        check_connections(connections(10_000), known)


def test_more_files_than_a_process_is_given_need_more_processes() -> None:
    known = limits(65_472, 60_000)
    with pytest.raises(UsageError, match=r"`\[load\] generators = 2`\.$"):
        check_connections(connections(25_000), known)


MAPPINGS = ThreadLimit(
    "vm.max_map_count", 10_000, 4_000, "raise {value}", each=2, process=True
)  # fmt: skip
NUMBERS = ThreadLimit("kernel.pid_max", 6_000, 1_000, "raise {value}")


def threaded(*, threads: int, connections: int = 10_000) -> Study:
    made = windows(connections)
    server = msgspec.structs.replace(made.server, threads=threads)
    return msgspec.structs.replace(made, server=server)


def test_threads_that_the_machine_has_room_for_are_allowed() -> None:
    known = [MAPPINGS, NUMBERS]
    made = threaded(threads=2_500)
    check_threads(made, made.everyone, known)
    check_threads(threaded(threads=9_000), [], known)  # no server takes a number of threads
    check_threads(threaded(threads=9_000, connections=40), made.everyone, known)


def test_more_threads_than_one_process_may_have_are_refused_before_the_run() -> None:
    made = threaded(threads=3_001)
    with pytest.raises(UsageError) as caught:
        check_threads(made, made.everyone[:1], [MAPPINGS])
    facts = [
        f"`{made.everyone[0]}`", "3,001 threads", "3,000 more", "vm.max_map_count",
        "`threads`", " 3000 at most", "`raise 10002`",
    ]  # fmt: skip
    assert [fact for fact in facts if fact not in str(caught.value)] == []


def test_threads_of_all_servers_together_are_refused_before_the_run() -> None:
    made = threaded(threads=2_501)
    with pytest.raises(UsageError) as caught:
        check_threads(made, made.everyone, [NUMBERS])
    assert "5,002 threads" in str(caught.value)
    assert "2499 at most" in str(caught.value)
    assert "`raise 6002`" in str(caught.value)


def test_a_limit_of_another_machine_is_raised_there() -> None:
    there = "the machine 10.0.0.4 (load)"
    in_its_shell = rf"{re.escape(there)}.*the shell that starts its worker"
    with pytest.raises(UsageError, match=in_its_shell):
        check_connections(windows(10_000), limits(1_960, 28_000), there)
    made = threaded(threads=3_001)
    with pytest.raises(UsageError, match=in_its_shell):
        check_threads(made, made.everyone, [MAPPINGS], there)


def test_a_backlog_shorter_than_the_connections_is_told_with_its_command() -> None:
    short = msgspec.structs.replace(limits(None, None), backlog=4_096)
    assert backlog_warning(windows(4_096), short) is None
    assert backlog_warning(windows(10_000), limits(None, None)) is None
    told = backlog_warning(windows(10_000), short) or ""
    assert "4,096" in told
    assert "net.core.somaxconn=10000" in told


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
    ends = 2 * (100 + delayed.database.max_connections)  # a window has its connections to itself
    check_connections(delayed, limits(ends, None))
    check_connections(connections(100), limits(ends - 1, None))
    with pytest.raises(UsageError, match=f"relay .* {ends:,} "):
        check_connections(delayed, limits(ends - 1, None))
