"""A receipt from beginning to end: serve, check, watch, measure, tell."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from harness.analysis.causes.kept_prices import KeptPrices
from harness.analysis.receipt.prices import (
    PriceBook,
    TakenPrices,
    measured_prices,
    names_in_runs,
)
from harness.analysis.receipt.receipt import Receipt
from harness.analysis.receipt.whole import ReceiptHead, wanted_prices, whole_receipt
from harness.audit.receipt.observe import observe
from harness.audit.receipt.outside import observe_running
from harness.base.secrecy import shown_settings
from harness.base.workspace import Workspace
from harness.inputs.application import Wanted, WantedRequest
from harness.inputs.servers import load_servers
from harness.lab.applications.application import (
    START_S,
    LiveApplication,
    PreparedApplication,
    prepare_application,
    start_application,
)
from harness.lab.machine import describe
from harness.lab.network import Address
from harness.records.observation import Loaded, Observation, Served
from harness.runner.receipt.check import TIMES, CheckedRequest, check_answers
from harness.runner.receipt.load import Effort
from harness.runner.receipt.measured import LoadedApplication, measure

_LONGEST_S = 52.0
"""For all of it; the last round of the load, and what is told of it, come on top."""
_LEAST_S = 12.0
"""For the load, whatever came before."""
_ONLY_LINUX = "Prices and CPU time are measured on Linux only, so nothing has a price here."


class ReceiptListener(Protocol):
    """Hears what happens while a receipt is made."""

    def step(self, what: str) -> None:
        """Something begins."""

    def passing(self, what: str) -> None:
        """A small part of it begins."""


class PreparedReceipt(msgspec.Struct, frozen=True):
    """What is wanted, prepared: an application to serve, or one that runs.

    other: what it is compared with. logs: a folder for the servers' output.
    """

    wanted: Wanted
    application: PreparedApplication | None
    other: PreparedApplication | None
    logs: Path
    listener: ReceiptListener


def make_receipt(
    wanted: Wanted,
    workspace: Workspace,
    cache: Path,
    listener: ReceiptListener,
    *,
    count_only: bool = False,
    kept: Callable[[Collection[str]], KeptPrices | None] = lambda _: None,
) -> Receipt:
    """Make the receipt that is wanted.

    Args:
        workspace: has the servers' command lines.
        cache: where packages of servers are kept.
        listener: hears of the progress.
        count_only: send no load, so that there are no CPU times and no prices of this machine.
        kept: prices of a kept run, for a receipt without its own; is told which are wanted.

    Raises:
        UsageError: the application, its server or an answer cannot be used as asked.
        ServerFailed: the application did not start, or died.
    """
    began = time.monotonic()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="bridgetoll-") as folder:
        prepared = _prepare(wanted, workspace, cache, Path(folder), listener)
        observed = _observe(prepared)
        loaded = None
        if not count_only and observed.application is not None and sys.platform == "linux":
            left_s = max(_LEAST_S, _LONGEST_S - (time.monotonic() - began))
            loaded = _measure(prepared, observed, observed.application, left_s)
    listener.step("adding up")
    return whole_receipt(
        ReceiptHead(version("bridgetoll"), now.isoformat(timespec="seconds"), describe()),
        observed.observation,
        loaded,
        _prices(loaded, wanted.connections, partial(kept, _in_runs(observed.observation))),
        _other(prepared),
        _notes(prepared),
        time.monotonic() - began,
        _asked_before(wanted),
    )


def _other(prepared: PreparedReceipt) -> Served | None:
    """What it is compared with, for the record: its settings where they differ."""
    if prepared.other is None or prepared.application is None:
        return None
    env, beside = prepared.other.deployment.env, prepared.application.deployment.env
    return msgspec.structs.replace(prepared.other.served, settings=shown_settings(env, beside))


def _asked_before(wanted: Wanted) -> dict[str, int]:
    """By name, how often each application is asked before anything is counted."""
    first = None if wanted.deployment is None else _first(wanted)
    return {each.name: TIMES + (each is first) for each in wanted.requests}


def _first(wanted: Wanted) -> WantedRequest | None:
    """The request that tells whether a server that was started answers."""
    return next((request for request in wanted.requests if request.method == "GET"), None)


def address_of(url: str) -> Address:
    """Of the server behind `--url`."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or 80)


