"""Footprints of real processes that listen in every way."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.lab.footprint import Footprint, OpenSocket, listening_process
from harness.lab.network import HOST, free_port
from harness.lab.process import launch
from tests.toys import listeners


@contextmanager
def listening(*ways: str) -> Iterator[tuple[Footprint, int, int, list[int]]]:
    """The footprint of such a program, its port, its process, and its children."""
    port = free_port()
    child = launch([sys.executable, str(listeners.__file__), str(port), *ways], pipes=True)
    try:
        output = child.popen.stdout
        assert output is not None
        pids = [int(pid) for pid in output.readline().split()]
        assert output.readline() == b"ready\n"
        family = [child.pid, *pids]
        yield Footprint.of(family, port), port, child.pid, pids
    finally:
        child.stop()


def test_a_process_that_listens_is_the_worker() -> None:
    with listening("own") as (footprint, port, pid, _):
        assert footprint.workers == {pid}
        assert footprint.sockets == (OpenSocket("tcp", "127.0.0.1", port),)
        assert footprint.problem(port, workers=1) is None


def test_a_supervisor_that_holds_the_socket_of_its_children_is_none() -> None:
    """As gunicorn's and uvicorn's are."""
    with listening("own", "supervisor") as (footprint, port, _, children):
        assert footprint.workers == set(children)
        assert footprint.problem(port, workers=2) is None
        assert str(footprint.problem(port, workers=4)).startswith(
            "has 2 worker processes, where every server is given 4;"
        )


def test_processes_with_a_socket_each_on_the_same_port_are_workers() -> None:
    with listening("own", "reuse") as (footprint, port, pid, children):
        assert footprint.sockets == (OpenSocket("tcp", "127.0.0.1", port),)
        assert footprint.workers == {pid, *children}
        assert str(footprint.problem(port, workers=1)).startswith("has 2 worker processes, where")


def test_a_child_that_does_not_hold_the_socket_is_no_worker() -> None:
    with listening("own", "helper") as (footprint, port, pid, _):
        assert footprint.workers == {pid}
        assert footprint.problem(port, workers=1) is None


def test_a_server_that_listens_nowhere_has_no_worker() -> None:
    with listening("nothing") as (footprint, port, _, _):
        assert footprint.sockets == ()
        assert str(footprint.problem(port, workers=1)).startswith("has 0 worker processes, where")


@pytest.mark.parametrize(
    ("way", "told"),
    [("everywhere", "all addresses (0.0.0.0), port {}"), ("ipv6", "all addresses (::), port {}")],
)
def test_a_server_that_other_machines_reach_is_a_problem(way: str, told: str) -> None:
    with listening(way) as (footprint, port, _, _):
        assert footprint.problem(port, workers=1) == (
            f"listens on {told.format(port)}, where other machines reach it; let it bind "
            "{host}:{port} of its command line only"
        )


def test_a_second_socket_beyond_loopback_is_found_beside_the_right_one() -> None:
    with listening("own", "udp") as (footprint, port, _, _):
        said = str(footprint.problem(port, workers=1))
        assert said.startswith("listens on all addresses (0.0.0.0), UDP port ")


def test_datagrams_on_loopback_reach_nobody_else() -> None:
    with listening("own", "udp-loopback") as (footprint, port, _, _):
        assert len(footprint.sockets) == 2
        assert footprint.problem(port, workers=1) is None


def test_a_second_port_is_a_problem_on_loopback_too() -> None:
    with listening("own", "second") as (footprint, port, _, _):
        (other,) = (s for s in footprint.sockets if s.port != port)
        assert str(footprint.problem(port, workers=1)).startswith(
            f"listens on port {other.port} too, and every server is given one ({port})"
        )


def test_processes_that_have_ended_have_no_footprint() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert Footprint.of([ended.pid], 80) == Footprint(frozenset(), ())


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.2", False), ("::ffff:0.0.0.0", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert OpenSocket("tcp", host, 80).loopback is loopback


def test_no_address_of_this_machine_is_told() -> None:
    """What is told is published with the run."""
    assert str(OpenSocket("tcp", "10.1.2.3", 80)) == "an address beyond loopback, port 80"
    assert str(OpenSocket("udp", "127.0.0.1", 53)) == "loopback, UDP port 53"


@pytest.mark.parametrize(("host", "fits"), [("10.0.0.2", True), ("10.0.0.3", False)])
def test_where_the_load_is_elsewhere_a_server_listens_on_its_own_address_only(
    host: str, fits: bool
) -> None:
    footprint = Footprint(frozenset({1}), (OpenSocket("tcp", "10.0.0.2", 80),))
    assert (footprint.problem(80, workers=1, host=host) is None) is fits


def test_the_process_that_listens_on_a_port_is_found() -> None:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        port = listening.getsockname()[1]
        assert listening_process(port) is None
        listening.listen()
        assert listening_process(port) == os.getpid()
