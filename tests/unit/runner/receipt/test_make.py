"""A receipt from beginning to end, with toys in place of servers."""

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.application import Wanted, WantedRequest
from harness.runner.receipt.make import make_receipt, sent_request
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


def test_a_request_is_recorded_without_values() -> None:
    request = WantedRequest(
        "POST", "/x?token=abc", headers=(("Authorization", "abc"),), form=(("password", "abc"),)
    )
    sent = sent_request(request)
    assert "abc" not in repr(sent)
    assert sent.name == request.name
    assert (sent.headers, sent.form) == (("Authorization",), ("password",))


def test_answers_are_refused_before_anything_is_measured(place: Path) -> None:
    heard = Steps()
    with pytest.raises(UsageError) as caught:
        make_receipt(
            wanted(place, "/", "/old", "/fails"), Workspace(place / "root"), place / "cache", heard,
        )  # fmt: skip
    told = str(caught.value)
    assert "`GET /old` answers 302" in told
    assert "`GET /fails` answers 500" in told
    assert "Traceback of the view" in told
    assert "s3cr3t-word" not in told
    assert heard.steps[-1] == "asking each URL"
