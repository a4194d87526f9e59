"""Every server of `shared/servers.toml` treats a connection and a request as all others do.

Each is started on an application that tells what came of a request. With --every-variant also the
setups of the studies of servers do the work of the contract.
"""

import ctypes
import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.http_client import Persistence, Probe
from harness.audit.verify import verify
from harness.base.errors import ServerFailed
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.manifests import Implementation, Variant
from harness.inputs.servers import Protocol, missing
from harness.inputs.settings import ApplicationSettings, ServerSettings
from harness.inputs.study_loader import load_study
from harness.lab.environments import prepare
from harness.lab.network import HOST
from harness.lab.servers import LiveServer, await_ready, launch_server
from harness.records.verification import Audit, Verification
from tests.toys.benches import selected, side_by_side
from tests.toys.catalogs import repository_catalog
from tests.toys.laboratory import patient

CATALOG = repository_catalog()
SERVERS = CATALOG.servers
ECHO = Path(__file__).parents[1] / "toys" / "echo"
APPS = {Protocol.ASGI: "echo:asgi", Protocol.WSGI: "echo:wsgi"}
NAMES = [
    name
    for name, server in SERVERS.items()
    if server.protocol in APPS and not any(".py" in word for word in server.argv)
]
"""Of servers that run any application; one with a file of settings belongs to an implementation."""
TRUSTING = [name for name in NAMES if "proxy_headers" in SERVERS[name].knobs]
LOOKS_AT_THE_CLIENT = ("uvicorn", "gunicorn-uvicorn", "daphne", "waitress")
"""Servers that read who the client is from X-Forwarded-For; gunicorn's own workers read only the
scheme."""
BACKLOGS = {"gunicorn-asgi": 100}
"""Servers that listen with another backlog than they are given, as docs/servers.md says."""
SETTINGS = ApplicationSettings("", 1, 1.0, 1, 1)
BODY = 100_000
FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
_PIDFD_GETFD, _TCP_INFO_BYTES, _MOST_WAITING = 438, 256, 28
"""The system call (pidfd_getfd(2)), and where `tcp_info` has the backlog of a socket that listens:
`tcpi_sacked` (net/ipv4/tcp.c, tcp_get_info)."""


class Seen(msgspec.Struct, frozen=True):
    """What was seen of one server."""

    persistence: Persistence
    bodies: dict[str, int]
    head: bytes
    told: dict[str, Any]
    log: str
    backlog: int | None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Setups of the studies with --every-variant alone: one takes as long as a variant."""
    if "setup" in metafunc.fixturenames:
        every = metafunc.config.getoption("--every-variant")
        metafunc.parametrize("setup", list(setups()) if every else [])


def started(
    name: str, folder: Path, knobs: Mapping[str, str] | None = None, app: str | None = None
) -> LiveServer:
    """The server on the application, in an environment that has nothing but what it requires."""
    server, chosen = SERVERS[name], dict(knobs or {})
    implementation = Implementation(
        name="echo", title="Echo", folder=ECHO, requires_python=">=3.12", variants=(),
        added=missing(server.fitted(chosen).requires, {}),
    )  # fmt: skip
    variant = Variant(
        name=f"echo/{name}", title="", framework="Echo", implementation="echo", folder=ECHO,
        server=name, app=app or APPS[server.protocol], factors={}, env={}, tags=(), knobs=chosen,
    )  # fmt: skip
    word = "-".join([name, *chosen.values()])
    return launch_server(
        variant, server, prepare(cache_folder(), implementation), SETTINGS,
        workers=1, threads=4, log=folder / f"{word}.log",
    )  # fmt: skip


def observed(name: str, folder: Path) -> Seen:
    with started(name, folder) as server:
        await_ready(server)
        connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
        bodies: dict[str, int] = {}
        for kind, body in (("length", b"x" * BODY), ("chunked", iter([b"x" * (BODY // 2)] * 2))):
            connection.request("POST", "/told", body=body)
            bodies[kind] = json.loads(connection.getresponse().read())["length"]
        connection.request("HEAD", "/health")
        head = connection.getresponse().read()
        connection.close()
        return Seen(
            persistence=Probe(server.url).persistence("/health", 3),
            bodies=bodies,
            head=head,
            told=forwarded(server),
            log=server.process.said_since(0),
            backlog=backlog(server),
        )


def forwarded(server: LiveServer) -> dict[str, Any]:
    """What the application is told of a request with the headers of a proxy."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    connection.request("GET", "/told", headers=FORWARDED)
    told: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return told


