"""A receipt from beginning to end: serve, check, watch, measure, tell."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from harness.analysis.receipt.receipt import Receipt, UrlReceipt
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
from harness.records.observation import SentRequest, Served
from harness.runner.receipt.check import CheckedRequest, check_answers


class ReceiptListener(Protocol):
    """Hears what happens while a receipt is made."""

    def step(self, what: str) -> None:
        """Something begins."""

    def passing(self, what: str) -> None:
        """A small part of it begins."""


class PreparedReceipt(msgspec.Struct, frozen=True):
    """What is wanted, prepared: an application of ours to serve, or one that runs.

    other: what it is compared with.
    """

    wanted: Wanted
    application: PreparedApplication | None
    other: PreparedApplication | None


def make_receipt(
    wanted: Wanted,
    workspace: Workspace,
    cache: Path,
    listener: ReceiptListener,
) -> Receipt:
    """Make the receipt that is wanted.

    Args:
        workspace: has the servers' command lines.
        cache: where packages of servers are kept.
        listener: hears of the progress.

    Raises:
        UsageError: the application, its server or an answer cannot be used as asked.
        ServerFailed: the application did not start.
    """
    began = time.monotonic()
    prepared = _prepare(wanted, workspace, cache, listener)
    with tempfile.TemporaryDirectory(prefix="bridgetoll-") as logs:
        checked = _check(prepared, Path(logs), listener)
    notes = [] if prepared.application is None else list(prepared.application.notes)
    if sys.platform != "linux":
        notes.append("Prices are measured on Linux only, so nothing has a price here.")
    return Receipt(
        version=version("bridgetoll"),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe(),
        served=_served(wanted, prepared.application),
        other=None if prepared.other is None else prepared.other.served,
        urls=tuple(
            UrlReceipt(
                request=sent_request(each.request), status=each.status, requests=0, counted={},
                items=(),
            )
            for each in checked
        ),
        left_behind=None,
        prices=None,
        recommendations=(),
        notes=tuple(notes),
        took_s=time.monotonic() - began,
    )  # fmt: skip


def sent_request(request: WantedRequest) -> SentRequest:
    """A request as it may be shown."""
    return SentRequest(
        method=request.method,
        target=request.name.partition(" ")[2],
        headers=request.header_names,
        form=request.form_names,
    )


def address_of(url: str) -> Address:
    """Of the server behind `--url`."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or 80)


def _prepare(
    wanted: Wanted, workspace: Workspace, cache: Path, listener: ReceiptListener
) -> PreparedReceipt:
    if wanted.deployment is None:
        return PreparedReceipt(wanted, None, None)
    servers, _ = load_servers(workspace.shared / "servers.toml")
    secrets = wanted.secrets(os.environ.items())
    listener.step(f"importing {wanted.deployment.app}")
    application = prepare_application(wanted.deployment, servers, cache, secrets)
    other = None
    if wanted.against is not None:
        listener.step(f"importing {wanted.against.app}, to compare with")
        other = prepare_application(wanted.against, servers, cache, secrets)
    return PreparedReceipt(wanted, application, other)


def _check(
    prepared: PreparedReceipt, logs: Path, listener: ReceiptListener
) -> tuple[CheckedRequest, ...]:
    """Ask every URL of both applications once, before anything is measured."""
    wanted = prepared.wanted
    if prepared.application is None:
        listener.step("asking each URL")
        return check_answers(wanted, address_of(wanted.url or ""))
    with _asked(prepared.application, wanted, logs, listener) as (_, checked):
        pass
    if prepared.other is not None:
        with _asked(prepared.other, wanted, logs, listener):
            pass
    return checked


@contextmanager
def _asked(
    prepared: PreparedApplication, wanted: Wanted, logs: Path, listener: ReceiptListener
) -> Iterator[tuple[LiveApplication, tuple[CheckedRequest, ...]]]:
    """A running application whose answers can be measured, within the block."""
    listener.step(
        f"starting {prepared.deployment.app} on {prepared.server_name}, "
        f"Python {prepared.probed.python}"
    )
    first = next((r for r in wanted.requests if r.method == "GET"), None)
    with start_application(prepared, log=logs / "server.log", first=first, tell=True) as live:
        listener.step("asking each URL")
        yield live, check_answers(
            wanted, live.address,
            said=live.process.said_since,
            size=live.log_size,
            alive=lambda: live.running,
            first_s=START_S,
            secrets=prepared.secrets,
        )  # fmt: skip


def _served(wanted: Wanted, application: PreparedApplication | None) -> Served:
    return Served(app=None, url=wanted.url) if application is None else application.served