def _prepare(
    wanted: Wanted, workspace: Workspace, cache: Path, logs: Path, listener: ReceiptListener
) -> PreparedReceipt:
    application, other = wanted.deployment, wanted.against
    if application is None:
        return PreparedReceipt(wanted, None, None, logs, listener)
    servers, _ = load_servers(workspace.shared / "servers.toml")
    secrets = wanted.secrets(os.environ.items())
    listener.step(f"importing {application.app}")
    one = prepare_application(application, servers, cache, secrets)
    if other is None:
        return PreparedReceipt(wanted, one, None, logs, listener)
    listener.step(f"importing {other.app}, to compare with")
    return PreparedReceipt(
        wanted, one, prepare_application(other, servers, cache, secrets), logs, listener
    )


class _Observed(msgspec.Struct, frozen=True):
    """What was seen of an application, and what it and the other are asked under load."""

    observation: Observation
    application: LoadedApplication | None = None
    other: LoadedApplication | None = None


def _observe(prepared: PreparedReceipt) -> _Observed:
    """Check the answers of both applications, and watch the requests of the first."""
    wanted, application = prepared.wanted, prepared.application
    if application is None:
        return _Observed(_observe_from_outside(prepared))
    other = None
    if prepared.other is not None:
        with _asked(prepared, prepared.other, {}) as (_, answers):
            other = LoadedApplication(prepared.other, answers)
    checked: list[CheckedRequest] = []

    @contextmanager
    def started(extra: Mapping[str, str]) -> Iterator[LiveApplication]:
        with _asked(prepared, application, extra) as (live, answers):
            checked.extend(answers)
            prepared.listener.step("counting what a request does")
            yield live

    observation = observe(
        started,
        wanted.requests,
        served=application.served,
        root=application.root,
        libraries=application.libraries,
        middleware=application.middleware,
        tell=prepared.listener.passing,
    )
    return _Observed(observation, LoadedApplication(application, tuple(checked)), other)


def _observe_from_outside(prepared: PreparedReceipt) -> Observation:
    wanted, listener = prepared.wanted, prepared.listener
    url = wanted.url or ""
    listener.step("asking each URL")
    check_answers(wanted, address_of(url), secrets=wanted.secrets(()))
    listener.step("counting what a request does, from outside")
    return observe_running(address_of(url), wanted.requests, url=url)


@contextmanager
def _asked(
    prepared: PreparedReceipt, application: PreparedApplication, extra: Mapping[str, str]
) -> Iterator[tuple[LiveApplication, tuple[CheckedRequest, ...]]]:
    """A running application whose answers can be measured, within the block."""
    wanted, listener = prepared.wanted, prepared.listener
    listener.step(
        f"starting {application.deployment.app} on {application.server_name}, "
        f"Python {application.probed.python}"
    )
    with start_application(
        application, log=prepared.logs / "server.log", first=_first(wanted), extra=extra, tell=True
    ) as live:
        listener.step("asking each URL")
        yield live, check_answers(
            wanted, live.address,
            said=live.process.said_since,
            size=live.log_size,
            alive=lambda: live.running,
            first_s=START_S,
            secrets=application.secrets,
        )  # fmt: skip


def _measure(
    prepared: PreparedReceipt,
    observed: _Observed,
    application: LoadedApplication,
    seconds: float,
) -> Loaded:
    """Measure CPU time under load, of both applications and of the price ladder."""
    listener = prepared.listener
    listener.step(f"measuring CPU time under load, {seconds:.0f} s")
    return measure(
        application,
        observed.other,
        wanted_prices(observed.observation),
        Effort(connections=prepared.wanted.connections, seconds=seconds),
        prepared.logs,
        told=lambda share: listener.passing(f"measuring CPU time under load, {share:.0%} done"),
    )


def _in_runs(observation: Observation) -> frozenset[str]:
    """Names of the prices that are wanted of a kept run."""
    return names_in_runs(wanted_prices(observation))


def _prices(
    loaded: Loaded | None, connections: int, kept: Callable[[], KeptPrices | None]
) -> PriceBook | None:
    """Measured here if they could be, else those of a kept run; None without any."""
    if loaded is not None:
        return measured_prices(loaded)
    taken = kept()
    return None if taken is None else TakenPrices(taken, connections)


def _notes(prepared: PreparedReceipt) -> list[str]:
    notes = [] if prepared.application is None else list(prepared.application.notes)
    if sys.platform != "linux" and prepared.application is not None:
        notes.append(_ONLY_LINUX)
    return notes