def backlog(server: LiveServer) -> int | None:
    """Connections that may wait to be accepted; None where the system does not tell."""
    (worker,) = server.footprint().workers
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(worker)
    for entry in psutil.Process(worker).net_connections(kind="tcp4"):
        if entry.status == psutil.CONN_LISTEN:
            copy = libc.syscall(_PIDFD_GETFD, pidfd, entry.fd, 0)
            os.close(pidfd)
            if copy < 0:
                return None
            with socket.socket(fileno=copy) as listener:
                info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            return int.from_bytes(info[_MOST_WAITING : _MOST_WAITING + 4], "little")
    return None


@pytest.fixture(scope="module")
def seen(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[Seen]]]:
    folder = tmp_path_factory.mktemp("servers")
    with ThreadPoolExecutor(3) as pool:
        yield {name: pool.submit(observed, name, folder) for name in selected(request, "name")}


@pytest.mark.parametrize("name", NAMES)
def test_a_server_serves_as_all_others_do(seen: dict[str, Future[Seen]], name: str) -> None:
    """HTTP/1.1, the connection kept, bodies whole, no access log, no proxy believed."""
    server = seen[name].result()
    kept = SERVERS[name].fitted({}).keep_alive
    assert server.persistence == Persistence(11, 3 if kept else 1)
    assert server.bodies == {"length": BODY, "chunked": BODY}
    assert server.head == b""
    assert (server.told["client"], server.told["scheme"]) == (HOST, "http")
    assert server.log == ""
    somaxconn = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert server.backlog in (None, BACKLOGS.get(name, min(16_384, somaxconn)))


@pytest.mark.parametrize("server", TRUSTING)
def test_the_knob_for_proxy_headers_makes_a_server_believe_them(
    server: str, tmp_path: Path
) -> None:
    with started(server, tmp_path, {"proxy_headers": "on"}) as live:
        await_ready(live)
        told = forwarded(live)
    client = "203.0.113.7" if server in LOOKS_AT_THE_CLIENT else HOST
    assert told["client"] == client
    assert told["scheme"] == "https"


@pytest.mark.parametrize(
    ("server", "app", "told"),
    [
        ("gunicorn-gthread", "echo:asgi", "speaks WSGI, and the application `echo:asgi`"),
        ("uvicorn", "echo:wsgi", "speaks ASGI, and the application `echo:wsgi`"),
    ],
)
def test_an_application_of_the_other_protocol_is_named_at_once(
    server: str, app: str, told: str, tmp_path: Path
) -> None:
    live = started(server, tmp_path, app=app)
    with pytest.raises(ServerFailed) as caught:
        await_ready(live)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not live.running


def setups() -> dict[str, Catalog]:
    """Every setup of the studies of servers, with the catalog that has it."""
    found: dict[str, Catalog] = {}
    for study in ("servers", "deployments"):
        path = Workspace().shared / "studies" / f"{study}.toml"
        made = load_study(path, CATALOG).setups
        catalog = CATALOG.with_setups(made)
        found |= dict.fromkeys(made, catalog)
    return found


Examination = tuple[Verification, Audit]


@pytest.fixture(scope="module")
def examined(
    contract: Contract, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[Examination]]]:
    catalogs = setups()

    def examine(bench: Bench, name: str) -> Examination:
        catalog = catalogs[name]
        variant = catalog.variant(name)
        python = prepare(cache_folder(), catalog.implementations[variant.implementation])
        given = ServerSettings(workers=1, threads=5, pool_size=7)
        return (
            verify(bench, variant, python),
            audit(bench, variant, python, cpu=False, given=given),
        )

    names, logs = selected(request, "setup"), tmp_path_factory.mktemp("logs")
    with patient(), side_by_side(CATALOG, contract, logs, names, examine) as futures:
        yield futures


def test_a_setup_of_the_studies_honours_the_contract(
    examined: dict[str, Future[Examination]], setup: str
) -> None:
    verification, audited = examined[setup].result()
    assert verification.problems == []
    assert audited.problems == []
