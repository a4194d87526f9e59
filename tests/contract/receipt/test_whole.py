"""A whole receipt of a real project: what it prints and writes, and what it must not."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.analysis.receipt.receipt import Receipt
from harness.base.workspace import Workspace
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.records.observation import Amount
from tests.contract.receipt.examples import Example, empty_database, filled, laid_out
from tests.toys.entry import Said, called

BEARER, FIELD, KEY = "bearer-4be1c0ffee77", "field-0f-a-form-5521", "key-0f-the-project-8842"


class Made(msgspec.Struct, frozen=True):
    """A receipt, all that was written for it, and the project before and after."""

    said: Said
    receipt: Receipt
    page: str
    markdown: str
    example: Example
    before: dict[str, tuple[int, str]]
    after: dict[str, tuple[int, str]]

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.said.out, self.said.err, self.page, self.markdown)


@pytest.fixture
def made(
    cluster: EmbeddedPostgres,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    workspace: Workspace,
) -> Iterator[Made]:
    """Of `startproject` on PostgreSQL: a login and a form."""
    for name in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"):  # as users have it
        monkeypatch.delenv(name, raising=False)
    with empty_database(cluster.url, "whole") as url:
        example = filled(laid_out("startproject", tmp_path, {"DATABASE_URL": url}))
        before = example.files()
        token = "0123456789abcdefghijklmnopqrstuv"
        page, markdown = tmp_path / "receipt.html", tmp_path / "receipt.md"
        with called(workspace, capsys, "receipt", "--count-only", "--json") as receipt:
            said = receipt(
                "--cwd", str(example.folder), "--python", str(example.python),
                "--app", "mysite.asgi:application", "--env", f"DATABASE_URL={url}",
                "--env", f"SECRET_KEY={KEY}", "--header", f"Authorization: Bearer {BEARER}",
                "--cookie", f"sessionid={example.session}", "--cookie", f"csrftoken={token}",
                "--header", f"X-CSRFToken: {token}", "--get", f"/me/?token={BEARER}",
                "--post", "/posts/new/", "--form", f"title={FIELD}", "--form", f"password={FIELD}",
                "--html", str(page), "--markdown", str(markdown),
            )  # fmt: skip
        assert said.status == 0, said.err
        yield Made(
            said, msgspec.json.decode(said.out, type=Receipt), page.read_text(),
            markdown.read_text(), example, before, example.files(),
        )  # fmt: skip


def test_a_receipt_tells_its_counts_and_no_secret_and_changes_nothing(
    made: Made, cluster: EmbeddedPostgres
) -> None:
    password = cluster.url.partition("@")[0].rpartition(":")[2]
    secrets = (BEARER, FIELD, KEY, made.example.session or "", password)
    assert [s for s in secrets for text in made.texts if s in text] == []
    assert made.after == made.before
    asked = {url.request.name: url for url in made.receipt.urls}
    assert [name.partition("?")[0] for name in asked] == ["GET /me/", "POST /posts/new/"]
    me, new = asked.values()
    hops = [url.counted[Amount.HOPS].values for url in (me, new)]
    # A busy machine may hold up a request's last hop until it is counted with the next one.
    assert [max(values, key=lambda value: values[value]) for values in hops] == ["17", "16"]
    assert all(max(values.values()) > sum(values.values()) / 2 for values in hops)
    assert new.request.form == ("title", "password")
    assert "AuthenticationMiddleware" in made.markdown
    assert "AuthenticationMiddleware" in made.page
    assert "Traceback" not in "".join(made.texts)
