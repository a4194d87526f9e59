"""A receipt from beginning to end, with toys in place of servers."""

import sys
from pathlib import Path

import msgspec
import pytest

from harness.analysis.receipt.receipt import Receipt
from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.application import Wanted, WantedRequest
from harness.records.observation import Amount
from harness.runner.receipt.make import make_receipt
from tests.toys.applications import SERVERS_TOML, deployed, write_project


class Steps:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, what: str) -> None:
        self.steps.append(what)

    def passing(self, what: str) -> None:
        pass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("receipt")
    (folder / "root" / "shared").mkdir(parents=True)
    (folder / "root" / "shared" / "servers.toml").write_text(SERVERS_TOML)
    write_project(folder / "project")
    return folder


def wanted(place: Path, *targets: str, **given: object) -> Wanted:
    requests = tuple(WantedRequest("GET", target) for target in targets)
    return Wanted(requests, deployed(place / "project"), **given)  # type: ignore[arg-type]


def made(place: Path, asked: Wanted, heard: Steps | None = None) -> Receipt:
    return make_receipt(
        asked, Workspace(place / "root"), place / "cache", heard or Steps(), count_only=True
    )


def test_what_a_request_takes_is_counted(place: Path) -> None:
    """The toy's server hands every connection to a thread that it starts."""
    receipt = made(place, wanted(place, "/", "/echo?token=t0ken-value"))
    assert [(url.request.name, url.status) for url in receipt.urls] == [
        ("GET /", 200), ("GET /echo?token=...", 200),
    ]  # fmt: skip
    assert receipt.served.server == "gunicorn-gthread"
    for url in receipt.urls:
        assert url.counted[Amount.BYTES_OUT].lowest > 0
        assert url.cpu is None


def test_a_status_that_is_expected_is_counted(place: Path) -> None:
    asked = msgspec.structs.replace(wanted(place, "/old"), expect=(302,))
    assert [url.status for url in made(place, asked).urls] == [302]


def test_the_other_application_is_asked_first(place: Path) -> None:
    """What it lacks is told before a second is spent on the first."""
    other = deployed(place / "project", "shop:picky", server="gunicorn-gthread")
    heard = Steps()
    with pytest.raises(UsageError, match="answers 404"):
        made(place, msgspec.structs.replace(wanted(place, "/"), against=other), heard)
    assert not any("counting" in step for step in heard.steps)


def test_another_system_is_told_what_is_missing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    asked = wanted(place, "/")
    receipt = make_receipt(asked, Workspace(place / "root"), place / "cache", Steps())
    assert any("Linux" in note for note in receipt.notes)
    assert receipt.urls[0].cpu is None


def test_answers_are_refused_before_anything_is_measured(place: Path) -> None:
    heard = Steps()
    with pytest.raises(UsageError) as caught:
        made(place, wanted(place, "/", "/old", "/fails"), heard)
    told = str(caught.value)
    assert "`GET /old` answers 302" in told
    assert "`GET /fails` answers 500" in told
    assert "Traceback of the view" in told
    assert "s3cr3t-word" not in told
    assert heard.steps[-1] == "asking each URL"
